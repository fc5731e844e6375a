// Programs: where they are found, and how they are run to their end.

import { execFile, execFileSync } from "node:child_process";
import { existsSync, readdirSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/**
 * Who runs the servers. PostgreSQL and PgBouncer refuse root; as root they all run as nobody.
 *
 * @type {{ uid?: number, gid?: number }}
 */
export const account =
  process.getuid?.() === 0 ? { uid: nobody("-u"), gid: nobody("-g") } : {};

/** @param {string} what */
function nobody(what) {
  return Number(execFileSync("id", [what, "nobody"], { encoding: "utf8" }));
}

/** Nothing of the developer's own settings, such as PGHOST or a language for messages. */
export const environment = { PATH: process.env.PATH, LC_ALL: "C" };

const path = (process.env.PATH ?? "").split(delimiter);

/**
 * The folder of a program, links resolved.
 *
 * @param {string} program
 * @param {string[]} [folders] that PATH may lack
 */
export function findFolder(program, folders = []) {
  const folder = [...folders, ...path].find((each) => existsSync(join(each, program)));
  return folder && dirname(realpathSync(join(folder, program)));
}

/** What a folder holds, with its path. @param {string} folder */
export function entries(folder) {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}

/**
 * Runs a program, as the account of the servers unless told otherwise.
 *
 * @param {string[]} command
 * @param {object} [options]
 * @param {string} [options.cwd]
 * @param {NodeJS.ProcessEnv} [options.env] added to a bare environment
 * @param {{ uid?: number, gid?: number }} [options.as]
 * @param {string} [options.input]
 * @returns {Promise<string>} its output
 */
export async function run([program, ...args], { cwd = "/", env, as = account, input } = {}) {
  const running = execute(program, args, {
    cwd,
    env: { ...environment, ...env },
    ...as,
    maxBuffer: 64 * 1024 * 1024,
  });
  running.child.stdin?.end(input);
  try {
    return (await running).stdout;
  } catch (error) {
    const { message, stdout = "" } = /** @type {Error & { stdout?: string }} */ (error);
    throw new Error(`${message}\n${stdout}`);
  }
}
