// The preloaded shim (shim.c): compiled, and spoken with by the file that it maps.

import { execFileSync } from "node:child_process";
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("shim.c", import.meta.url));

/** In the order that shim.c has them in. */
const OPERATIONS = ["none", "write", "sync", "truncation"];
const FILES = ["other", "database", "log", "log's index", "journal"];

/** What can happen to an operation. */
export const ACTIONS = Object.freeze({
  "EIO": 1,
  "ENOSPC": 2,
  "ENOSPC from then on": 3,
  "EINTR": 4,
  "short write": 5,
  "short write, then ENOSPC": 6,
  "SIGKILL before": 7,
  "SIGKILL halfway": 8,
});

/** @typedef {keyof typeof ACTIONS} Action */

/** Those that the process does not survive. @type {Action[]} */
export const KILLS = ["SIGKILL before", "SIGKILL halfway"];

/** @type {Action[]} */
export const ERRORS = (/** @type {Action[]} */ (Object.keys(ACTIONS))).filter((action) => !KILLS.includes(action));

/** Those that SQLite makes up for by trying the rest of the write again. @type {Action[]} */
export const HARMLESS_TO_WRITES = ["EINTR", "short write"];

/**
 * Needs a C compiler on Linux, as the addon itself does.
 *
 * @param {string} directory
 * @returns the compiled shim
 */
export function compileShim(directory) {
  if (process.platform !== "linux") {
    throw new Error(`faults are injected by LD_PRELOAD, which ${process.platform} does not have: run this on Linux`);
  }
  const shim = join(directory, "shim.so");
  execFileSync("cc", ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", shim, source, "-ldl"]);
  return shim;
}

/** Makes the file by which a process with the shim is controlled. @param {string} path */
export function createControl(path) {
  const fd = openSync(path, "w");
  ftruncateSync(fd, 4_096);
  closeSync(fd);
}

/** The control of a shim, from its own process or from another. */
export class Control {
  #fd;
  #words = new BigInt64Array(5);

  /** @param {string} path */
  constructor(path) {
    this.#fd = openSync(path, "r+");
  }

  /** Begins to count, and lets operation `at` meet with `action`. @param {number} at @param {Action} action */
  arm(at, action) {
    this.#words.set([BigInt(at), BigInt(ACTIONS[action]), 0n, 0n, 0n]);
    writeSync(this.#fd, this.#words, 0, this.#words.byteLength, 0);
  }

  /** Nothing fails any more. What was seen stays to be read. */
  disarm() {
    writeSync(this.#fd, new BigInt64Array([0n]), 0, 8, 0);
  }

  /** What was seen since it was armed. */
  seen() {
    readSync(this.#fd, this.#words, 0, this.#words.byteLength, 0);
    const [, , operations, reached, file] = [...this.#words].map(Number);
    return {
      operations,
      /** What failed: `undefined` where it was not reached, or such a thing cannot happen to it. */
      fault: reached === 0 ? undefined : { operation: OPERATIONS[reached], file: FILES[file] },
    };
  }

  close() {
    closeSync(this.#fd);
  }
}
