// The clean-up of a table full of expired sessions, and what whoever signs in meanwhile notices of
// it: the same load before and during.

import { betterAuth } from "better-auth";
import { connect as connectMysql } from "../../__test__/engines/mysql.js";
import { connect as connectPostgres } from "../../__test__/engines/postgres.js";
import { nativeAdapter, password } from "../../index.js";
import { describeMachine, ownVersion } from "../machine.js";
import { printBars, printMachine } from "../report.js";
import { engines } from "./engines.js";

/**
 * @typedef {object} Latency In milliseconds.
 * @property {number} calls
 * @property {number} p50
 * @property {number} p99
 */

/**
 * @typedef {object} Shown
 * @property {string} engine
 * @property {number} rows
 * @property {number} seconds
 * @property {Record<string, { before: Latency, during: Latency }>} loads
 */

/** How long the usual latency is measured, in milliseconds. */
const BEFORE = 15_000;

/** By how much it may grow. */
const TWICE = 2;

/** What goes on all the time: [what, how often a second]. */
const LOADS = {
  "session created and found": 100,
  "whole sign-in, with its password": 5,
};

const CREDENTIALS = { email: "ada@example.com", password: "correct horse battery staple" };

/** @type {import("../comparisons.js").Comparison} */
export const cleanup = {
  rounds: 1,
  run: ({ rows }) => showAll(rows),
};

/** @param {number} rows */
async function showAll(rows) {
  const machine = describeMachine();
  printMachine(machine, [{ name: "better-auth-native", versions: [ownVersion()] }]);
  console.log(`${rows} expired sessions; batches of 1000 with pauses of 100 ms, the defaults`);
  /** @type {Shown[]} */
  const measurements = [];
  for (const engine of engines) measurements.push(await show(engine, rows));
  await password.close();
  const bars = Object.keys(LOADS).flatMap((what) =>
    /** @type {const} */ (["p50", "p99"]).map((quantile) => bar(measurements, what, quantile)),
  );
  printBars(bars);
  return { comparison: "cleanup", date: new Date().toISOString(), machine, rows, measurements, bars };
}

/** @param {Shown[]} shown @param {string} what @param {"p50" | "p99"} quantile */
function bar(shown, what, quantile) {
  const ratios = shown.map(({ engine, loads }) => ({
    engine,
    ratio: loads[what].during[quantile] / loads[what].before[quantile],
  }));
  const { engine, ratio } = ratios.reduce((a, b) => (b.ratio > a.ratio ? b : a));
  return {
    promise: `${what}: ${quantile} at most twice the usual`,
    holds: ratio <= TWICE,
    closest: `${ratio.toFixed(2)} times, ${engine}`,
  };
}

/**
 * @param {import("./engines.js").Engine} engine
 * @param {number} rows
 * @returns {Promise<Shown>}
 */
async function show(engine, rows) {
  const { url: server, stop } = await engine.start();
  try {
    const url = server.startsWith("sqlite:") ? server : await emptyDatabase(server);
    const open = () => nativeAdapter(url.startsWith("sqlite:") ? url : { url, tls: false });
    const application = (/** @type {any} */ database) =>
      betterAuth({
        database,
        baseURL: "http://localhost",
        secret: "for measurements only, 0123456789",
        emailAndPassword: { enabled: true, password },
        rateLimit: { enabled: false },
        telemetry: { enabled: false },
      });
    const first = open();
    const auth = application(first);
    await first.migrate();
    const { user } = await auth.api.signUpEmail({ body: { name: "Ada", ...CREDENTIALS } });
    await first.close();
    await engine.fill(url, rows, user.id);

    const database = open();
    const running = await loadsOn(application(database), user.id);
    await running.measure(3_000);
    const before = await running.measure(BEFORE);
    const begun = performance.now();
    const cleaning = database.cleanup();
    const during = await running.measure(cleaning);
    const { deleted } = await cleaning;
    const seconds = (performance.now() - begun) / 1_000;
    await running.end();
    await database.close();
    if (deleted !== rows) throw new Error(`${deleted} of ${rows} rows were deleted on ${engine.name}`);
    const loads = Object.fromEntries(
      Object.keys(LOADS).map((what) => [what, { before: before[what], during: during[what] }]),
    );
    print({ engine: engine.name, rows, seconds, loads });
    return { engine: engine.name, rows, seconds, loads };
  } finally {
    await stop();
  }
}

/** @param {string} server */
async function emptyDatabase(server) {
  const connection = await (server.startsWith("postgres") ? connectPostgres : connectMysql)(server);
  await connection.query("CREATE DATABASE bench");
  await connection.end();
  return Object.assign(new URL(server), { pathname: "/bench" }).href;
}

/**
 * Calls that come at their times, whether those before them are done or not.
 *
 * @param {any} auth
 * @param {string} userId
 */
async function loadsOn(auth, userId) {
  const { adapter } = await auth.$context;
  let created = 0;
  /** @type {Record<string, () => Promise<unknown>>} */
  const work = {
    async "session created and found"() {
      const now = new Date();
      const token = `live ${created++}`;
      const expiresAt = new Date(now.getTime() + 7 * 86_400_000);
      const data = { userId, token, expiresAt, createdAt: now, updatedAt: now, ipAddress: "203.0.113.7" };
      await adapter.create({ model: "session", data });
      const found = await adapter.findOne({ model: "session", where: [{ field: "token", value: token }], join: { user: true } });
      if (found?.user?.id !== userId) throw new Error("a session was not found");
    },
    "whole sign-in, with its password": () => auth.api.signInEmail({ body: CREDENTIALS }),
  };
  /** @type {Record<string, number[]>} */
  let latencies = {};
  /** @type {Set<Promise<unknown>>} */
  const underWay = new Set();
  const timers = Object.entries(LOADS).map(([what, perSecond]) =>
    setInterval(() => {
      const arrived = performance.now();
      const noted = latencies;
      const call = work[what]().then(() => {
        (noted[what] ??= []).push(performance.now() - arrived);
        underWay.delete(call);
      });
      underWay.add(call);
    }, 1_000 / perSecond),
  );
  return {
    /** @param {number | Promise<unknown>} until */
    async measure(until) {
      latencies = {};
      await (typeof until === "number" ? new Promise((resolve) => setTimeout(resolve, until)) : until);
      const measured = latencies;
      latencies = {};
      return Object.fromEntries(Object.entries(measured).map(([what, times]) => [what, summary(times)]));
    },
    async end() {
      timers.forEach(clearInterval);
      await Promise.all(underWay);
    },
  };
}

/** @param {number[]} times @returns {Latency} */
function summary(times) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (/** @type {number} */ percent) => sorted[Math.ceil((percent / 100) * sorted.length) - 1];
  return { calls: sorted.length, p50: at(50), p99: at(99) };
}

/** @param {Shown} shown */
function print({ engine, rows, seconds, loads }) {
  console.log(`\n${engine}: ${rows} rows in ${seconds.toFixed(1)} s, ${Math.round(rows / seconds)} a second`);
  for (const [what, { before, during }] of Object.entries(loads)) {
    for (const quantile of /** @type {const} */ (["p50", "p99"])) {
      const ratio = during[quantile] / before[quantile];
      console.log(
        `  ${what.padEnd(34)}${quantile}  ${before[quantile].toFixed(3).padStart(9)} ms before ${during[quantile].toFixed(3).padStart(9)} during  ${ratio.toFixed(2)}x`,
      );
    }
  }
}
