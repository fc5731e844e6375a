// Every neighbour in every mode, for as long and as often as wanted, with a table of what was found.

import { parseArgs } from "node:util";
import { Failure } from "../../scripts/step.js";
import { neighbours } from "./drivers.js";
import { faultsOf, isClean, openGround } from "./index.js";
import { modes } from "./modes.js";

/** @typedef {import("./index.js").Result} Result */
/** @typedef {Omit<import("./index.js").Run, "seconds">} Combination */

const USAGE = `usage: node __test__/neighbours/full.js [options]

Has this package and another copy of SQLite write to one file in one process, and compares the file with
what each was told. Exits with 1 where a run was not clean.

  --beside <name>   only this neighbour: ${neighbours.join(", ")}
  --mode <name>     only this mode: ${Object.keys(modes).join(", ")}, killed
  --seconds <n>     how long a run writes (default: 60)
  --runs <n>        runs of each combination (default: 20)
  --second          another process writes to the file too, in every mode
  --at-once <n>     runs at the same time (default: 1)
  --help            prints this
`;

/** In a mode of its own: beside another process, and killed again and again, as that one is. */
const KILLED = "killed";

/** @type {ReturnType<typeof readCommandLine>} */
let values;
try {
  values = readCommandLine();
  if (values.help) console.log(USAGE);
  else await main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}

function readCommandLine() {
  try {
    const { values } = parseArgs({
      options: {
        beside: { type: "string" },
        mode: { type: "string" },
        seconds: { type: "string", default: "60" },
        runs: { type: "string", default: "20" },
        second: { type: "boolean", default: false },
        "at-once": { type: "string", default: "1" },
        help: { type: "boolean", default: false },
      },
    });
    return values;
  } catch (error) {
    throw new Failure(`${/** @type {Error} */ (error).message}\n\n${USAGE}`);
  }
}

async function main() {
  const [seconds, runs, lanes] = [values.seconds, values.runs, values["at-once"]].map(Number);
  const wanted = combinations();
  if (wanted.length === 0 || ![seconds, runs, lanes].every((number) => number > 0)) throw new Failure(USAGE);
  const ground = await openGround();
  const results = wanted.map(() => /** @type {Result[]} */ ([]));
  // Every combination once before any of them again.
  const queue = Array.from({ length: runs }, () => [...wanted.entries()]).flat();
  const lane = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [index, combination] = next;
      const result = await ground.run({ ...combination, seconds });
      results[index].push(result);
      tell(combination, result);
    }
  };
  try {
    await Promise.all(Array.from({ length: lanes }, lane));
  } finally {
    ground.close();
  }
  console.log(`\n${table(wanted, results)}`);
  if (!results.flat().every(isClean)) process.exitCode = 1;
}

/** @returns {Combination[]} */
function combinations() {
  const beside = neighbours.filter((name) => (values.beside ?? name) === name);
  const how = [...Object.keys(modes), KILLED].filter((name) => (values.mode ?? name) === name);
  return beside.flatMap((neighbour) =>
    how.map((mode) =>
      mode === KILLED ? { neighbour, mode: "reopened", second: true, kills: true } : { neighbour, mode, second: values.second },
    ),
  );
}

/** @param {Combination} combination @param {Result} result */
function tell(combination, result) {
  const outcome = isClean(result) ? "clean" : JSON.stringify(faultsOf(result));
  console.log(`${combination.neighbour}, ${nameOf(combination)}: ${outcome}; ${JSON.stringify(result.acknowledged)}`);
}

/** @param {Combination} combination */
function nameOf({ mode, second, kills }) {
  return `${mode}${second ? ", with another process" : ""}${kills ? ", both killed" : ""}`;
}

/** @param {Combination[]} wanted @param {Result[][]} results */
function table(wanted, results) {
  const lines = wanted.map((combination, index) => {
    const of = results[index];
    const sum = (/** @type {(result: Result) => number} */ value) => of.reduce((total, result) => total + (value(result) ?? 0), 0);
    const numbers = [
      sum(({ acknowledged }) => acknowledged.ours),
      sum(({ acknowledged }) => acknowledged.neighbour + (acknowledged.second ?? 0)),
      sum(({ refused }) => refused),
      sum(({ kills }) => kills),
      sum(({ lost, foreign, halves, intrusions }) => lost + foreign + halves + intrusions),
    ].map((number) => number.toLocaleString("en"));
    const clean = `${of.filter(isClean).length} of ${of.length}`;
    return [combination.neighbour, nameOf(combination), ...numbers, clean];
  });
  const heading = ["beside", "mode", "acknowledged here", "there", "busy", "kills", "lost or wrong", "clean runs"];
  const alignment = heading.map((_, column) => (column < 2 ? "---" : "--:"));
  const rows = [heading, ...lines].map((cells) => `| ${cells.join(" | ")} |`);
  return rows.toSpliced(1, 0, `|${alignment.join("|")}|`).join("\n");
}
