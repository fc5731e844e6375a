// Whether many callers' statements should share a connection, each sent before the one before is
// answered: the same client, which can do both, near the server and far from it.
//
// `npm run bench -- pipelining`; docs/performance.md says what came of it.

import { equal } from "node:assert/strict";
import { describeMachine } from "../machine.js";
import { measurer } from "../measure.js";
import { DELAYS, startNetwork } from "../network/index.js";
import { printHeading, printMachine, printResults } from "../report.js";
import { mysql } from "./mysql.js";
import { postgres } from "./postgres.js";

/**
 * @typedef {object} Engine
 * @property {string} name
 * @property {(rows: Row[]) => Promise<{ url: string, stop: () => Promise<void> }>} start A server with these rows
 *   in its table `session`.
 * @property {(url: string, connections: number, depth: number) => Promise<Client>} open `depth` is how many
 *   statements may be under way on a connection.
 */

/** @typedef {{ token: string, value: number }} Row */

/**
 * @typedef {object} Client
 * @property {(token: string) => Promise<number>} find The value of its row.
 * @property {() => Promise<unknown>} close
 */

/** @typedef {Client & { name: string }} Contestant */

const CALLERS = 64;

/** [name, connections, statements under way on each] @type {[string, number, number][]} */
const CONTESTANTS = [
  ["10 connections, one statement on each", 10, 1],
  ["10 connections, pipelined", 10, 100],
  ["2 connections, pipelined", 2, 100],
  ["50 connections, one statement on each", 50, 1],
];

const ROWS = Array.from({ length: 10_000 }, (_, n) => ({ token: `token ${n}`, value: n }));

/** @type {import("../comparisons.js").Comparison} */
export const pipelining = {
  rounds: 7,
  install: async () => {},
  run: ({ rounds }) => comparePipelining(rounds),
};

/** @param {number} rounds */
async function comparePipelining(rounds) {
  const machine = describeMachine();
  printMachine(machine, []);
  const measurements = [];
  for (const engine of [postgres, mysql]) measurements.push(...(await compareOn(engine, rounds)));
  const date = new Date().toISOString();
  return { comparison: "pipelining", engine: "PostgreSQL, MySQL", date, machine, rounds, measurements, bars: [] };
}

/** @param {Engine} engine @param {number} rounds */
async function compareOn({ name, start, open }, rounds) {
  const { url, stop } = await start(ROWS);
  console.log(`\n${name}`);
  printHeading(CALLERS);
  /** @type {import("../compare.js").Measurement[]} */
  const measurements = [];
  for (const delay of DELAYS) {
    const network = await startNetwork(url, delay);
    /** @type {Contestant[]} */
    const contestants = [];
    for (const [name, connections, depth] of CONTESTANTS) {
      contestants.push({ name, ...(await open(network.url, connections, depth)) });
    }
    await Promise.all(contestants.map(checkAnswers));
    const operation = `${name}: a row by its key, ${delay} ms later in each direction`;
    const results = await measurer(contestants, 0, rounds)({ run: find }, CALLERS);
    measurements.push({ operation, kind: "find", callers: CALLERS, results });
    printResults(operation, results);
    for (const { close } of contestants) await close();
    network.stop();
  }
  await stop();
  return measurements;
}

/** @param {Client} client @param {number} n */
const find = (client, n) => client.find(ROWS[n % ROWS.length].token);

/** Everybody gets what they have asked for, and not what a neighbour has. @param {Contestant} contestant */
async function checkAnswers(contestant) {
  const callers = ROWS.slice(0, CALLERS).map(async ({ value }, n) => {
    equal(await find(contestant, n), value, contestant.name);
  });
  await Promise.all(callers);
}
