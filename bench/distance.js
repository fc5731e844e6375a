// What a look-up takes the further away the server is, alone and beside others: this package and the
// built-in adapter, each through a network that delays.
//
// `npm run bench -- distance`; docs/performance.md, "Batching", says what came of it.

import { checkAnswers } from "./agreement.js";
import { engines } from "./engines.js";
import { describeMachine } from "./machine.js";
import { measurer } from "./measure.js";
import { DELAYS, startNetwork } from "./network/index.js";
import { operationsOn } from "./operations.js";
import { printHeading, printMachine, printResults } from "./report.js";

const SERVERS = ["postgres", "mysql"];
const CALLERS = [1, 16, 64];
const BASELINE = 1;
/** Milliseconds per round: many journeys there and back. */
const LAP = 500;

/** @type {import("./comparisons.js").Comparison} */
export const distance = {
  rounds: 5,
  install: async () => {
    for (const name of SERVERS) await (await engines[name]()).install();
  },
  run: compareDistances,
};

/** @param {import("./compare.js").Settings} settings */
async function compareDistances({ users, rounds }) {
  const machine = describeMachine();
  printMachine(machine, []);
  const measurements = [];
  for (const name of SERVERS) measurements.push(...(await compareOn(await engines[name](), users, rounds)));
  const date = new Date().toISOString();
  return { comparison: "distance", engine: "PostgreSQL, MySQL", date, machine, users, rounds, measurements, bars: [] };
}

/**
 * @param {import("./engines.js").Engine} engine
 * @param {number} users
 * @param {number} rounds
 */
async function compareOn(engine, users, rounds) {
  const [operation] = operationsOn(users).filter(({ kind }) => kind === "find");
  const content = await engine.prepare(users);
  const place = await content.copy();
  /** @type {import("./compare.js").Measurement[]} */
  const measurements = [];
  console.log(`\n${engine.name}`);
  try {
    for (const delay of DELAYS) {
      const network = await startNetwork(place, delay);
      const contestants = [];
      for (const name of engine.names.slice(0, BASELINE + 1)) contestants.push(await engine.open(name, network.url));
      await checkAnswers(contestants, [operation]);
      const measure = measurer(contestants, BASELINE, rounds, LAP);
      for (const callers of CALLERS) {
        const name = `${engine.name}, ${delay} ms later in each direction, ${callers} ${callers === 1 ? "caller" : "callers"}`;
        printHeading(callers);
        const results = await measure(operation, callers);
        measurements.push({ operation: name, kind: "find", callers, results });
        printResults(name, results);
      }
      for (const { close } of contestants) await close();
      network.stop();
    }
  } finally {
    await content.release();
  }
  return measurements;
}
