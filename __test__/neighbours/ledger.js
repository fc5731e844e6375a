// What a writer was told about its writes, in a file that outlives the writer: one line when a write
// begins, one when it was acknowledged or refused. A write without the second line was cut off.

import { closeSync, openSync, readFileSync, readdirSync, writeSync } from "node:fs";
import { join } from "node:path";

/** @typedef {[key: string, version: number]} Change 0 is the version of what was deleted. */
/** @typedef {{ id: string, changes: Change[], outcome: "acknowledged" | "refused" | "cut off" }} Write */
/** @typedef {ReturnType<typeof openLedger>} Ledger */

const ACKNOWLEDGED = "!";
const REFUSED = "-";
const BEGUN = "?";

/**
 * A ledger of one writer; a row is written by one writer only, counters by all.
 *
 * @param {string} folder
 * @param {string} name starts with the side that writes, and a dash
 */
export function openLedger(folder, name) {
  const file = openSync(join(folder, name), "a");
  let [writes, keys] = [0, 0];
  const write = (/** @type {unknown[]} */ ...words) => void writeSync(file, `${words.join(" ")}\n`);
  return {
    /** @param {string} table */
    newKey: (table) => `${table}:${name}.${(keys += 1)}`,
    /** @param {Change[]} changes that are made together or not at all */
    begun(changes) {
      const id = (writes += 1);
      write(BEGUN, id, ...changes.map(([key, version]) => `${key}=${version}`));
      return id;
    },
    acknowledged: (/** @type {number} */ id) => write(ACKNOWLEDGED, id),
    refused: (/** @type {number} */ id) => write(REFUSED, id),
    close: () => closeSync(file),
  };
}

/**
 * The writes of every writer, in the order that each made its own.
 *
 * @param {string} folder
 * @returns {{ side: string, writes: Write[] }[]}
 */
export function readLedgers(folder) {
  return readdirSync(folder).map((name) => ({
    side: name.slice(0, name.indexOf("-")),
    writes: readWrites(name, readFileSync(join(folder, name), "utf8")),
  }));
}

/** @param {string} name @param {string} text */
function readWrites(name, text) {
  /** @type {Map<string, Write>} */
  const writes = new Map();
  // A kill may have cut off the last line.
  for (const line of text.split("\n").slice(0, -1)) {
    const [mark, id, ...changes] = line.split(" ");
    if (mark === BEGUN) {
      writes.set(id, { id: `${name}#${id}`, changes: changes.map(readChange), outcome: "cut off" });
    } else {
      const write = writes.get(id);
      if (write === undefined) throw new Error(`${name} has an outcome of ${id}, which was not begun`);
      write.outcome = mark === ACKNOWLEDGED ? "acknowledged" : "refused";
    }
  }
  return [...writes.values()];
}

/** @param {string} text @returns {Change} */
function readChange(text) {
  const [key, version] = text.split("=");
  return [key, Number(version)];
}
