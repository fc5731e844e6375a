// A Kysely dialect over the core, for the application's own queries and for Better Auth's migrator.
//
// Kysely is Better Auth's: it is found where Better Auth finds it, and nothing of it is loaded
// before somebody asks for it.

import { createRequire } from "node:module";
import { currentTransaction, inTransaction } from "../adapter/transactions.js";
import { isolationOf } from "../adapter/with-transaction.js";
import { invalidInput } from "../errors.js";
import { opened } from "./opened.js";
import { objectsOf, run } from "./query.js";

/**
 * @typedef {import("../../binding.js").Database} Database
 * @typedef {import("./opened.js").Opened} Opened
 */

/** The names that Kysely's classes for a database begin with. */
const NAMES = { sqlite: "Sqlite", postgres: "Postgres", mysql: "Mysql" };

/**
 * @param {Database} native
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

/** @param {Database} native @param {keyof typeof NAMES} kind */
export function kyselyOn(native, kind) {
  const { Kysely } = kysely();
  return new Kysely({ dialect: kyselyDialect(native, kind) });
}

/** @returns {Record<string, new (...values: unknown[]) => any>} */
function kysely() {
  const betterAuth = createRequire(import.meta.url).resolve("better-auth");
  return createRequire(betterAuth)("kysely");
}

/** @param {Database} native */
function driverOn(native) {
  return {
    init: async () => {},
    acquireConnection: async () => new Connection(native),
    releaseConnection: async () => {},
    /** @param {Connection} connection @param {Settings} settings */
    beginTransaction: (connection, settings) => connection.begin(settings),
    /** @param {Connection} connection */
    commitTransaction: (connection) => connection.end("keep"),
    /** @param {Connection} connection */
    rollbackTransaction: (connection) => connection.end("undo"),
    /** @param {Connection} connection @param {string} name */
    savepoint: (connection, name) => connection.savepoint(name),
    /** @param {Connection} connection @param {string} name */
    rollbackToSavepoint: (connection, name) => connection.rollbackTo(name),
    /** @param {Connection} connection @param {string} name */
    releaseSavepoint: (connection, name) => connection.release(name),
    // The connections are the adapter's.
    destroy: async () => {},
  };
}

/** @typedef {{ isolationLevel?: string, accessMode?: string }} Settings */

/**
 * What Kysely takes for a connection. One of the database's is taken for each statement, and kept
 * while a transaction is open.
 */
class Connection {
  #native;
  /** The transaction, and the savepoints in it. @type {(Opened & { name?: string })[]} */
  #open = [];

  /** @param {Database} native */
  constructor(native) {
    this.#native = native;
  }

  /** @param {{ sql: string, parameters: readonly unknown[], query?: { kind: string } }} compiled */
  async executeQuery({ sql, parameters, query }) {
    const innermost = this.#open.at(-1)?.transaction;
    const answer = await run(this.#native, sql, parameters, innermost);
    const { columns, cells, affected, insertId } = answer;
    return {
      rows: objectsOf(columns, cells),
      numAffectedRows: query?.kind === "SelectQueryNode" ? undefined : BigInt(affected),
      insertId: insertId === null ? undefined : BigInt(insertId),
    };
  }

  async *streamQuery() {
    throw invalidInput("rows do not stream; read them in pages, by limit and the last row's key");
  }

  /** @param {Settings} settings */
  async begin({ isolationLevel, accessMode }) {
    if (accessMode === "read only") {
      throw invalidInput("transactions read and write; the access mode read only is not there");
    }
    const around = currentTransaction(this.#native);
    if (around && isolationLevel) {
      throw invalidInput("a transaction inside of another one has that one's isolation level");
    }
    const isolation = isolationOf("a transaction", isolationLevel);
    this.#open = [
      await opened((callback) =>
        around ? around.nested(callback) : inTransaction(this.#native, callback, isolation),
      ),
    ];
  }

  /** @param {"keep" | "undo"} how */
  async end(how) {
    await this.#endFrom(0, how);
  }

  /** @param {string} name */
  async savepoint(name) {
    const { transaction } = /** @type {Opened} */ (this.#open.at(-1));
    const inside = await opened((callback) => transaction.nested(callback));
    this.#open.push({ ...inside, name });
  }

  /** Undoes what was done since; the savepoint stays. @param {string} name */
  async rollbackTo(name) {
    await this.#endFrom(this.#placeOf(name), "undo");
    await this.savepoint(name);
  }

  /** @param {string} name */
  async release(name) {
    await this.#endFrom(this.#placeOf(name), "keep");
  }

  /** @param {string} name */
  #placeOf(name) {
    const place = this.#open.findLastIndex((open) => open.name === name);
    if (place === -1) throw invalidInput(`there is no savepoint "${name}" in this transaction`);
    return place;
  }

  /** Savepoints end inside out. @param {number} place @param {"keep" | "undo"} how */
  async #endFrom(place, how) {
    while (this.#open.length > place) {
      const innermost = /** @type {Opened} */ (this.#open.pop());
      // Where this fails, what is around it is still to be ended.
      await innermost[how]();
    }
  }
}
