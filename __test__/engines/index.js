// The databases that the promises are tested on, in one table: a new engine is a new row.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * @typedef {object} Engine
 * @property {string} name
 * @property {() => Promise<{ url: string, drop: () => Promise<void> }>} create An empty database
 *   of its own.
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
