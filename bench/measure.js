// Timing: contestants take turns in short rounds, so that whatever else the machine does in the
// meantime meets all of them.

import { monitorEventLoopDelay } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * @typedef {object} Result
 * @property {string} contestant
 * @property {number} opsPerSecond Median of the rounds.
 * @property {number} ratio To the baseline's; median of the ratios within each round.
 * @property {number} p50 Latency in milliseconds, of all rounds.
 * @property {number} p95
 * @property {number} p99
 * @property {number | null} loopP99 How late the event loop is, in milliseconds; median of the
 *   rounds. null for one caller, who leaves it no turn.
 * @property {number | null} loopP999
 * @property {number | null} loopMax Of all rounds.
 * @property {number} cpu Of this process, in microseconds per call; median of the rounds.
 */

/**
 * What one contestant did in one round.
 *
 * @typedef {object} Lap
 * @property {number} time
 * @property {Float64Array} latencies
 * @property {number} loopP99
 * @property {number} loopP999
 * @property {number} loopMax
 * @property {number} cpu In microseconds.
 */

/**
 * @template C
 * @typedef {object} Timed What is called, and what makes what it needs.
 * @property {(contestant: C, n: number) => Promise<any>} run
 * @property {(contestant: C, n: number) => Promise<any>} [prepare]
 */

const LAP = 100;
const FIRST_CALLS = 64;
/** Rounds that are not measured. */
export const WARM_UP = 2;
const MAX_CALLS = 20_000;

/** How often the event loop's monitor looks, which it counts as part of each delay. */
const LOOK = 1;

setFlagsFromString("--expose-gc");
/** @type {(options: { type: "minor" }) => void} */
const collectGarbage = runInNewContext("gc");

/**
 * Measures one operation after the other.
 *
 * @template {{ name: string }} C
 * @param {C[]} contestants
 * @param {number} baseline Index of the one that ratios refer to.
 * @param {number} rounds
 * @param {number} [lap] How long the baseline takes per round, in milliseconds; everybody gets as
 *   many calls.
 */
export function measurer(contestants, baseline, rounds, lap = LAP) {
  /** How often an operation has been called. @type {Map<Timed<C>, number>} */
  const called = new Map();

  /**
   * @param {Timed<C>} operation
   * @param {number} callers
   * @param {number} calls
   * @param {number} round Decides who begins.
   */
  const playRound = async (operation, callers, calls, round) => {
    const first = called.get(operation) ?? 0;
    called.set(operation, first + calls);
    /** @type {Lap[]} */
    const laps = [];
    for (let turn = 0; turn < contestants.length; turn++) {
      const index = (turn + round) % contestants.length;
      laps[index] = await runLap(contestants[index], operation, callers, first, calls);
    }
    return laps;
  };

  /**
   * @param {Timed<C>} operation
   * @param {number} callers
   * @returns {Promise<Result[]>}
   */
  return async (operation, callers) => {
    const trial = await playRound(operation, callers, FIRST_CALLS, 0);
    const wanted = Math.round((lap / trial[baseline].time) * FIRST_CALLS);
    const calls = Math.min(Math.max(wanted, FIRST_CALLS), MAX_CALLS);
    for (let round = 0; round < WARM_UP; round++) await playRound(operation, callers, calls, round);
    /** @type {Lap[][]} */
    const played = [];
    for (let round = 0; round < rounds; round++) {
      played.push(await playRound(operation, callers, calls, round));
    }
    return contestants.map(({ name }, index) => summarise(name, index, played, baseline, callers > 1));
  };
}

/**
 * @param {string} contestant
 * @param {number} index Of the contestant in each round.
 * @param {Lap[][]} rounds
 * @param {number} baseline Index of the one that ratios refer to.
 * @param {boolean} watched Whether the event loop had turns in which to be late.
 * @returns {Result}
 */
export function summarise(contestant, index, rounds, baseline, watched) {
  const laps = rounds.map((round) => round[index]);
  const speed = (/** @type {Lap} */ { latencies, time }) => latencies.length / time;
  const latencies = laps.flatMap((lap) => [...lap.latencies]).sort((a, b) => a - b);
  return {
    contestant,
    opsPerSecond: median(laps.map((lap) => speed(lap) * 1_000)),
    ratio: median(rounds.map((round) => speed(round[index]) / speed(round[baseline]))),
    p50: percentile(latencies, 50),
    p95: percentile(latencies, 95),
    p99: percentile(latencies, 99),
    loopP99: watched ? median(laps.map((lap) => lap.loopP99)) : null,
    loopP999: watched ? median(laps.map((lap) => lap.loopP999)) : null,
    loopMax: watched ? Math.max(...laps.map((lap) => lap.loopMax)) : null,
    cpu: median(laps.map((lap) => lap.cpu / lap.latencies.length)),
  };
}

/**
 * A single caller calls again as soon as it has its answer. Many come as requests do, by way of
 * the event loop, and their latency counts from there.
 *
 * @template C
 * @param {C} contestant
 * @param {Timed<C>} operation
 * @param {number} callers
 * @param {number} first
 * @param {number} calls
 * @returns {Promise<Lap>}
 */
export async function runLap(contestant, { run, prepare }, callers, first, calls) {
  for (let n = 0; prepare && n < calls; n++) await prepare(contestant, first + n);
  // Nobody pays for what another left behind.
  collectGarbage({ type: "minor" });

  const latencies = new Float64Array(calls);
  let next = 0;
  const caller = async () => {
    while (next < calls) {
      const n = next++;
      const arrived = performance.now();
      if (callers > 1) await eventLoopTurn();
      await run(contestant, first + n);
      latencies[n] = performance.now() - arrived;
    }
  };

  const watch = watchProcess();
  await Promise.all(Array.from({ length: callers }, caller));
  return { latencies, ...(await watch.stop()) };
}

/** How long something takes, what it costs, and how late it makes the event loop. */
export function watchProcess() {
  const loop = monitorEventLoopDelay({ resolution: LOOK });
  loop.enable();
  const spent = process.cpuUsage();
  const start = performance.now();
  return {
    async stop() {
      const time = performance.now() - start;
      const { user, system } = process.cpuUsage(spent);
      await eventLoopTurn(); // For the monitor to see the end.
      loop.disable();
      const late = (/** @type {number} */ delay) => Math.max(delay / 1e6 - LOOK, 0);
      const [loopP99, loopP999] = [99, 99.9].map((percent) => late(loop.percentile(percent)));
      return { time, cpu: user + system, loopP99, loopP999, loopMax: late(loop.max) };
    },
  };
}

function eventLoopTurn() {
  return new Promise((resolve) => setImmediate(resolve));
}

/** @param {number[]} numbers */
export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * @param {number[]} sorted
 * @param {number} percent
 */
function percentile(sorted, percent) {
  return sorted[Math.ceil((percent / 100) * sorted.length) - 1];
}
