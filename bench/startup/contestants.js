// Who starts: each imports what it needs and nothing else.

import { load } from "../peers.js";

/** @typedef {(place: string) => Promise<{ database: any, close: () => unknown }>} Open */

/** @type {Open} */
const native = async (place) => {
  const { nativeAdapter } = await import("../../index.js");
  const database = nativeAdapter(place.includes("://") ? { url: place, tls: false } : `sqlite:${place}`);
  return { database, close: () => database.close() };
};

/** What Better Auth itself costs. @type {Open} */
const memory = async () => {
  const { memoryAdapter } = await import("better-auth/adapters/memory");
  const tables = { user: [], session: [], account: [], verification: [] };
  return { database: memoryAdapter(tables), close: () => {} };
};

/** @type {Record<string, Record<string, Open>>} */
export const contestants = {
  sqlite: {
    "better-auth-native": native,
    "built-in on better-sqlite3": async (path) => {
      const { default: Database } = await load("better-sqlite3");
      const database = new Database(path);
      return { database, close: () => database.close() };
    },
    "memory adapter": memory,
  },
  postgres: {
    "better-auth-native": native,
    "built-in on pg": async (url) => {
      const { default: pg } = await load("pg");
      const database = new pg.Pool({ connectionString: url });
      return { database, close: () => database.end() };
    },
    "memory adapter": memory,
  },
  mysql: {
    "better-auth-native": native,
    "built-in on mysql2": async (uri) => {
      const { createPool } = await load("mysql2/promise");
      const database = createPool({ uri, timezone: "Z" });
      return { database, close: () => database.end() };
    },
    "memory adapter": memory,
  },
};

/** What is installed for each of them beside Better Auth. @type {Record<string, string>} */
export const DRIVERS = {
  "built-in on better-sqlite3": "better-sqlite3",
  "built-in on pg": "pg",
  "built-in on mysql2": "mysql2",
};
