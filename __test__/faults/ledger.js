// What a process was told about each of its writes. It is written before the process goes on, so
// that it is known after its death too.

import { closeSync, openSync, readFileSync, writeSync } from "node:fs";

/**
 * @typedef {object} Entry
 * @property {number} step
 * @property {number} [change] of the step; of a transaction, a statement. Without: all of the step.
 * @property {"begun" | "acknowledged" | "failed"} outcome
 * @property {string} [code]
 * @property {string} [message]
 */

/** What is noted beside the steps. @typedef {{ filled: number }} Filled */

export class Ledger {
  #fd;
  /** @type {(Entry | Filled)[]} */
  entries = [];

  /** @param {string} path */
  constructor(path) {
    this.#fd = openSync(path, "a");
  }

  /** @param {Entry | Filled} entry */
  note(entry) {
    this.entries.push(entry);
    writeSync(this.#fd, `${JSON.stringify(entry)}\n`);
  }

  /**
   * Notes how `work` begins and ends, and does not fail.
   *
   * @param {{ step: number, change?: number }} which
   * @param {() => Promise<unknown>} work
   */
  async attempt(which, work) {
    this.note({ ...which, outcome: "begun" });
    try {
      await work();
      this.note({ ...which, outcome: "acknowledged" });
    } catch (error) {
      const { code, message } = /** @type {any} */ (error);
      this.note({ ...which, outcome: "failed", code, message });
    }
  }

  close() {
    closeSync(this.#fd);
  }
}

/** @param {string} path @returns {(Entry | Filled)[]} */
export function readLedger(path) {
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line));
}
