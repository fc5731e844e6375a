// One comparison from beginning to end, whatever the database: equal answers, then timing, then
// memory, and what it all comes to.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { checkAnswers, checkContents } from "./agreement.js";
import { judge } from "./bars.js";
import { checkFloor, floorOf } from "./floor.js";
import { describeMachine } from "./machine.js";
import { measurer } from "./measure.js";
import { operationsOn } from "./operations.js";
import { printBars, printFloor, printHeading, printMemory, printResults, printStart } from "./report.js";

/**
 * @typedef {import("./engines.js").Engine} Engine
 * @typedef {import("./measure.js").Result} Result
 */

/**
 * What the command line asks for.
 *
 * @typedef {object} Settings
 * @property {number} users
 * @property {number} rounds
 */

/**
 * @typedef {object} Measurement
 * @property {string} operation
 * @property {string} kind Of operation.
 * @property {number} callers
 * @property {Result[]} results
 * @property {import("./floor.js").Floor} [floor] Where it is one of an adapter's operations.
 */

/**
 * @typedef {object} Memory
 * @property {string} contestant
 * @property {number} before Resident bytes with the database open.
 * @property {number} after After a thousand calls of every operation.
 */

/** @typedef {Awaited<ReturnType<typeof compareIn>>} Report */

/** Ratios refer to the second contestant; the first is this package. */
const BASELINE = 1;

/**
 * @param {string} comparison
 * @param {Engine} engine
 * @param {Settings} settings
 */
export async function compare(comparison, engine, settings) {
  const content = await engine.prepare(settings.users);
  try {
    return await compareIn(content, comparison, engine, settings);
  } finally {
    await content.release();
  }
}

/**
 * @param {import("./engines.js").Content} content
 * @param {string} comparison
 * @param {Engine} engine
 * @param {Settings} settings
 */
async function compareIn(content, comparison, engine, { users, rounds }) {
  /** @type {import("./operations.js").Contestant[]} */
  const contestants = [];
  for (const name of engine.names) contestants.push(await engine.open(name, await content.copy()));
  const machine = describeMachine();
  const operations = operationsOn(users);
  const floorAdapter = await checkFloor();
  printStart(machine, contestants, floorAdapter, { users, rounds });
  await checkAnswers(contestants, operations);

  const measure = measurer(contestants, BASELINE, rounds);
  /** @type {Measurement[]} */
  const measurements = [];
  for (const callers of engine.callers) {
    printHeading(callers);
    for (const operation of operations) {
      const results = await measure(operation, callers);
      const { name, kind = "other" } = operation;
      const floor = await floorOf(name, callers, rounds);
      measurements.push({ operation: name, kind, callers, results, floor });
      printResults(name, results);
      printFloor(floor);
    }
  }
  await checkContents(contestants);
  for (const { close } of contestants) await close();

  /** @type {Memory[]} */
  const memory = [];
  for (const name of engine.names) {
    memory.push(await memoryOf(comparison, name, await content.copy(), users));
  }
  printMemory(memory);

  const bars = judge(measurements, engine.promises);
  printBars(bars);
  return {
    comparison,
    engine: engine.name,
    date: new Date().toISOString(),
    machine,
    contestants: contestants.map(({ name, versions }) => ({ name, versions })),
    floor: floorAdapter,
    users,
    rounds,
    measurements,
    memory,
    bars,
  };
}

/**
 * @param {string} comparison
 * @param {string} contestant
 * @param {string} place
 * @param {number} users
 * @returns {Promise<Memory>}
 */
async function memoryOf(comparison, contestant, place, users) {
  const script = fileURLToPath(new URL("memory.js", import.meta.url));
  const args = [script, comparison, contestant, place, String(users)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return { contestant, ...JSON.parse(stdout) };
}
