// The processes of a campaign: those under test, with the shim, and the second one.

import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Control, createControl } from "./shim.js";

/** @import { Task } from "./worker.js" */

/** Bounds a hang, not slowness. */
const HANGS = 60_000;

class Process {
  #child;
  #exit;

  /** @param {string} file @param {NodeJS.ProcessEnv} [env] */
  constructor(file, env = {}) {
    this.#child = fork(fileURLToPath(new URL(file, import.meta.url)), { env: { ...process.env, ...env } });
    this.#exit = once(this.#child, "exit");
    this.ready = this.next();
    // Reported by whoever waits for it.
    this.ready.catch(() => {});
  }

  /** @param {any} message */
  send(message) {
    this.#child.send(message);
  }

  /** The next message; `undefined` where the process was killed by SIGKILL instead. */
  async next() {
    const timer = setTimeout(() => this.#child.kill("SIGABRT"), HANGS);
    try {
      const message = once(this.#child, "message");
      // A message that was sent before the end comes before it.
      const [said] = await Promise.race([message, this.#exit.then(([code, signal]) => {
        if (signal !== "SIGKILL") throw new Error(`the process ended with ${signal ?? code}`);
        return [undefined];
      })]);
      if (said?.error) throw new Error(`in the process: ${said.error}`);
      return said;
    } finally {
      clearTimeout(timer);
    }
  }

  async stop() {
    this.#child.kill("SIGKILL");
    await this.#exit;
  }
}

/** With the shim. */
export class Worker extends Process {
  control;
  isUsable = true;

  /** @param {string} shim @param {string} path of its control */
  constructor(shim, path) {
    createControl(path);
    super("worker.js", { LD_PRELOAD: shim, FAULTS_CONTROL: path });
    this.control = new Control(path);
  }

  /** What was found, and seen by the shim; `killed` where it died. @param {Task} task */
  async carryOut(task) {
    await this.ready;
    this.send(task);
    const said = await this.next();
    this.isUsable = said !== undefined;
    const { findings = [] } = said?.result ?? {};
    return { findings: /** @type {string[]} */ (findings), killed: !said, ...this.control.seen() };
  }

  async stop() {
    this.control.close();
    await super.stop();
  }
}

/** Workers, of which one is being started while another one works. */
export class Workers {
  #shim;
  #directory;
  #started = 0;
  /** @type {Worker[]} */
  #waiting = [];

  /** @param {string} shim @param {string} directory */
  constructor(shim, directory) {
    this.#shim = shim;
    this.#directory = directory;
  }

  #start() {
    this.#started += 1;
    return new Worker(this.#shim, join(this.#directory, `control-${this.#started}`));
  }

  /** @param {number} ahead how many more will be needed soon */
  take(ahead) {
    const worker = this.#waiting.shift() ?? this.#start();
    while (this.#waiting.length < ahead) this.#waiting.push(this.#start());
    return worker;
  }

  /** @param {Worker} worker */
  async giveBack(worker) {
    if (worker.isUsable) this.#waiting.unshift(worker);
    else await worker.stop();
  }

  async stop() {
    await Promise.all(this.#waiting.splice(0).map((worker) => worker.stop()));
  }
}

/** Without the shim. */
export class Neighbour extends Process {
  constructor() {
    super("neighbour.js");
  }

  /** Commits to that file until it is told to end. @param {string} path */
  async begin(path) {
    await this.ready;
    this.send(path);
    await this.next();
  }

  /** @returns {Promise<number>} how many of its rows were acknowledged */
  async end() {
    this.send("end");
    return (await this.next()).result;
  }
}
