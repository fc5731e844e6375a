// Where tasks run; see index.js. Nothing here keeps the process or the thread alive, so that it
// ends by itself when its task has.

import { on } from "node:events";
import { createRequire } from "node:module";
import { parentPort } from "node:worker_threads";
import * as native from "../../../index.js";
import { user } from "../rows.js";
import { turn } from "../event-loop.js";

/**
 * @typedef {object} Here
 * @property {typeof native.nativeAdapter} nativeAdapter
 * @property {typeof user} user
 * @property {typeof turn} turn
 * @property {NodeJS.Require} require
 * @property {(message?: any) => void} tell
 * @property {() => Promise<any>} told The next message from the test.
 * @property {any} data
 */

/** @typedef {(here: Here) => any} Task */

const port = parentPort ?? process;
const send = (/** @type {any} */ message) =>
  parentPort ? parentPort.postMessage(message) : process.send?.(message);
const held = parentPort ?? /** @type {NonNullable<typeof process.channel>} */ (process.channel);
const messages = on(/** @type {any} */ (port), "message");

async function next() {
  held.ref();
  const { value } = await messages.next();
  held.unref();
  return value[0];
}

const require = createRequire(import.meta.url);
const { source, data } = await next();
const tell = (/** @type {any} */ message = null) => send({ said: message });
const told = async () => (await next()).said;
try {
  // Imported rather than evaluated: also where code must not be generated from strings.
  const text = encodeURIComponent(`export default ${source}`);
  const { default: task } = await import(`data:text/javascript,${text}`);
  send({ result: await task({ ...native, user, turn, require, tell, told, data }) });
} catch (error) {
  const { name, message, stack, code, retryable } = /** @type {any} */ (error);
  send({ error: { name, message, stack, code, retryable } });
}
