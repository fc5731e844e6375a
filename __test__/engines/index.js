// The databases that the promises are tested on, in one table: a new engine is a new row.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as mysql from "./mysql.js";
import * as postgres from "./postgres.js";

/**
 * @typedef {object} Database
 * @property {string} url
 * @property {() => Promise<void>} drop also while somebody is connected to it
 * @property {(sql: string, values?: unknown[]) => Promise<any[]>} [query] Asks it by a driver
 *   that is not this package's.
 */

/**
 * @typedef {object} Engine
 * @property {string} name
 * @property {() => Promise<Database>} create An empty database of its own.
 * @property {boolean} [private] Whether it is one connection, of one adapter: nobody else can open
 *   it, and reads too wait for an open transaction.
 */

/** @type {Engine[]} */
export const engines = [
  {
    name: "SQLite file",
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
    create: async () => ({ url: "sqlite::memory:", drop: async () => {} }),
  },
];

/**
 * Those with a server, which all tests share.
 *
 * @type {(Engine & { create: () => Promise<Required<Database>> })[]}
 */
export const serverEngines = [
  { name: "PostgreSQL", create: () => postgres.createDatabase(serverUrl("TEST_POSTGRES_URL")) },
  { name: "MySQL", create: () => mysql.createDatabase(serverUrl("TEST_MYSQL_URL")) },
  { name: "MariaDB", create: () => mysql.createDatabase(serverUrl("TEST_MARIADB_URL")) },
];

/** @param {string} variable in which whoever started the server has left its URL */
function serverUrl(variable) {
  const url = process.env[variable];
  if (!url) throw new Error(`${variable} is not set; __test__/servers/shared.js does that.`);
  return url;
}
