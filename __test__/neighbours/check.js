// Compares the file with the ledgers, in a process in which nobody else has the file open.

import { once } from "node:events";
import Driver from "libsql";
import { readLedgers } from "./ledger.js";
import { counters, tables, versionOf } from "./rows.js";

/** @typedef {import("./ledger.js").Write} Write */

/**
 * @typedef {object} Findings
 * @property {Record<string, number>} acknowledged rows and additions, by side
 * @property {number} lost of the acknowledged changes: rows that are not there, there again or there in
 *   another version, and additions to a counter
 * @property {number} foreign what nobody acknowledged: rows of refused writes, additions too many
 * @property {number} halves writes that were cut off of which a part is there
 * @property {string} integrity "ok", or what is wrong with the file
 */

process.once("disconnect", () => process.exit(1));
const [{ path, ledgers }] = await once(process, "message");
process.send?.({ result: check(path, ledgers) });
process.removeAllListeners("disconnect").disconnect();

/** @param {string} path @param {string} ledgers @returns {Findings} */
function check(path, ledgers) {
  const sides = readLedgers(ledgers);
  const acknowledged = acknowledgedBy(sides);
  const writes = sides.flatMap((each) => each.writes);
  try {
    return { acknowledged, ...compare(writes, path) };
  } catch (error) {
    if (!(error instanceof Driver.SqliteError)) throw error;
    // A file that cannot be read has lost all.
    const lost = Object.values(acknowledged).reduce((sum, changes) => sum + changes, 0);
    return { acknowledged, lost, foreign: 0, halves: 0, integrity: error.message };
  }
}

/** @param {{ side: string, writes: Write[] }[]} sides */
function acknowledgedBy(sides) {
  /** @type {Record<string, number>} */
  const acknowledged = {};
  for (const { side, writes } of sides) {
    const changes = writes.filter(({ outcome }) => outcome === "acknowledged").flatMap((write) => write.changes);
    acknowledged[side] = (acknowledged[side] ?? 0) + changes.length;
  }
  return acknowledged;
}

/** @param {Write[]} writes @param {string} path */
function compare(writes, path) {
  const driver = new Driver(path);
  try {
    const found = readRows(driver);
    const faults = [compareRows(writes, found), ...Object.values(counters).map((key) => compareCounter(writes, driver, key))];
    const sum = (/** @type {"lost" | "foreign"} */ kind) => faults.reduce((total, each) => total + each[kind], 0);
    return {
      lost: sum("lost"),
      foreign: sum("foreign"),
      halves: writes.filter((write) => isHalfThere(write, found)).length,
      integrity: integrityOf(driver),
    };
  } finally {
    driver.close();
  }
}

/** The versions of the rows, by key; NaN is the version of a content that nobody wrote. @param {Driver.Database} driver */
function readRows(driver) {
  /** @type {Map<string, number>} */
  const found = new Map();
  for (const [table, columns] of Object.entries(tables)) {
    const rows = /** @type {{ key: string, content: unknown }[]} */ (driver.prepare(`SELECT "${columns.key}" AS key, "${columns.content}" AS content FROM "${table}"`).all());
    for (const { key, content } of rows) found.set(key, found.has(key) ? NaN : versionOf(key, content));
  }
  return found;
}

/** @param {Write[]} writes @param {Map<string, number>} found */
function compareRows(writes, found) {
  const expected = expectedRows(writes);
  const faults = { lost: 0, foreign: [...found.keys()].filter((key) => !expected.has(key)).length };
  for (const [key, { told, possible }] of expected) {
    const version = found.get(key) ?? 0;
    if (version === (told ?? 0) || version === possible) continue;
    faults[told === undefined ? "foreign" : "lost"] += 1;
  }
  return faults;
}

/**
 * By key, the version that its writer was told of last, and the one of a write that was cut off.
 *
 * @param {Write[]} writes
 */
function expectedRows(writes) {
  /** @type {Map<string, { told?: number, possible?: number }>} */
  const expected = new Map();
  for (const { changes, outcome } of writes) {
    for (const [key, version] of changes.filter(isOfRow)) {
      const row = expected.get(key) ?? {};
      expected.set(key, row);
      if (outcome === "acknowledged") row.told = version;
      if (outcome === "cut off") row.possible = version;
    }
  }
  return expected;
}

/** @param {Write[]} writes @param {Driver.Database} driver @param {string} counter */
function compareCounter(writes, driver, counter) {
  const { count } = /** @type {any} */ (driver.prepare('SELECT count FROM "rateLimit" WHERE key = ?').get(counter));
  const additions = writes.filter(({ changes }) => changes.some(([key]) => key === counter));
  const told = additions.filter(({ outcome }) => outcome === "acknowledged").length;
  const possible = told + additions.filter(({ outcome }) => outcome === "cut off").length;
  return { lost: Math.max(0, told - count), foreign: Math.max(0, count - possible) };
}

/** @param {Write} write @param {Map<string, number>} found */
function isHalfThere({ changes, outcome }, found) {
  if (outcome !== "cut off") return false;
  const there = changes.filter(isOfRow).map(([key, version]) => (found.get(key) ?? 0) === version);
  return there.includes(true) && there.includes(false);
}

/** @param {import("./ledger.js").Change} change */
function isOfRow([key]) {
  return !Object.values(counters).includes(key);
}

/** @param {Driver.Database} driver */
function integrityOf(driver) {
  const rows = [...driver.prepare("PRAGMA integrity_check").all(), ...driver.prepare("PRAGMA foreign_key_check").all()];
  return rows.map((row) => Object.values(/** @type {object} */ (row)).join(" ")).join("; ");
}
