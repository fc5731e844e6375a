// Whether many callers' statements should share a connection, each sent before the one before is
// answered: the same driver (postgres.js), which can do both, near the server and far from it.
//
// `npm run bench -- pipelining`; docs/performance.md says what came of it.

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import * as server from "../__test__/servers/postgres.js";
import { describeMachine } from "./machine.js";
import { measurer } from "./measure.js";
import { load } from "./peers.js";
import { printHeading, printMachine, printResults } from "./report.js";

const CALLERS = 64;
/** Milliseconds that each direction takes longer. */
const DELAYS = [0, 1, 5];

/** [name, connections, statements under way on each] @type {[string, number, number][]} */
const CONTESTANTS = [
  ["10 connections, one statement on each", 10, 1],
  ["10 connections, pipelined", 10, 100],
  ["2 connections, pipelined", 2, 100],
  ["50 connections, one statement on each", 50, 1],
];

/** @type {import("./comparisons.js").Comparison} */
export const pipelining = {
  rounds: 7,
  install: async () => {},
  run: ({ rounds }) => comparePipelining(rounds),
};

/** @param {number} rounds */
async function comparePipelining(rounds) {
  const machine = describeMachine();
  printMachine(machine, []);
  const { url, stop } = await server.start();
  const { default: connectTo } = await load("postgres");
  const owner = connectTo(url);
  await owner`CREATE TABLE session AS SELECT 'token ' || n AS token, n AS value FROM generate_series(1, 10000) n`;
  await owner`ALTER TABLE session ADD PRIMARY KEY (token)`;
  await owner.end();
  /** @type {import("./compare.js").Measurement[]} */
  const measurements = [];
  for (const delay of DELAYS) {
    const proxy = delay === 0 ? { url, stop() {} } : await startProxy(url, delay);
    const contestants = CONTESTANTS.map(([name, max, max_pipeline]) => {
      const sql = connectTo(proxy.url, { max, max_pipeline });
      return /** @type {any} */ ({ name, sql });
    });
    printHeading(CALLERS);
    const measure = measurer(contestants, 0, rounds);
    const operation = `a row by its key, ${delay} ms later in each direction`;
    const results = await measure({ name: operation, run: find }, CALLERS);
    measurements.push({ operation, kind: "find", callers: CALLERS, results });
    printResults(operation, results);
    for (const { sql } of contestants) await sql.end();
    proxy.stop();
  }
  await stop();
  return { comparison: "pipelining", engine: "PostgreSQL", date: new Date().toISOString(), machine, rounds, measurements, bars: [] };
}

/** @param {any} contestant @param {number} n */
const find = ({ sql }, n) => sql`SELECT value FROM session WHERE token = ${`token ${(n % 10_000) + 1}`}`;

/**
 * In a process of its own: its work is the network's.
 *
 * @param {string} url
 * @param {number} delay
 */
async function startProxy(url, delay) {
  const script = fileURLToPath(new URL("delay.js", import.meta.url));
  const child = fork(script, [url, `${delay}`]);
  const [proxied] = await once(child, "message");
  return { url: /** @type {string} */ (proxied), stop: () => child.kill() };
}
