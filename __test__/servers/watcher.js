// The process behind temporary.js: when its standard input ends, the process that wrote there is
// gone, and what it left is ended and removed.

import { rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";

/**
 * @typedef {object} State of a directory
 * @property {string} directory
 * @property {number} [pid] of the server in it
 * @property {NodeJS.Signals} [signal] that ends it at once
 * @property {boolean} [removed]
 */

/** @type {Map<string, State>} */
const left = new Map();
for await (const line of createInterface({ input: process.stdin })) {
  const state = /** @type {State} */ (JSON.parse(line));
  if (state.removed) left.delete(state.directory);
  else left.set(state.directory, state);
}
await Promise.all([...left.values()].map(clear));

/** @param {State} state */
async function clear({ directory, pid, signal = "SIGKILL" }) {
  if (pid !== undefined && send(pid, signal)) {
    for (let waited = 0; waited < 5_000 && send(pid, 0); waited += 50) await setTimeout(50);
    // Its process group.
    send(-pid, "SIGKILL");
  }
  // Its processes may still be writing for a moment.
  await rm(directory, { recursive: true, force: true, maxRetries: 10 });
}

/**
 * @param {number} pid
 * @param {NodeJS.Signals | 0} signal
 */
function send(pid, signal) {
  try {
    return process.kill(pid, signal);
  } catch {
    return false; // Gone.
  }
}
