// One contestant in a process of its own, which does what the comparison asks for: a kernel is
// chosen once per process, and memory can only be told apart that way.

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { runLap } from "../measure.js";
import { contestants } from "./contestants.js";

/** @typedef {import("./contestants.js").Hasher} Hasher */

const PASSWORD = "correct horse battery staple";
const ORIGIN = "http://localhost";
/** Until nothing holds memory any more that is not going to stay. */
const CALM = 12_000;

const [name] = process.argv.slice(2);
const contestant = contestants.find((contestant) => contestant.name === name);
if (contestant === undefined) throw new Error(`nobody is called ${name}`);
const hasher = await contestant.open();
const before = process.memoryUsage.rss();

/** What can be asked for. */
export const answers = {
  kernel: async () => /** @type {any} */ (hasher).stats?.().kernel,

  hash: (/** @type {string} */ password) => hasher.hash(password),

  verify: (/** @type {{ hash: string, password: string }} */ data) => hasher.verify(data),

  lap: (/** @type {{ operation: keyof typeof operations, callers: number, calls: number }} */ lap) =>
    runLap(hasher, { run: operations[lap.operation] }, lap.callers, 0, lap.calls),

  async memory() {
    const most = process.resourceUsage().maxRSS * 1024;
    await sleep(CALM);
    return { before, most, idle: process.memoryUsage.rss() };
  },
};

const operations = {
  hash: (/** @type {Hasher} */ hasher) => hasher.hash(PASSWORD),
  "sign-in": signIn,
};

/** @type {Promise<{ handler: (request: Request) => Promise<Response> }> | undefined} */
let application;

/**
 * From a request to its response, by one of a few users.
 *
 * @param {Hasher} hasher
 */
async function signIn(hasher) {
  application ??= makeApplication(hasher);
  const { handler } = await application;
  const response = await handler(post("sign-in/email", { email: "user@x.test", password: PASSWORD }));
  if (response.status !== 200) throw new Error(`a sign-in was answered with ${response.status}`);
  return response.json();
}

/** @param {Hasher} hasher */
async function makeApplication(hasher) {
  const auth = betterAuth({
    baseURL: ORIGIN,
    secret: randomBytes(32).toString("hex"),
    database: memoryAdapter({ user: [], account: [], session: [], verification: [] }),
    emailAndPassword: { enabled: true, password: hasher },
    rateLimit: { enabled: false },
    logger: { disabled: true },
  });
  const account = { name: "A user", email: "user@x.test", password: PASSWORD };
  const response = await auth.handler(post("sign-up/email", account));
  if (response.status !== 200) throw new Error(`the sign-up was answered with ${response.status}`);
  return auth;
}

/**
 * @param {string} path
 * @param {object} body
 */
function post(path, body) {
  return new Request(`${ORIGIN}/api/auth/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: ORIGIN },
    body: JSON.stringify(body),
  });
}

process.on("message", async (/** @type {{ ask: keyof typeof answers, about: any }} */ { ask, about }) => {
  try {
    process.send?.({ answer: await answers[ask](about) });
  } catch (error) {
    // Sent separately, because only an error's message and stack arrive.
    process.send?.({ error, code: /** @type {any} */ (error).code });
  }
});
process.send?.({ answer: "ready" });
