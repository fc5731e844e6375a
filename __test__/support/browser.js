// A visitor of an application: speaks HTTP to its handler and keeps its cookies.

import { basics } from "./basics.js";

/** @param {{ handler: (request: Request) => Promise<Response> }} auth */
export function browser(auth) {
  /** @type {Map<string, string>} */
  const cookies = new Map();

  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @param {Record<string, string>} [extra] headers
   */
  async function request(method, path, body, extra) {
    const response = await auth.handler(
      new Request(`${basics.baseURL}/api/auth${path}`, {
        method,
        headers: { "content-type": "application/json", origin: basics.baseURL, ...sent(), ...extra },
        body: body && JSON.stringify(body),
      }),
    );
    for (const line of response.headers.getSetCookie()) keep(line);
    const text = await response.text();
    return { status: response.status, headers: response.headers, data: text && JSON.parse(text) };
  }

  function sent() {
    const cookie = [...cookies].map((pair) => pair.join("=")).join("; ");
    return { cookie };
  }

  /** @param {string} line a Set-Cookie header */
  function keep(line) {
    const [, name, value] = /** @type {RegExpExecArray} */ (/^([^=]+)=([^;]*)/.exec(line));
    if (/max-age=0/i.test(line)) cookies.delete(name);
    else cookies.set(name, value);
  }

  return {
    /** For `auth.api`. */
    get headers() {
      return new Headers(sent());
    },
    /** @param {string} path @param {Record<string, string>} [headers] */
    get: (path, headers) => request("GET", path, undefined, headers),
    /** @param {string} path @param {object} [body] @param {Record<string, string>} [headers] */
    post: (path, body = {}, headers) => request("POST", path, body, headers),
    /** The user that is signed in, or null. */
    async user() {
      return (await request("GET", "/get-session")).data?.user ?? null;
    },
  };
}
