// Runs of this package beside another copy of SQLite on the same file in the same process: both sides
// write, each into a ledger, and a clean process compares the file with them.

import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { startProcess } from "./processes.js";
import { programFor } from "./programs.js";
import { copyPackage } from "./second-copy.js";

/** @typedef {import("./check.js").Findings} Findings */
/** @typedef {import("./writer.js").Figures} Figures */

/** How long a process writes at least, and before it is killed at most; in seconds. */
const LEAST = 0.5;
const LONGEST = 3;

/**
 * @typedef {object} Run
 * @property {string} neighbour
 * @property {string} mode
 * @property {number} seconds
 * @property {boolean} [second] whether another process writes to the file too
 * @property {boolean} [kills] whether processes are killed meanwhile, again and again
 */

/**
 * @typedef {object} More
 * @property {number} intrusions writes that got through while another one's transaction had the write lock
 * @property {number} refused writes for which the file was busy; they may be tried again
 * @property {number} kills
 * @property {Record<string, number>} errors what went wrong otherwise, and how often
 */

/** @typedef {Findings & More} Result */

/** A place for runs: the database that they start with, and the second copy of the package. */
export async function openGround() {
  const folder = mkdtempSync(join(tmpdir(), "better-auth-native-neighbours-"));
  const start = join(folder, "start.db");
  const copy = join(folder, "copy");
  mkdirSync(copy);
  const secondCopy = copyPackage(copy);
  await resultOf("prepare.js", start);
  let runs = 0;
  return {
    /** @param {Run} run @returns {Promise<Result>} */
    async run(run) {
      const place = join(folder, `${(runs += 1)}`);
      const [path, ledgers] = [join(place, "auth.db"), join(place, "ledgers")];
      mkdirSync(ledgers, { recursive: true });
      copyFileSync(start, path);
      const more = await writeAll(run, { path, ledgers, secondCopy });
      const result = { ...(await resultOf("check.js", { path, ledgers })), ...more };
      rmSync(place, { recursive: true });
      return result;
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** What may be wrong in a result; see `noFaults`. @param {Result} result */
export function faultsOf({ lost, foreign, halves, intrusions, integrity, errors }) {
  return { lost, foreign, halves, intrusions, integrity, errors };
}

export const noFaults = { lost: 0, foreign: 0, halves: 0, intrusions: 0, integrity: "ok", errors: {} };

/** @param {Result} result */
export const isClean = (result) => isDeepStrictEqual(faultsOf(result), noFaults);

/** @param {string} script @param {unknown} task */
async function resultOf(script, task) {
  const { result, complaint } = await startProcess(script, task).ended;
  if (complaint !== undefined) throw new Error(complaint);
  return result;
}

/**
 * Has all processes write until the time is over.
 *
 * @param {Run} run
 * @param {{ path: string, ledgers: string, secondCopy: string }} place
 */
async function writeAll({ neighbour, mode, seconds, second = false, kills = false }, place) {
  /** @type {More} */
  const more = { intrusions: 0, refused: 0, kills: 0, errors: {} };
  const program = await programFor(neighbour);
  const end = performance.now() + 1_000 * seconds;
  const left = () => Math.max(0, end - performance.now()) / 1_000;

  /** @param {string} script @param {object} [how] */
  async function keepWriting(script, how) {
    let incarnation = 0;
    do {
      incarnation += 1;
      const task = { ...place, neighbour, mode, seconds: Math.max(left(), LEAST), incarnation };
      const started = startProcess(script, task, how);
      // The last one ends by itself.
      if (kills && left() > LEAST) await started.kill(Math.min(left(), LONGEST));
      addUp(more, await started.ended);
    } while (kills && left() > 0);
  }

  await Promise.all([keepWriting("process.js", program), ...(second ? [keepWriting("plain-process.js")] : [])]);
  return more;
}

/** @param {More} more @param {Awaited<import("./processes.js").Process["ended"]>} ended */
function addUp(more, { result, killed, complaint }) {
  more.kills += Number(killed);
  more.intrusions += result?.intrusions ?? 0;
  const count = (/** @type {string} */ message, times = 1) => {
    more.errors[message] = (more.errors[message] ?? 0) + times;
  };
  if (complaint !== undefined) count(complaint);
  for (const [who, figures] of Object.entries(/** @type {Record<string, Figures>} */ (result?.figures ?? {}))) {
    more.refused += figures.refused;
    for (const [message, times] of Object.entries(figures.errors)) count(`${who}: ${message}`, times);
  }
}
