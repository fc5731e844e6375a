// The comparison on SQLite: this package, and Better Auth's built-in adapter on the two drivers it
// takes, each on its own copy of one file.

import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getAdapter } from "better-auth/db/adapter";
import { getMigrations } from "better-auth/db/migration";
import { NATIVE, OPTIONS, contestant } from "./contestants.js";
import { fill } from "./dataset.js";
import { nameAndVersion, ownVersion } from "./machine.js";
import { compileBetterSqlite3, load } from "./peers.js";

/** What nativeAdapter sets on its own connections. */
const PRAGMAS = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA foreign_keys = ON;
  PRAGMA cache_size = -16384;
  PRAGMA temp_store = MEMORY;
`;

const ON_BETTER_SQLITE3 = "built-in on better-sqlite3";
const ON_NODE_SQLITE = "built-in on node:sqlite";

const CALLERS = 32;

const names = [NATIVE, ON_BETTER_SQLITE3];
if (nodeSqlite()) names.push(ON_NODE_SQLITE);

/** @type {import("./engines.js").Engine} */
export const sqlite = {
  name: "SQLite",
  callers: [1, CALLERS],
  names,

  promises: names.slice(1).flatMap((peer) => [
    ...Object.entries({ find: 4, list: 4, create: 3 }).map(([kind, least]) => ({
      promise: `${kind} at least ${least} times as fast as the ${peer}`,
      kinds: [kind],
      peers: [peer],
      least,
    })),
    { promise: `nothing slower than the ${peer}`, peers: [peer], least: 1 },
    {
      promise: `the event loop less late, at the 99.9th percentile, than with the ${peer}`,
      kinds: ["mix"],
      callers: CALLERS,
      peers: [peer],
      least: 1,
      of: /** @type {const} */ ("loopP999"),
    },
  ]),

  install: compileBetterSqlite3,

  async prepare(users) {
    if (!nodeSqlite()) {
      console.log("This Node has no node:sqlite that Better Auth could use: it is left out.");
    }
    const folder = mkdtempSync(join(tmpdir(), "better-auth-native-bench-"));
    const original = join(folder, "original.db");
    let copies = 0;
    await makeOriginal(original, users);
    return {
      async copy() {
        const path = join(folder, `${copies++}.db`);
        copyFileSync(original, path);
        return path;
      },
      release: async () => rmSync(folder, { recursive: true }),
    };
  },

  async open(name, path) {
    if (name === NATIVE) return native(path);
    if (name === ON_NODE_SQLITE) return builtIn(name, new (nodeSqlite().DatabaseSync)(path), []);
    const { default: Database } = await load("better-sqlite3");
    return builtIn(name, new Database(path), [nameAndVersion("better-sqlite3")]);
  },
};

/**
 * Made by what Better Auth has always had, so that this package has to take what it finds.
 *
 * @param {string} path
 * @param {number} users
 */
async function makeOriginal(path, users) {
  const { default: Database } = await load("better-sqlite3");
  const database = new Database(path);
  const { runMigrations } = await getMigrations({ ...OPTIONS, database });
  await runMigrations();
  await fill(await getAdapter({ ...OPTIONS, database }), users);
  database.close();
}

/** @param {string} path */
async function native(path) {
  const { nativeAdapter } = await import("../index.js");
  const database = nativeAdapter(`file:${encodeURI(path)}`);
  return contestant({ name: NATIVE, versions: [ownVersion()], database, close: () => database.close() });
}

/**
 * @param {string} name
 * @param {any} database
 * @param {string[]} driverVersion
 */
async function builtIn(name, database, driverVersion) {
  database.exec(PRAGMAS);
  const { sqlite } = database.prepare("SELECT 'SQLite ' || sqlite_version() AS sqlite").get();
  return contestant({
    name,
    versions: [...["better-auth", "kysely"].map(nameAndVersion), ...driverVersion, sqlite],
    database,
    close: () => database.close(),
  });
}

/** node:sqlite, where Node has it with all that Better Auth's dialect calls. */
function nodeSqlite() {
  const sqlite = /** @type {any} */ (process.getBuiltinModule?.("node:sqlite"));
  return sqlite?.StatementSync.prototype.columns ? sqlite : undefined;
}
