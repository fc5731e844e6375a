// Every comparison, one after the other, each in a process of its own; then the charts and the tables
// of docs/ from what they have found.

import { fileURLToPath } from "node:url";
import { Failure, exec } from "../scripts/step.js";
import { comparisons } from "./comparisons.js";
import { pathOf } from "./results.js";

/** Of which docs/ has a chart. */
const CHARTS = ["sqlite", "postgres", "mysql"];

/** What differs from a comparison's usual settings. @type {Record<string, Record<string, string>>} */
const SETTINGS = { scale: { users: "1000000" } };

/**
 * Whether each promise was kept.
 *
 * @param {Record<string, string>} settings As the command line has them; they apply to all.
 */
export async function runEverything(settings) {
  /** @type {string[]} */
  const failed = [];
  const compare = async (/** @type {string} */ name, /** @type {string} */ results, /** @type {NodeJS.ProcessEnv} */ environment = {}) => {
    const options = Object.entries({ ...SETTINGS[name], ...settings, json: pathOf(results) });
    const arguments_ = options.map(([option, value]) => `--${option}=${value}`);
    console.log(`\n== ${results}`);
    try {
      await run("run.js", [name, ...arguments_], environment);
    } catch (error) {
      // Whoever ends a comparison ends all.
      if (!(error instanceof Failure) || error.exitCode !== 1) throw error;
      failed.push(results);
    }
  };
  for (const name of Object.keys(comparisons)) await compare(name, name);
  await compare("sqlite", "sqlite-force-color-0", { FORCE_COLOR: "0" });
  for (const name of CHARTS) await run("chart.js", [name]);
  await run("tables.js", []);
  console.log(failed.length === 0 ? "\nEvery promise was kept." : `\nA promise was not kept, or something failed: ${failed.join(", ")}`);
  return failed.length === 0;
}

/**
 * Runs a script beside this one.
 *
 * @param {string} script
 * @param {string[]} options
 * @param {NodeJS.ProcessEnv} [environment]
 */
function run(script, options, environment) {
  return exec(process.execPath, [fileURLToPath(new URL(script, import.meta.url)), ...options], environment);
}
