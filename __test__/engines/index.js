// The databases that the promises are tested on, in one table: a new engine is a new row.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as mysql from "./mysql.js";
import * as postgres from "./postgres.js";
import * as sqlite from "./sqlite.js";

/**
 * @typedef {object} Database
 * @property {string} url
 * @property {() => Promise<void>} drop also while somebody is connected to it
 * @property {(sql: string, values?: unknown[]) => Promise<any[]>} [query] Asks it by a driver
 *   that is not this package's.
 */

/**
 * Connects to a database as an application does that uses Better Auth's built-in adapter.
 *
 * @callback BuiltIn
 * @param {string} url
 * @returns {{ database: any, close: () => Promise<void> }} `database` of its options
 */

/**
 * @typedef {object} Engine
 * @property {string} name
 * @property {() => Promise<Database>} create An empty database of its own.
 * @property {boolean} [private] Whether it is one connection, of one adapter: nobody else can open
 *   it, and reads too wait for an open transaction.
 * @property {object} oneWriter Options with which one transaction at a time can write.
 * @property {(milliseconds: number) => object} lockTimeout Options with which nothing waits longer
 *   than that for what another connection has locked.
 * @property {boolean} [withoutNul] Whether its texts cannot hold U+0000.
 * @property {string[]} [discreet] The codes of errors whose original words would tell values.
 * @property {number} scan The rows of a scan that takes long: SQLite would be at it for several
 *   milliseconds, on whose thread ever; a server scans elsewhere.
 * @property {BuiltIn} [builtIn] Where Better Auth can do without this package.
 */

/** @type {Engine[]} */
export const sqliteEngines = [
  {
    name: "SQLite file",
    oneWriter: {},
    scan: 10_000,
    lockTimeout: (milliseconds) => ({ busyTimeoutMs: milliseconds }),
    builtIn: sqlite.builtIn,
    async create() {
      const directory = mkdtempSync(join(tmpdir(), "better-auth-native-"));
      return {
        url: `sqlite:${join(directory, "auth.db")}`,
        drop: async () => rmSync(directory, { recursive: true, force: true }),
      };
    },
  },
  {
    name: "SQLite in memory",
    private: true,
    oneWriter: {},
    scan: 10_000,
    lockTimeout: (milliseconds) => ({ busyTimeoutMs: milliseconds }),
    create: async () => ({ url: "sqlite::memory:", drop: async () => {} }),
  },
];

const server = {
  oneWriter: { maxConnections: 1 },
  scan: 1_000,
  lockTimeout: (/** @type {number} */ milliseconds) => ({
    statementTimeoutMs: milliseconds,
    // For migrations, whose statements may take long.
    acquireTimeoutMs: milliseconds,
  }),
};

/**
 * Those with a server, which all tests share.
 *
 * @type {(Engine & { create: () => Promise<Required<Database>>, builtIn: BuiltIn })[]}
 */
export const serverEngines = [
  {
    name: "PostgreSQL",
    ...server,
    withoutNul: true,
    create: () => postgres.createDatabase(serverUrl("TEST_POSTGRES_URL")),
    builtIn: postgres.builtIn,
  },
  {
    name: "MySQL",
    ...server,
    discreet: ["UNIQUE_VIOLATION"],
    create: () => mysql.createDatabase(serverUrl("TEST_MYSQL_URL")),
    builtIn: mysql.builtIn,
  },
  {
    name: "MariaDB",
    ...server,
    discreet: ["UNIQUE_VIOLATION"],
    create: () => mysql.createDatabase(serverUrl("TEST_MARIADB_URL")),
    builtIn: mysql.builtIn,
  },
];

export const engines = [...sqliteEngines, ...serverEngines];

/** @param {string} variable in which whoever started the server has left its URL */
function serverUrl(variable) {
  const url = process.env[variable];
  if (!url) throw new Error(`${variable} is not set; __test__/servers/shared.js does that.`);
  return url;
}
