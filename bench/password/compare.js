// Password hashing, from equal results to what it comes to. Contestants take turns in short rounds
// as everywhere, each in a process of its own.

import { equal } from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { judge } from "../bars.js";
import { NATIVE } from "../contestants.js";
import { describeMachine } from "../machine.js";
import { summarise } from "../measure.js";
import {
  MILLISECONDS,
  printBars,
  printHashingMemory,
  printHeading,
  printMachine,
  printResults,
} from "../report.js";
import { NODE_CRYPTO, contestants, forced } from "./contestants.js";

/**
 * @typedef {import("./contestants.js").Contestant} Contestant
 * @typedef {import("../measure.js").Lap} Lap
 */

/**
 * @typedef {object} Memory
 * @property {string} contestant
 * @property {number} before Resident bytes before the first hash.
 * @property {number} most
 * @property {number} idle Some seconds after the last one.
 */

/** Calls that are measured in a round, by how many are made at a time. */
const LAPS = [
  { operation: "hash", callers: 1, calls: 6 },
  { operation: "hash", callers: 8, calls: 24 },
  { operation: "hash", callers: 64, calls: 192 },
  { operation: "hash", callers: 256, calls: 256 },
  { operation: "sign-in", callers: 64, calls: 192 },
];

/** Ratios refer to it. */
const BASELINE = NODE_CRYPTO;

/** How many times node:crypto's throughput, at 64 at a time. @type {Record<string, number>} */
const TIMES = { avx512: 7, avx2: 4.5, sse2: 1.7 };

/** @type {import("../comparisons.js").Comparison} */
export const password = {
  rounds: 5,
  install: async () => {},
  run: ({ rounds }) => comparePasswords(rounds),
};

/** @param {number} rounds */
async function comparePasswords(rounds) {
  const machine = describeMachine();
  const started = await startAll();
  try {
    const kernel = await started[0].ask("kernel");
    const takingPart = started.map(({ contestant: { name, versions } }) => ({ name, versions: versions() }));
    printMachine(machine, takingPart);
    console.log(`kernel: ${kernel}; ${rounds} rounds, medians`);
    await checkHashes(started);

    /** @type {import("../compare.js").Measurement[]} */
    const measurements = [];
    for (const { operation, callers, calls } of LAPS) {
      printHeading(callers, MILLISECONDS);
      const results = await measure(started, rounds, { operation, callers, calls });
      measurements.push({ operation, kind: operation, callers, results });
      printResults(operation, results, MILLISECONDS);
    }
    /** @type {Memory[]} */
    const memory = [];
    for (const { contestant, ask } of started) {
      memory.push({ contestant: contestant.name, ...(await ask("memory")) });
    }
    printHashingMemory(memory);
    const bars = judge(measurements, promisesOn(kernel, started));
    printBars(bars);
    return {
      comparison: "password",
      engine: "password hashing",
      date: new Date().toISOString(),
      machine,
      kernel,
      contestants: takingPart,
      rounds,
      measurements,
      memory,
      bars,
    };
  } finally {
    for (const { stop } of started) stop();
  }
}

/** @typedef {Awaited<ReturnType<typeof start>>} Started */

/** All but the kernels that this CPU does not support, and the best, which is there unforced. */
async function startAll() {
  /** @type {Started[]} */
  const started = [];
  for (const contestant of contestants) {
    const one = await start(contestant);
    if (contestant.kernel === undefined || (await addsAKernel(started[0], one))) started.push(one);
    else one.stop();
  }
  return started;
}

/**
 * @param {Started} best
 * @param {Started} forced
 */
async function addsAKernel(best, forced) {
  try {
    return (await forced.ask("kernel")) !== (await best.ask("kernel"));
  } catch (error) {
    if (/** @type {any} */ (error).code === "INVALID_INPUT") return false;
    throw error;
  }
}

/** @param {Contestant} contestant */
async function start(contestant) {
  const { name, kernel } = contestant;
  const env = { ...process.env, ...(kernel && { BETTER_AUTH_NATIVE_KERNEL: kernel }) };
  const script = fileURLToPath(new URL("process.js", import.meta.url));
  const child = fork(script, [name], { env, serialization: "advanced" });
  const ended = once(child, "exit").then(() => ({ error: new Error(`${name} ended`) }));
  const reply = async () => {
    const message = once(child, "message").then(([message]) => message);
    const { answer, error, code } = await Promise.race([message, ended]);
    if (error) throw Object.assign(error, { code });
    return answer;
  };
  await reply();
  return {
    contestant,
    /** @param {string} ask @param {unknown} [about] @returns {Promise<any>} */
    ask(ask, about) {
      child.send({ ask, about });
      return reply();
    },
    stop: () => child.kill(),
  };
}

/**
 * Everybody takes everybody's hashes, and no wrong password for a right one.
 *
 * @param {Started[]} started
 */
async function checkHashes(started) {
  const alike = started.filter(({ contestant }) => !contestant.otherAlgorithm);
  for (const text of ["correct horse", "ﬁ Ångström 🔑"]) {
    for (const by of started) {
      const hash = await by.ask("hash", text);
      for (const other of by.contestant.otherAlgorithm ? [by] : alike) {
        for (const password of [text, `${text}!`]) {
          const answer = await other.ask("verify", { hash, password });
          const what = `a hash by ${by.contestant.name}, verified by ${other.contestant.name}`;
          equal(answer, password === text, what);
        }
      }
    }
  }
}

/**
 * @param {Started[]} started
 * @param {number} rounds
 * @param {{ operation: string, callers: number, calls: number }} lap
 */
async function measure(started, rounds, lap) {
  const taking = started.filter(({ contestant }) => lap.callers <= contestant.mostCallers);
  const baseline = taking.findIndex(({ contestant }) => contestant.name === BASELINE);
  // Not measured: what only a first call has to do.
  for (const { ask } of taking) await ask("lap", { ...lap, calls: lap.callers });
  /** @type {Lap[][]} */
  const played = [];
  for (let round = 0; round < rounds; round++) {
    /** @type {Lap[]} */
    const laps = [];
    for (let turn = 0; turn < taking.length; turn++) {
      const index = (turn + round) % taking.length;
      laps[index] = await taking[index].ask("lap", lap);
    }
    played.push(laps);
  }
  return taking.map(({ contestant }, index) =>
    summarise(contestant.name, index, played, baseline, lap.callers > 1),
  );
}

/**
 * @param {string} kernel The best one.
 * @param {Started[]} started
 * @returns {import("../bars.js").Promised[]}
 */
function promisesOn(kernel, started) {
  const peers = [NODE_CRYPTO];
  const names = started.map(({ contestant }) => contestant.name);
  const throughput = (/** @type {string} */ own, /** @type {string} */ name) => ({
    promise: `${TIMES[name]} times node:crypto's throughput at 64 at a time with ${name}`,
    kinds: ["hash"],
    callers: 64,
    own,
    peers,
    least: TIMES[name],
  });
  return [
    ...(kernel in TIMES ? [throughput(NATIVE, kernel)] : []),
    ...Object.keys(TIMES)
      .filter((name) => name !== kernel && names.includes(forced(name)))
      .map((name) => throughput(forced(name), name)),
    {
      promise: "one hash alone in at most 0.85 of node:crypto's time",
      kinds: ["hash"],
      callers: 1,
      peers,
      least: 1 / 0.85,
    },
    {
      promise: "5 times the default's sign-ins at 64 at a time",
      kinds: ["sign-in"],
      callers: 64,
      peers,
      least: 5,
    },
  ];
}
