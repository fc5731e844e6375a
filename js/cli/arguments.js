// What commands take, and the help that says so: both from one table.

import { parseArgs } from "node:util";

/**
 * @typedef {object} Flag
 * @property {"string" | "boolean"} type
 * @property {string} [short]
 * @property {string} [value] What stands for it in the help.
 * @property {string} help
 */

/**
 * @typedef {object} Command
 * @property {string} summary
 * @property {string} about
 * @property {string} exits What its exit codes mean.
 * @property {string[]} [examples]
 * @property {string} [argument] What it takes before its flags.
 * @property {string[]} flags Beside those that all have.
 * @property {"options" | "database"} needs Whether it has to know the application's tables.
 * @property {(context: Context) => Promise<number>} run Resolves to the exit code.
 */

/**
 * @typedef {object} Context
 * @property {import("../../index.js").NativeDatabase} database
 * @property {import("@better-auth/core").BetterAuthOptions | undefined} options
 * @property {string} title The database as the output names it.
 * @property {string} name The database's own name.
 * @property {Record<string, any>} values
 * @property {import("./output.js").Output} output
 */

/** @type {Record<string, Flag>} */
const FLAGS = {
  config: { type: "string", value: "<file>", help: "the file that exports `auth`; else it is looked for where Better Auth's own command does" },
  cwd: { type: "string", short: "c", value: "<folder>", help: "where to look for it; default: the current folder" },
  url: { type: "string", value: "<url>", help: "the database, instead of the configuration's; without a configuration, Better Auth's core tables" },
  json: { type: "boolean", help: "one JSON object on stdout, also for errors" },
  help: { type: "boolean", short: "h", help: "this text" },
  yes: { type: "boolean", short: "y", help: "do not ask; needed where nobody can be asked" },
  "dry-run": { type: "boolean", help: "show what would be done, and do nothing" },
  dir: { type: "string", value: "<folder>", help: "go by the migration files in this folder" },
  to: { type: "string", value: "<version>", help: "the version that stays; 0 for none. Default: the one before the newest" },
  name: { type: "string", value: "<words>", help: "the name of the files; default: what they do" },
  description: { type: "string", value: "<words>", help: "what the history calls it; default: baseline" },
  confirm: { type: "string", value: "<name>", help: "the database's name, with --yes" },
  overwrite: { type: "boolean", help: "replace a file that is there" },
  "slow-ms": { type: "string", value: "<number>", help: "the mean time in milliseconds from which a statement is slow; default: 100" },
  "batch-size": { type: "string", value: "<rows>", help: "rows per batch; default: 1000" },
  pause: { type: "string", value: "<time>", help: "the pause after a batch, in milliseconds or as 500ms, 1s; default: 100" },
  "older-than": { type: "string", value: "<time>", help: "only what expired as long ago: 30m, 12h, 7d, or milliseconds; default: 0" },
  tables: { type: "string", value: "<names>", help: "session, verification, rateLimit or the tables' own names, separated by commas; default: all" },
  "no-rows": { type: "boolean", help: "look only at how tables are built, not at their rows" },
};

const COMMON = ["config", "cwd", "url", "json", "help"];

/** What was typed cannot be understood. */
export class UsageError extends Error {
  code = "INVALID_INPUT";
}

/**
 * @param {string} name
 * @param {Command} command
 * @param {string[]} args
 * @returns {Record<string, any>}
 */
export function readArguments(name, command, args) {
  const names = [...command.flags, ...COMMON];
  const options = Object.fromEntries(
    names.map((flag) => [flag, { type: FLAGS[flag].type, short: FLAGS[flag].short }]).map(([flag, option]) => [
      flag,
      Object.fromEntries(Object.entries(option).filter(([, value]) => value !== undefined)),
    ]),
  );
  try {
    /** @type {{ values: Record<string, any>, positionals: string[] }} */
    const { values, positionals } = parseArgs({
      args,
      options: /** @type {any} */ (options),
      allowPositionals: command.argument !== undefined,
    });
    if (command.argument === undefined || values.help) return values;
    if (positionals.length !== 1) throw new Error(`it takes one <${command.argument}>`);
    return { ...values, [command.argument]: positionals[0] };
  } catch (error) {
    const message = /** @type {Error} */ (error).message.split(". To specify")[0];
    throw new UsageError(`${message}. See npx better-auth-native ${name} --help`);
  }
}

/**
 * @param {string} name
 * @param {Command} command
 */
export function commandHelp(name, { summary, about, argument, flags, exits, examples = [] }) {
  const names = [...flags, ...COMMON];
  const lines = names.map((flag) => {
    const { short, value, help } = FLAGS[flag];
    return [`${short ? `-${short}, ` : "    "}--${flag}${value ? ` ${value}` : ""}`, help];
  });
  return [
    `npx better-auth-native ${name}${argument ? ` <${argument}>` : ""} [flags]`,
    "",
    `${summary}.`,
    "",
    about,
    "",
    "Flags",
    ...columns(lines),
    "",
    `Exit code: ${exits}`,
    ...(examples.length > 0 ? ["", "Examples", ...examples.map((example) => `  ${example}`)] : []),
  ].join("\n");
}

/** @param {Record<string, Command>} commands */
export function overview(commands) {
  return [
    "npx better-auth-native <command> [flags]",
    "",
    "Looks after a Better Auth database: SQLite, PostgreSQL, MySQL and MariaDB.",
    "",
    "Commands",
    ...columns(Object.entries(commands).map(([name, { summary }]) => [name, summary])),
    "",
    "Exit codes: 0 in step, or done; 1 failed; 2 there is something to do.",
    "npx better-auth-native <command> --help says the rest.",
  ].join("\n");
}

/** @param {string[][]} lines of two cells */
function columns(lines) {
  const width = Math.max(...lines.map(([first]) => first.length));
  return lines.flatMap(([first, second]) => {
    const [head, ...rest] = wrapped(second, 96 - width - 4);
    return [
      `  ${first.padEnd(width)}  ${head}`,
      ...rest.map((line) => `  ${" ".repeat(width)}  ${line}`),
    ];
  });
}

/** @param {string} text @param {number} width */
function wrapped(text, width) {
  /** @type {string[]} */
  const lines = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
