// The comparison on SQLite: this package, and Better Auth's built-in adapter on the two drivers it
// takes, each on its own copy of one file.

import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getAdapter } from "better-auth/db/adapter";
import { getMigrations } from "better-auth/db/migration";
import { compareOn } from "./compare.js";
import { fill } from "./dataset.js";
import { nameAndVersion } from "./machine.js";

/**
 * @typedef {import("./operations.js").Contestant} Contestant
 * @typedef {import("better-auth").BetterAuthOptions} BetterAuthOptions
 */

/** What nativeAdapter sets on its own connections. */
const PRAGMAS = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA foreign_keys = ON;
  PRAGMA cache_size = -16384;
  PRAGMA temp_store = MEMORY;
`;

const NATIVE = "better-auth-native";
const ON_BETTER_SQLITE3 = "built-in on better-sqlite3";
const ON_NODE_SQLITE = "built-in on node:sqlite";

/** Not `require`, which the type checker would follow into what may not be installed. */
const load = createRequire(import.meta.url);

/** @param {import("./compare.js").Settings} settings */
export async function compare(settings) {
  const folder = mkdtempSync(join(tmpdir(), "better-auth-native-bench-"));
  const original = join(folder, "original.db");
  const names = [NATIVE, ON_BETTER_SQLITE3];
  if (nodeSqlite()) names.push(ON_NODE_SQLITE);
  else console.log("This Node has no node:sqlite that Better Auth could use: it is left out.");
  let copies = 0;
  const copy = () => {
    const path = join(folder, `${copies++}.db`);
    copyFileSync(original, path);
    return path;
  };
  try {
    await makeOriginal(original, settings.users);
    const contestants = await Promise.all(names.map((name) => open(name, copy())));
    await compareOn({ name: "sqlite", contestants, freshPlace: copy }, settings);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Made by what Better Auth has always had, so that this package has to take what it finds.
 *
 * @param {string} path
 * @param {number} users
 */
async function makeOriginal(path, users) {
  const Database = load("better-sqlite3");
  const database = new Database(path);
  const { runMigrations } = await getMigrations({ database });
  await runMigrations();
  await fill(await getAdapter({ database }), users);
  database.close();
}

/**
 * @param {string} name
 * @param {string} path
 * @returns {Promise<Contestant>}
 */
export async function open(name, path) {
  if (name === NATIVE) return native(path);
  if (name === ON_NODE_SQLITE) return builtIn(name, new (nodeSqlite().DatabaseSync)(path), []);
  const driver = new (load("better-sqlite3"))(path);
  return builtIn(name, driver, [nameAndVersion("node_modules/better-sqlite3")]);
}

/** @param {string} path @returns {Promise<Contestant>} */
async function native(path) {
  const { nativeAdapter } = await import("../index.js");
  const database = nativeAdapter(`file:${encodeURI(path)}`);
  return {
    name: NATIVE,
    versions: [load("../package.json").version],
    adapter: database({}),
    joining: database(withJoins({})),
    close: () => database.close(),
  };
}

/**
 * @param {string} name
 * @param {any} driver
 * @param {string[]} driverVersion
 * @returns {Promise<Contestant>}
 */
async function builtIn(name, driver, driverVersion) {
  driver.exec(PRAGMAS);
  const options = { database: driver };
  const { sqlite } = driver.prepare("SELECT 'SQLite ' || sqlite_version() AS sqlite").get();
  return {
    name,
    versions: [
      ...["better-auth", "kysely"].map((part) => nameAndVersion(`../node_modules/${part}`)),
      ...driverVersion,
      sqlite,
    ],
    adapter: await getAdapter(options),
    joining: await getAdapter(withJoins(options)),
    close: () => driver.close(),
  };
}

/** @param {BetterAuthOptions} options @returns {BetterAuthOptions} */
function withJoins(options) {
  return { ...options, advanced: { database: { joins: true } } };
}

/** node:sqlite, where Node has it with all that Better Auth's dialect calls. */
function nodeSqlite() {
  const sqlite = /** @type {any} */ (process.getBuiltinModule?.("node:sqlite"));
  return sqlite?.StatementSync.prototype.columns ? sqlite : undefined;
}
