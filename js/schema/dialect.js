// A Kysely dialect over the core, for `npx auth migrate` and Better Auth's getMigrations().
//
// Kysely is Better Auth's: it is found where Better Auth finds it, and nothing of it is loaded
// before somebody asks for a dialect.

import { createRequire } from "node:module";
import { cellsOf } from "../adapter/cells.js";
import { unwrap } from "../native.js";

/** The names that Kysely's classes for a database begin with. */
const NAMES = { sqlite: "Sqlite", postgres: "Postgres", mysql: "Mysql" };

/**
 * @param {import("../../binding.js").Database} native
 * @param {keyof typeof NAMES} kind
 */
export function kyselyDialect(native, kind) {
  /** @param {string} part of a dialect @param {...unknown} values */
  const make = (part, ...values) => new (kysely()[`${NAMES[kind]}${part}`])(...values);
  return {
    createAdapter: () => make("Adapter"),
    createQueryCompiler: () => make("QueryCompiler"),
    /** @param {unknown} db */
    createIntrospector: (db) => make("Introspector", db),
    createDriver: () => driverOn(native),
  };
}

/** @returns {Record<string, new (...values: unknown[]) => any>} */
function kysely() {
  const betterAuth = createRequire(import.meta.url).resolve("better-auth");
  return createRequire(betterAuth)("kysely");
}

/** @param {import("../../binding.js").Database} native */
function driverOn(native) {
  const connection = {
    /** @param {{ sql: string, parameters: readonly unknown[] }} query */
    async executeQuery({ sql, parameters }) {
      const [columns, cells] = cellsOf(unwrap(await native.query(sql, parameters.map(encoded))));
      return { rows: rowsOf(columns, cells) };
    },
    async *streamQuery() {
      throw unsupported("rows that stream");
    },
  };
  const refuse = async () => {
    throw unsupported("transactions");
  };
  return {
    init: async () => {},
    acquireConnection: async () => connection,
    releaseConnection: async () => {},
    beginTransaction: refuse,
    commitTransaction: refuse,
    rollbackTransaction: refuse,
    // The connections are the adapter's.
    destroy: async () => {},
  };
}

/** @param {string} what */
function unsupported(what) {
  return new Error(
    `this dialect is for migrations and has no ${what}; work with the adapter of nativeAdapter`,
  );
}

/** @param {unknown} value */
function encoded(value) {
  return value instanceof Date ? value.toISOString() : value;
}

/**
 * @param {string[]} columns
 * @param {unknown[]} cells
 */
function rowsOf(columns, cells) {
  const count = columns.length === 0 ? 0 : cells.length / columns.length;
  return Array.from({ length: count }, (_, row) =>
    Object.fromEntries(columns.map((column, index) => [column, cells[row * columns.length + index]])),
  );
}
