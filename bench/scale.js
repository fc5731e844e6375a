// What an operation costs as a database grows: this package on databases of a thousand, ten
// thousand, ... users, who take turns.

import { judge } from "./bars.js";
import { bulk } from "./bulk.js";
import { engines } from "./engines.js";
import { describeMachine } from "./machine.js";
import { measurer } from "./measure.js";
import { operationsOn } from "./operations.js";
import { printBars, printHeading, printMachine, printResults } from "./report.js";
import { NATIVE } from "./contestants.js";

/** Scans are as long as their tables are; a list is sorted by an index. */
const SCANS = new Set(["count users", "count users by a filter", "a mix of reads and writes"]);

/** Those who come again and again, however many there are. */
const ACTIVE = 1_000;

const LEAST = 0.5;

/** @type {import("./comparisons.js").Comparison} */
export const scale = {
  rounds: 9,
  install: async () => {
    for (const name of Object.keys(bulk)) await (await engines[name]()).install();
  },
  run: compareSizes,
};

/** @param {import("./compare.js").Settings} settings `users` of the largest database */
async function compareSizes({ users, rounds }) {
  const sizes = [];
  for (let size = 1_000; size <= users; size *= 10) sizes.push(size);
  const machine = describeMachine();
  printMachine(machine, []);
  /** @type {import("./compare.js").Measurement[]} */
  const measurements = [];
  for (const name of Object.keys(bulk)) {
    measurements.push(...(await sizesOf(name, sizes, rounds)));
  }
  const [first, ...larger] = sizes.map(nameOf);
  const bars = judge(measurements, [
    {
      promise: `with ${larger.at(-1)} at least ${LEAST} times as many operations as with ${first}`,
      own: larger.at(-1),
      peers: [first],
      least: LEAST,
    },
  ]);
  printBars(bars);
  return {
    comparison: "scale",
    engine: "growing databases",
    date: new Date().toISOString(),
    machine,
    contestants: sizes.map((size) => ({ name: nameOf(size), versions: [] })),
    users,
    rounds,
    measurements,
    bars,
  };
}

/** @param {number} size */
const nameOf = (size) => `${size.toLocaleString("en")} users`;

/**
 * The look-ups also of few users.
 *
 * @param {number} size
 */
function operationsAt(size) {
  const lookUps = operationsOn(size, ACTIVE).filter(({ kind }) => kind === "find" || kind === "join");
  const ofActive = lookUps.map((operation) => ({ ...operation, name: `${operation.name}, ${ACTIVE.toLocaleString("en")} active` }));
  return [...operationsOn(size), ...ofActive];
}

/**
 * @param {string} name of an engine
 * @param {number[]} sizes
 * @param {number} rounds
 */
async function sizesOf(name, sizes, rounds) {
  const engine = await engines[name]();
  const content = await engine.prepare(0);
  try {
    const contestants = [];
    for (const size of sizes) {
      const place = await content.copy();
      await bulk[name](place, size);
      const contestant = await engine.open(NATIVE, place);
      const operations = new Map(operationsAt(size).map((operation) => [operation.name, operation]));
      contestants.push({ ...contestant, name: nameOf(size), operations });
    }
    console.log(`\n${engine.name}`);
    printHeading(1);
    const measure = measurer(contestants, 0, rounds);
    const measurements = [];
    for (const [operation, { kind = "other", prepare }] of contestants[0].operations) {
      if (SCANS.has(operation)) continue;
      /** @param {"run" | "prepare"} what */
      const own = (what) => (/** @type {any} */ contestant, /** @type {number} */ n) =>
        contestant.operations.get(operation)[what](contestant, n);
      const results = await measure({ run: own("run"), ...(prepare && { prepare: own("prepare") }) }, 1);
      measurements.push({ operation: `${engine.name}: ${operation}`, kind, callers: 1, results });
      printResults(operation, results);
    }
    for (const { close } of contestants) await close();
    return measurements;
  } finally {
    await content.release();
  }
}
