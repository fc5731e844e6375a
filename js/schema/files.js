// Migrations in files: NNNN_name.up.sql, and NNNN_name.down.sql for the way back.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { invalidInput, NativeAdapterError } from "../errors.js";

/**
 * @typedef {object} MigrationFile
 * @property {number} version
 * @property {string} name Of both files, without the endings.
 * @property {string} up
 * @property {string | null} down
 */

const FILE = /^(?<name>(?<version>\d{1,15})_[\w-]+)\.(?<way>up|down)\.sql$/;

/**
 * @param {string} dir
 * @param {boolean} [mayBeMissing]
 * @returns {MigrationFile[]} by version
 */
export function readFolder(dir, mayBeMissing = false) {
  /** @type {Map<number, Partial<MigrationFile> & { name: string }>} */
  const files = new Map();
  for (const entry of list(dir, mayBeMissing)) {
    if (!entry.endsWith(".sql")) continue;
    const parts = FILE.exec(entry)?.groups;
    if (!parts || Number(parts.version) === 0) {
      throw invalid(`${entry} is not named NNNN_name.up.sql or NNNN_name.down.sql, with a number from 1`);
    }
    const version = Number(parts.version);
    const known = files.get(version) ?? { name: parts.name };
    if (known.name !== parts.name) {
      throw invalid(`${known.name} and ${parts.name} have the same number`);
    }
    files.set(version, { ...known, [parts.way]: readFileSync(join(dir, entry), "utf8") });
  }
  return [...files].sort(([one], [other]) => one - other).map(([version, { name, up, down }]) => {
    if (up === undefined) throw invalid(`${name}.down.sql has no ${name}.up.sql`);
    return { version, name, up, down: down ?? null };
  });
}

/** @param {string} message */
function invalid(message) {
  return new NativeAdapterError({ code: "MIGRATION_INVALID", message });
}

/**
 * @param {string} dir
 * @param {boolean} mayBeMissing
 */
function list(dir, mayBeMissing) {
  try {
    return readdirSync(dir);
  } catch (cause) {
    if (mayBeMissing && /** @type {NodeJS.ErrnoException} */ (cause).code === "ENOENT") return [];
    throw new NativeAdapterError({
      code: "MIGRATION_MISSING",
      message: `the folder ${resolve(dir)} cannot be read`,
      cause,
    });
  }
}

/**
 * Writes a migration, over no file that exists.
 *
 * @param {string} dir
 * @param {MigrationFile} migration
 * @returns {string[]} the paths of the files
 */
export function writeFiles(dir, { name, up, down }) {
  mkdirSync(dir, { recursive: true });
  const contents = { up, down: down ?? "" };
  return Object.entries(contents).map(([way, sql]) => {
    const path = join(dir, `${name}.${way}.sql`);
    writeFileSync(path, sql, { flag: "wx" });
    return path;
  });
}

/**
 * @param {number} version
 * @param {string} words
 */
export function fileName(version, words) {
  const whole = words.toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "");
  // Not in the middle of a word.
  const slug = whole.length > 60 ? whole.slice(0, 60).replace(/_[^_]*$/, "") : whole;
  if (slug === "") throw invalidInput("the name of a migration needs a letter or a digit");
  return `${`${version}`.padStart(4, "0")}_${slug}`;
}

/**
 * Statements as a script.
 *
 * @param {string[]} statements
 */
export function toScript(statements) {
  return statements.map((statement) => `${statement};\n`).join("\n");
}
