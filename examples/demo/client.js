// A browser, as far as Better Auth can tell: names its origin, keeps its cookies.

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {any} body
 * @property {number} milliseconds
 */

export class Client {
  /** @type {Map<string, string>} */
  #cookies = new Map();
  #origin;

  /** @param {string} origin of the server, such as http://127.0.0.1:3000 */
  constructor(origin) {
    this.#origin = origin;
  }

  /**
   * @param {string} path below Better Auth's
   * @returns {Promise<Answer>}
   */
  get(path) {
    return this.#send(path, { method: "GET" });
  }

  /**
   * @param {string} path below Better Auth's
   * @param {object} body
   * @returns {Promise<Answer>}
   */
  post(path, body) {
    return this.#send(path, { method: "POST", body: JSON.stringify(body) });
  }

  /**
   * @param {string} path
   * @param {RequestInit} request
   */
  async #send(path, request) {
    const cookie = [...this.#cookies].map((pair) => pair.join("=")).join("; ");
    const headers = { "content-type": "application/json", origin: this.#origin, cookie };
    const start = performance.now();
    const response = await fetch(`${this.#origin}/api/auth${path}`, { ...request, headers });
    const body = await response.json();
    const milliseconds = performance.now() - start;

    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/;\s*max-age=0/i.test(line)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return { status: response.status, body, milliseconds };
  }
}
