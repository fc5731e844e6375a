// Processes of a run: started, killed in the middle, and what they told before they ended.

import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** @typedef {ReturnType<typeof startProcess>} Process */

/**
 * @param {string} script of this folder
 * @param {unknown} task
 * @param {{ execPath?: string, execArgv?: string[] }} [program] the Node it runs in
 */
export function startProcess(script, task, program = {}) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = fork(path, { execArgv: [], ...program, stdio: ["ignore", "inherit", "pipe", "ipc"] });
  let [complaint, killed] = ["", false];
  child.stderr?.on("data", (text) => (complaint += text));
  /** @type {any} */
  let result;
  const writing = new Promise((resolve) => {
    child.on("message", (/** @type {any} */ message) => {
      if ("result" in message) ({ result } = message);
      else resolve(true);
    });
  });
  const ended = once(child, "close").then(([code, signal]) => {
    if (killed || code === 0) return { result, killed };
    return { result, killed, complaint: `${script} ended by ${signal ?? `exit code ${code}`}: ${complaint.slice(-2_000)}` };
  });
  child.send(/** @type {any} */ (task));

  return {
    ended,
    /** Kills it some time after its writers have been acknowledged something, unless it has ended. @param {number} seconds */
    async kill(seconds) {
      await Promise.race([writing, ended]);
      await Promise.race([sleep(1_000 * seconds * Math.random(), undefined, { ref: false }), ended]);
      killed = child.exitCode === null && child.signalCode === null && child.kill("SIGKILL");
    },
  };
}
