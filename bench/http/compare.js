// Whole requests: Better Auth over node:http on each contestant, under a load generator. They take
// turns in short rounds, each a server in a process of its own.

import { equal } from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { judge } from "../bars.js";
import { engines } from "../engines.js";
import { describeMachine } from "../machine.js";
import { summarise } from "../measure.js";
import { load } from "../peers.js";
import { printBars, printHeading, printMachine, printResults } from "../report.js";

/** At a time, each on a connection that it keeps. */
const CALLERS = 32;

/** How often the load generator looks whether it is done, in milliseconds. */
const SAMPLE = 50;

/** Ratios refer to the second contestant; the first is this package. */
const BASELINE = 1;

/**
 * @typedef {object} Request
 * @property {"GET" | "POST"} method
 * @property {string} path
 * @property {Record<string, string>} [headers]
 * @property {object} [body]
 */

/**
 * What visitors do.
 *
 * @typedef {object} Scenario
 * @property {string} name
 * @property {number} calls Measured in a round.
 * @property {(server: Started, first: number, calls: number) => Promise<Request[]>} requests
 */

let visitors = 0;

/** @type {Scenario[]} */
const scenarios = [
  {
    name: "get-session",
    calls: 1_500,
    async requests({ cookies }, first, calls) {
      return Array.from({ length: calls }, (_, n) => ({
        method: "GET",
        path: "get-session",
        headers: { cookie: cookies[(first + n) % cookies.length] },
      }));
    },
  },
  {
    name: "sign-in",
    calls: 48,
    async requests({ emails }, first, calls) {
      return Array.from({ length: calls }, (_, n) => ({
        method: "POST",
        path: "sign-in/email",
        body: { email: emails[(first + n) % emails.length], password: PASSWORD },
      }));
    },
  },
  {
    name: "sign-up",
    calls: 48,
    requests: async (_, __, calls) =>
      Array.from({ length: calls }, () => ({
        method: "POST",
        path: "sign-up/email",
        body: { name: "A guest", email: `guest${visitors++}@example.com`, password: PASSWORD },
      })),
  },
  {
    name: "sign-out",
    calls: 600,
    async requests({ emails, ask }, _, calls) {
      const cookies = await ask("cookies", { email: emails[0], count: calls });
      return cookies.map((/** @type {string} */ cookie) => ({
        method: "POST",
        path: "sign-out",
        headers: { cookie },
        body: {},
      }));
    },
  },
];

const PASSWORD = "correct horse battery staple";

/** @param {string} name of an engine @returns {import("../comparisons.js").Comparison} */
export const http = (name) => ({
  rounds: 7,
  install: async () => (await engines[name]()).install(),
  run: (settings) => compareOn(name, settings),
});

/**
 * @param {string} name
 * @param {import("../compare.js").Settings} settings
 */
async function compareOn(name, { users, rounds }) {
  const engine = await engines[name]();
  const content = await engine.prepare(users);
  /** @type {Started[]} */
  const started = [];
  try {
    const machine = describeMachine();
    for (const contestant of engine.names) started.push(await start(name, contestant, await content.copy()));
    const contestants = started.map(({ name, versions }) => ({ name, versions }));
    printMachine(machine, contestants);
    console.log(`${engine.name}, ${users} users; ${rounds} rounds, medians`);
    await checkAnswers(started);
    printHeading(CALLERS);
    /** @type {import("../compare.js").Measurement[]} */
    const measurements = [];
    for (const scenario of scenarios) {
      const results = await measure(started, scenario, rounds);
      measurements.push({ operation: scenario.name, kind: scenario.name, callers: CALLERS, results });
      printResults(scenario.name, results);
    }
    const builtIn = engine.names[BASELINE];
    const least = name === "sqlite" ? 1 : 1.25;
    const bars = judge(measurements, [
      { promise: `get-session at least ${least} times as often as with the ${builtIn}`, kinds: ["get-session"], peers: [builtIn], least },
      { promise: `nothing slower than with the ${builtIn}`, peers: [builtIn], least: 1 },
    ]);
    printBars(bars);
    return {
      comparison: `http-${name}`,
      engine: `${engine.name} over HTTP`,
      date: new Date().toISOString(),
      machine,
      contestants,
      users,
      rounds,
      measurements,
      bars,
    };
  } finally {
    for (const { stop } of started) await stop();
    await content.release();
  }
}

/** @typedef {Awaited<ReturnType<typeof start>>} Started */

/**
 * @param {string} engine
 * @param {string} name
 * @param {string} place
 */
async function start(engine, name, place) {
  const script = fileURLToPath(new URL("process.js", import.meta.url));
  const child = fork(script, [engine, name, place], { serialization: "advanced" });
  const ended = once(child, "exit").then(() => ({ error: new Error(`${name} ended`) }));
  const reply = async () => {
    const message = once(child, "message").then(([message]) => message);
    const { answer, error } = await Promise.race([message, ended]);
    if (error) throw error;
    return answer;
  };
  /** @param {string} ask @param {unknown} [about] @returns {Promise<any>} */
  const ask = (ask, about) => {
    child.send({ ask, about });
    return reply();
  };
  await reply();
  const [origin, emails] = [await ask("origin"), await ask("users")];
  return {
    name,
    versions: /** @type {string[]} */ (await ask("versions")),
    origin: /** @type {string} */ (origin),
    emails: /** @type {string[]} */ (emails),
    cookies: /** @type {string[]} */ (await ask("cookies", { email: emails[0], count: 500 })),
    ask,
    async stop() {
      await ask("close").catch(() => {});
      child.kill();
    },
  };
}

/** What everybody is asked, everybody answers alike. @param {Started[]} started */
async function checkAnswers(started) {
  for (const { name, origin, emails, cookies } of started) {
    const headers = { cookie: cookies[0] };
    const response = await fetch(`${origin}/api/auth/get-session`, { headers });
    const answer = /** @type {any} */ (await response.json());
    equal(answer?.user.email, emails[0], `${name}: get-session`);
  }
}

/**
 * @param {Started[]} started
 * @param {Scenario} scenario
 * @param {number} rounds
 */
async function measure(started, scenario, rounds) {
  let first = 0;
  const playRound = async (/** @type {number} */ round) => {
    /** @type {import("../measure.js").Lap[]} */
    const laps = [];
    for (let turn = 0; turn < started.length; turn++) {
      const index = (turn + round) % started.length;
      laps[index] = await runLap(started[index], scenario, first);
    }
    first += scenario.calls;
    return laps;
  };
  await playRound(0); // Not measured: what only first calls have to do.
  /** @type {import("../measure.js").Lap[][]} */
  const played = [];
  for (let round = 0; round < rounds; round++) played.push(await playRound(round));
  return started.map(({ name }, index) => summarise(name, index, played, BASELINE, true));
}

/**
 * @param {Started} server
 * @param {Scenario} scenario
 * @param {number} first
 * @returns {Promise<import("../measure.js").Lap>}
 */
async function runLap(server, { name, requests, calls }, first) {
  const wanted = await requests(server, first, calls);
  const { default: autocannon } = await load("autocannon");
  let next = 0;
  // The load generator itself ends with its next sample.
  let last = 0;
  /** @type {number[]} */
  const latencies = [];
  await server.ask("begin");
  const begun = performance.now();
  const run = autocannon({
    url: server.origin,
    sampleInt: SAMPLE,
    connections: CALLERS,
    amount: calls,
    requests: [{ setupRequest: (/** @type {object} */ request) => ({ ...request, ...sent(server.origin, wanted[next++ % calls]) }) }],
  });
  run.on("response", (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ ___, /** @type {number} */ time) => {
    last = performance.now();
    latencies.push(time);
  });
  const result = await run;
  const lap = await server.ask("end");
  equal(result["2xx"], calls, `${server.name}: ${name} was refused ${result.non2xx} times`);
  return { ...lap, time: last - begun, latencies: Float64Array.from(latencies) };
}

/** @param {string} origin @param {Request} request */
function sent(origin, { method, path, headers, body }) {
  return {
    method,
    path: `/api/auth/${path}`,
    headers: { origin, ...(body && { "content-type": "application/json" }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  };
}
