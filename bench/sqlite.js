// The comparison on SQLite: this package, Better Auth's built-in adapter on the two drivers it takes,
// Drizzle and Prisma, each on its own copy of one file.

import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getAdapter } from "better-auth/db/adapter";
import { getMigrations } from "better-auth/db/migration";
import { NATIVE, OPTIONS, contestant, peerContestant } from "./contestants.js";
import { fill } from "./dataset.js";
import { ownVersion } from "./machine.js";
import { compileBetterSqlite3, load } from "./peers.js";
import { drizzleSchema } from "./schemas/drizzle.js";
import { PATIENCE, generatePrismaClient, prismaClient } from "./schemas/prisma.js";

/** What nativeAdapter sets on its own connections. */
const PRAGMAS = [
  "PRAGMA journal_mode = WAL",
  "PRAGMA synchronous = NORMAL",
  "PRAGMA foreign_keys = ON",
  "PRAGMA cache_size = -16384",
  "PRAGMA temp_store = MEMORY",
];

const CALLERS = 32;

/** Times as fast as a built-in adapter. @type {{ kind: string, least: number, callers?: number }[]} */
const LEAST = [
  { kind: "find", least: 4 },
  { kind: "list", least: 4 },
  { kind: "create", least: 2.3, callers: 1 },
  { kind: "create", least: 4, callers: CALLERS },
];

/** They come first. @type {Record<string, import("./contestants.js").Peer>} */
const builtIn = {
  "built-in on better-sqlite3": {
    packages: ["kysely", "better-sqlite3"],
    async open(path) {
      const database = await betterSqlite3(path);
      return { database, close: () => database.close() };
    },
  },
};
if (nodeSqlite()) {
  builtIn["built-in on node:sqlite"] = {
    packages: ["kysely"],
    async open(path) {
      const database = new (nodeSqlite().DatabaseSync)(path);
      for (const pragma of PRAGMAS) database.exec(pragma);
      return { database, close: () => database.close() };
    },
  };
}

/** @type {typeof builtIn} */
const peers = {
  ...builtIn,

  // Without transactions: its callback may not be asynchronous on this driver.
  "Drizzle on better-sqlite3": {
    packages: ["drizzle-orm", "better-sqlite3"],
    async open(path) {
      const file = await betterSqlite3(path);
      const schema = await drizzleTables();
      const { drizzle } = await load("drizzle-orm/better-sqlite3");
      const { drizzleAdapter } = await load("better-auth/adapters/drizzle");
      const database = drizzleAdapter(drizzle(file, { schema }), { provider: "sqlite", schema });
      return { database, close: () => file.close() };
    },
  },

  "Prisma on better-sqlite3": {
    packages: ["@prisma/client", "@prisma/adapter-better-sqlite3"],
    async open(path) {
      const PrismaClient = await prismaClient("sqlite");
      const { PrismaBetterSqlite3 } = await load("@prisma/adapter-better-sqlite3");
      const client = new PrismaClient({ adapter: new PrismaBetterSqlite3({ url: `file:${path}` }), ...PATIENCE });
      for (const pragma of PRAGMAS) await client.$queryRawUnsafe(pragma);
      const { prismaAdapter } = await load("better-auth/adapters/prisma");
      const database = prismaAdapter(client, { provider: "sqlite", transaction: true });
      return { database, close: () => client.$disconnect() };
    },
  },
};

/** @type {import("./engines.js").Engine} */
export const sqlite = {
  name: "SQLite",
  callers: [1, CALLERS],
  names: [NATIVE, ...Object.keys(peers)],

  promises: Object.keys(peers).flatMap((peer) => [
    { promise: `nothing slower than the ${peer}`, peers: [peer], least: 1 },
    ...(peer in builtIn ? LEAST : []).map(({ kind, least, callers }) => ({
      promise: `${kind}${callers ? ` at ${callers}` : ""} at least ${least} times as fast as the ${peer}`,
      kinds: [kind],
      callers,
      peers: [peer],
      least,
    })),
    {
      promise: `the event loop less late, at the 99.9th percentile, than with the ${peer}`,
      kinds: ["mix"],
      callers: CALLERS,
      peers: [peer],
      least: 1,
      of: /** @type {const} */ ("loopP999"),
    },
  ]),

  async install() {
    await compileBetterSqlite3();
    await generatePrismaClient("sqlite");
  },

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
    return peerContestant(name, peers[name], path);
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

/** @param {string} path */
async function betterSqlite3(path) {
  const { default: Database } = await load("better-sqlite3");
  const database = new Database(path);
  for (const pragma of PRAGMAS) database.exec(pragma);
  return database;
}

/** With moments as the built-in adapter stores them. */
async function drizzleTables() {
  const { customType, integer, sqliteTable, text } = await load("drizzle-orm/sqlite-core");
  const moment = customType({
    dataType: () => "date",
    fromDriver: (/** @type {string} */ text) => new Date(text),
    toDriver: (/** @type {Date} */ date) => date.toISOString(),
  });
  return drizzleSchema({
    table: sqliteTable,
    id: () => text(),
    key: () => text(),
    text: () => text(),
    moment,
    boolean: () => integer({ mode: "boolean" }),
    integer: () => integer(),
    bigint: () => integer(),
  });
}

/** node:sqlite, where Node has it with all that Better Auth's dialect calls. */
function nodeSqlite() {
  const sqlite = /** @type {any} */ (process.getBuiltinModule?.("node:sqlite"));
  return sqlite?.StatementSync.prototype.columns ? sqlite : undefined;
}
