// A cluster in which every server takes writes (Galera): what two of them did at once, one of them
// learns when it commits.

import { afterAll, beforeAll, expect, test } from "vitest";
import { galera } from "./servers/index.js";
import { counter, increment } from "./support/rows.js";
import { connect, databasesAt, eventually, open, openBehindProxy, signal } from "./support/server-database.js";

/** @param {number} length @param {(n: number) => any} make */
const times = (length, make) => Array.from({ length }, (_, n) => make(n));

/** @type {Awaited<ReturnType<typeof galera.startCluster>>} */
let cluster;
beforeAll(async () => {
  cluster = await galera.startCluster();
});
afterAll(() => Promise.all((cluster ?? []).map((server) => server.stop())));

/** One database, by two of its servers, with a row that is there on both. */
async function openTwice() {
  const { url, query, ...one } = await openBehindProxy(databasesAt(cluster[0].url));
  await one.adapter.create({ model: "rateLimit", data: counter });
  const { pathname } = new URL(url);
  const otherUrl = Object.assign(new URL(cluster[1].url), { pathname }).href;
  const outside = await connect(otherUrl);
  await eventually(async () => expect(await outside.query("SELECT * FROM rateLimit")).toHaveLength(1));
  return { query, adapters: [one, open(otherUrl)] };
}

const total = async (/** @type {(sql: string) => Promise<any[]>} */ query) =>
  (await query("SELECT SUM(count) AS total FROM rateLimit"))[0].total;

test("calls of their own are made again until they succeed, and none is counted twice", async () => {
  const { query, adapters } = await openTwice();
  const calls = times(40, (n) => adapters[n % 2].adapter.incrementOne(increment));
  const counts = (await Promise.all(calls)).map(({ count }) => count);
  expect(counts.toSorted((one, other) => one - other)).toEqual(times(40, (n) => n + 1));
  expect(Number(await total(query))).toBe(40);
});

/**
 * A transaction on each of the two servers, which both have written before either commits.
 *
 * @param {{ database: any }[]} adapters
 * @param {object} [options] of withTransaction
 */
function collide(adapters, options) {
  let written = 0;
  const both = signal();
  const transactions = adapters.map(({ database }) =>
    database.withTransaction(async (/** @type {any} */ inside) => {
      await inside.incrementOne(increment);
      written += 1;
      if (written === 2) both();
      await both.given;
    }, options),
  );
  return Promise.allSettled(transactions);
}

test("of two transactions that wrote the same row one is undone, and may be made again", async () => {
  const { query, adapters } = await openTwice();
  const outcomes = await collide(adapters);
  const refused = outcomes.filter(({ status }) => status === "rejected");
  expect(refused).toMatchObject([{ reason: { code: "DEADLOCK", retryable: true } }]);
  expect(Number(await total(query))).toBe(1);
});

test("with retries both succeed", async () => {
  const { query, adapters } = await openTwice();
  const outcomes = await collide(adapters, { retries: 10 });
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
  expect(Number(await total(query))).toBe(2);
});
