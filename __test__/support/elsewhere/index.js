// Tasks in other processes and on other threads.
//
// A task is sent as source text: it sees what it is passed, and nothing of the file it stands in.

import { fork } from "node:child_process";
import { EventEmitter, on, once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { onTestFinished } from "vitest";

/** @import { Task } from "./main.js" */

const main = fileURLToPath(new URL("main.js", import.meta.url));

/**
 * @param {Task} task
 * @param {any} [data]
 * @param {string[]} [nodeOptions]
 */
export function inProcess(task, data, nodeOptions = []) {
  const child = fork(main, { execArgv: nodeOptions, serialization: "advanced" });
  child.send({ source: `${task}`, data });
  return elsewhere(child, (message) => child.send(message), () => child.kill("SIGKILL"));
}

/**
 * In a process that sees an empty file system of its own at `path`; Linux only.
 *
 * @param {string} options of mount for it, such as "size=1m"
 * @param {string} path of a folder
 * @param {Task} task
 * @param {any} [data]
 */
export function inMount(options, path, task, data) {
  const script = 'mount -t tmpfs -o "$0" tmpfs "$1" && shift && exec "$@"';
  const execArgv = ["-rm", "sh", "-c", script, options, path, process.execPath];
  const child = fork(main, { execPath: "unshare", execArgv, serialization: "advanced" });
  child.send({ source: `${task}`, data });
  return elsewhere(child, (message) => child.send(message), () => child.kill("SIGKILL"));
}

/**
 * @param {Task} task
 * @param {any} [data]
 */
export function inThread(task, data) {
  const worker = new Worker(main);
  worker.postMessage({ source: `${task}`, data });
  return elsewhere(worker, (message) => worker.postMessage(message), () => worker.terminate());
}

/**
 * @param {EventEmitter} there emits "message" and "exit"
 * @param {(message: any) => void} tell
 * @param {() => unknown} stop
 */
function elsewhere(there, tell, stop) {
  const conversation = new EventEmitter();
  const said = on(conversation, "said", { close: ["over"] });
  /** @type {{ result?: any, error?: object } | undefined} */
  let outcome;
  there.on("message", (message) => {
    if ("said" in message) conversation.emit("said", message.said);
    else outcome = message;
  });
  /** @type {string | null} */
  let signal = null;
  const exit = once(there, "exit").then(([code, by = null]) => {
    conversation.emit("over");
    signal = by;
    return code;
  });
  // Nobody may be waiting for it.
  exit.catch(() => {});
  onTestFinished(async () => {
    stop();
    await exit;
  });

  return {
    /** Passes a message on to the task. @param {any} [message] */
    tell: (message = null) => tell({ said: message }),
    /** The next message of the task. */
    async told() {
      const { done, value } = await said.next();
      if (done) throw await this.result().catch((error) => error);
      return value[0];
    },
    /** What the task returned, after an end of its own accord. */
    async result() {
      const code = await exit;
      if (outcome?.error) throw Object.assign(new Error(), outcome.error);
      if (code === 0 && outcome) return outcome.result;
      throw new Error(`it ended with exit code ${code}, ${outcome ? "after" : "before"} its task`);
    },
    /** How the process ended: its exit code, or the signal that ended it. */
    async ended() {
      const code = await exit;
      return { code, signal };
    },
    /** Ends it at once. */
    async stop() {
      stop();
      await exit;
    },
  };
}
