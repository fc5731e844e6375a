// From nothing to the first answer, and the end: whole processes, one after the other and in turns.
// And what lies on the disk and in the memory for it.

import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { engines } from "../engines.js";
import { describeMachine } from "../machine.js";
import { median } from "../measure.js";
import { printMachine, printStartup } from "../report.js";
import { contestants, DRIVERS } from "./contestants.js";

const script = fileURLToPath(new URL("process.js", import.meta.url));
const folder = fileURLToPath(new URL("../..", import.meta.url));

/**
 * @typedef {object} Start
 * @property {string} engine
 * @property {string} contestant
 * @property {number} milliseconds Median of the rounds.
 * @property {number} resident Bytes with the database open; median of the rounds.
 * @property {number | null} installed Bytes on the disk, beside Better Auth's.
 */

/** @type {import("../comparisons.js").Comparison} */
export const startup = {
  rounds: 15,
  install: async () => {
    for (const name of Object.keys(contestants)) await (await engines[name]()).install();
  },
  run: compareStarts,
};

/** @param {import("../compare.js").Settings} settings */
async function compareStarts({ rounds }) {
  const machine = describeMachine();
  printMachine(machine, []);
  /** @type {Start[]} */
  const starts = [];
  for (const name of Object.keys(contestants)) {
    const engine = await engines[name]();
    const content = await engine.prepare(100);
    try {
      starts.push(...(await startsOn(name, await content.copy(), rounds)));
    } finally {
      await content.release();
    }
  }
  printStartup(starts);
  return { comparison: "startup", engine: "start-up", date: new Date().toISOString(), machine, rounds, starts, bars: [] };
}

/**
 * @param {string} engine
 * @param {string} place
 * @param {number} rounds
 * @returns {Promise<Start[]>}
 */
async function startsOn(engine, place, rounds) {
  const names = Object.keys(contestants[engine]);
  /** @type {{ time: number, resident: number }[][]} */
  const runs = [];
  // The first one, not measured, finds nothing in the cache of the file system.
  for (let round = -1; round < rounds; round++) {
    for (const [index, name] of names.entries()) {
      const begun = performance.now();
      const { stdout } = await promisify(execFile)(process.execPath, [script, engine, name, place]);
      const run = { time: performance.now() - begun, resident: Number(stdout) };
      if (round >= 0) (runs[index] ??= []).push(run);
    }
  }
  return names.map((contestant, index) => ({
    engine,
    contestant,
    milliseconds: median(runs[index].map(({ time }) => time)),
    resident: median(runs[index].map(({ resident }) => resident)),
    installed: installed(contestant),
  }));
}

/** @param {string} contestant */
function installed(contestant) {
  if (contestant in DRIVERS) return sizeOfPackage(DRIVERS[contestant]);
  return contestant === "better-auth-native" ? sizeOfOwn() : null;
}

/** As npm packs it, with the binary of one platform and what it depends on. */
function sizeOfOwn() {
  const { files, dependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const binaries = readdirSync(folder).filter((name) => name.endsWith(".node"));
  const own = files.map((/** @type {string} */ name) => sizeOf(join(folder, name)));
  const released = binaries.map((name) => sizeWithoutSymbols(join(folder, name)));
  return sum([...own, ...released, ...Object.keys(dependencies).map((name) => sizeOfPackage(name))]);
}

/** Binaries are released without symbols. @param {string} binary */
function sizeWithoutSymbols(binary) {
  const directory = mkdtempSync(join(tmpdir(), "better-auth-native-bench-"));
  try {
    const stripped = join(directory, "stripped.node");
    execFileSync("strip", ["--strip-all", "-o", stripped, binary]);
    return sizeOf(stripped);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/**
 * A package with everything that it depends on.
 *
 * @param {string} name
 * @param {Set<string>} [seen]
 * @returns {number}
 */
function sizeOfPackage(name, seen = new Set()) {
  const path = ["bench/node_modules", "node_modules"].map((place) => join(folder, place, name)).find(existsSync);
  if (path === undefined || seen.has(path)) return 0;
  seen.add(path);
  const { dependencies = {} } = JSON.parse(readFileSync(join(path, "package.json"), "utf8"));
  return sizeOf(path) + sum(Object.keys(dependencies).map((other) => sizeOfPackage(other, seen)));
}

/** @param {string} path @returns {number} */
function sizeOf(path) {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.size;
  return sum(readdirSync(path).map((name) => sizeOf(join(path, name))));
}

/** @param {number[]} numbers */
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
