// The entry behind `npm run bench`: reads the command line and runs one comparison.

import { parseArgs } from "node:util";
import { Failure } from "../scripts/step.js";
import { compare } from "./compare.js";
import { engines } from "./engines.js";
import { installPeers } from "./peers.js";

const USAGE = `usage: npm run bench -- sqlite|postgres|mysql|mariadb [options]

Compares this package with what Better Auth brings for the same database, through the same
interface and on the same content, in one run. Exits with 1 where a promise is not kept.

  --users <n>    users in the database, each with a session and an account (default: 10000)
  --rounds <n>   rounds that are measured (default: 9)
  --json <file>  also writes the results there; bench/chart.js draws them
  --help         prints this
`;

function readCommandLine() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        users: { type: "string", default: "10000" },
        rounds: { type: "string", default: "9" },
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

async function main() {
  const { positionals, values } = readCommandLine();
  if (values.help) return console.log(USAGE);
  const [name = ""] = positionals;
  if (positionals.length !== 1 || !Object.hasOwn(engines, name)) throw new Failure(USAGE);
  const users = atLeastOne("users", values.users);
  const rounds = atLeastOne("rounds", values.rounds);
  const engine = await engines[name]();
  await installPeers(name, engine.install);
  // Better Auth looks variables up during every call, and npm adds dozens of them.
  for (const variable of Object.keys(process.env)) {
    if (variable.startsWith("npm_")) delete process.env[variable];
  }
  const { bars } = await compare(name, engine, { users, rounds, json: values.json });
  if (!bars.every(({ holds }) => holds)) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  if (error.message !== "") console.error(error.message);
  process.exitCode = error.exitCode;
}
