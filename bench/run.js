// The entry behind `npm run bench`: reads the command line and runs one comparison, or all.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { Failure } from "../scripts/step.js";
import { comparisons } from "./comparisons.js";
import { runEverything } from "./everything.js";
import { installPeers } from "./peers.js";

const USAGE = `usage: npm run bench [-- ${Object.keys(comparisons).join("|")}] [options]

Compares this package with what Better Auth brings for the same database, or for hashing passwords,
through the same interface and on the same content, in one run; or shows what sign-ins notice of a
clean-up. Exits with 1 where a promise is not kept.

Without a name, runs all of them, for more than an hour, and writes what they find to bench/results/
and into the tables and charts of docs/.

  --users <n>    users in the database, each with a session and an account (default: 10000; of
                 scale, where all are run, 1000000)
  --rows <n>     expired sessions for cleanup (default: 1000000)
  --rounds <n>   rounds that are measured (default: 9, of hashing 5)
  --json <file>  also writes the results there; bench/chart.js draws them, and
                 bench/tables.js writes them into docs/
  --help         prints this
`;

function readCommandLine() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        users: { type: "string" },
        rows: { type: "string" },
        rounds: { type: "string" },
        json: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new Failure(`${/** @type {Error} */ (error).message}\n\n${USAGE}`);
  }
}

/**
 * @param {string} name
 * @param {string} text
 */
function atLeastOne(name, text) {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 1) return number;
  throw new Failure(`--${name} takes a whole number from 1`);
}

/** @param {{ users?: string, rows?: string, rounds?: string }} settings */
async function all({ users, rows, rounds }) {
  const given = Object.entries({ users, rows, rounds }).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) atLeastOne(name, /** @type {string} */ (value));
  if (!(await runEverything(/** @type {Record<string, string>} */ (Object.fromEntries(given))))) process.exitCode = 1;
}

async function main() {
  const { positionals, values } = readCommandLine();
  if (values.help) return console.log(USAGE);
  const [name = ""] = positionals;
  if (positionals.length === 0 && !values.json) return all(values);
  if (positionals.length !== 1 || !Object.hasOwn(comparisons, name)) throw new Failure(USAGE);
  const comparison = await comparisons[name]();
  const users = atLeastOne("users", values.users ?? "10000");
  const rounds = values.rounds === undefined ? comparison.rounds : atLeastOne("rounds", values.rounds);
  const rows = atLeastOne("rows", values.rows ?? "1000000");
  if (comparison.install) await installPeers(name, comparison.install);
  // Better Auth looks variables up during every call, and npm adds dozens of them.
  for (const variable of Object.keys(process.env)) {
    if (variable.startsWith("npm_")) delete process.env[variable];
  }
  const report = await comparison.run({ users, rows, rounds });
  if (values.json) {
    mkdirSync(dirname(values.json), { recursive: true });
    writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  }
  if (!report.bars.every(({ holds }) => holds)) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  if (error.message !== "") console.error(error.message);
  process.exitCode = error.exitCode;
}
