#!/usr/bin/env node
// npx better-auth-native <command>: the schema's life, and the database's, from the command line.
//
// Exit codes: 0 in step or done, 1 failed, 2 there is something to do.

import { COMMAND } from "../schema/check.js";
import { commandHelp, overview, readArguments, UsageError } from "./arguments.js";
import { backup } from "./commands/backup.js";
import { baseline } from "./commands/baseline.js";
import { cleanup } from "./commands/cleanup.js";
import { doctor } from "./commands/doctor.js";
import { drop } from "./commands/drop.js";
import { generate } from "./commands/generate.js";
import { migrate } from "./commands/migrate.js";
import { plan } from "./commands/plan.js";
import { rollback } from "./commands/rollback.js";
import { status } from "./commands/status.js";
import { validate } from "./commands/validate.js";
import { open } from "./open.js";
import { Output } from "./output.js";

/** @type {Record<string, import("./arguments.js").Command>} */
const commands = { plan, migrate, rollback, status, generate, validate, doctor, baseline, backup, cleanup, drop };

/**
 * @param {string[]} argv
 * @returns {Promise<number>} the exit code
 */
async function main(argv) {
  const [name, ...rest] = argv;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    const about = name === "help" ? rest[0] : undefined;
    const known = about !== undefined && Object.hasOwn(commands, about);
    console.log(known ? commandHelp(about, commands[about]) : overview(commands));
    return name === undefined ? 1 : 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  const output = new Output({ json: rest.includes("--json") });
  try {
    if (!command) {
      throw new UsageError(`there is no command "${name}"; there are ${Object.keys(commands).join(", ")}`);
    }
    const values = readArguments(name, command, rest);
    if (values.help) {
      console.log(commandHelp(name, command));
      return 0;
    }
    const opened = await open(values, command.needs);
    try {
      return await command.run({ ...opened, values, output });
    } finally {
      await opened.close();
    }
  } catch (error) {
    output.fail(error);
    return 1;
  }
}

/** What is written to a pipe is written later. @param {NodeJS.WriteStream} stream */
const flushed = (stream) => new Promise((resolve) => stream.write("", resolve));

/** @type {any} */ (globalThis)[COMMAND] = true;
const code = await main(process.argv.slice(2));
await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
// What else the application's configuration has opened must not keep the command running.
process.exit(code);
