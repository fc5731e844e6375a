// The neighbours: what else an application may open the file with.

import { createRequire } from "node:module";
import { adapterWriter } from "./adapter.js";
import { driverWriter } from "./driver.js";

/** @typedef {import("./modes.js").Writer} Writer */

const require = createRequire(import.meta.url);

/** @type {Record<string, () => import("./driver.js").OpenDriver>} */
const drivers = {
  libsql() {
    const Database = require("libsql");
    return (path) => begunByItself(new Database(path));
  },
  "better-sqlite3"() {
    // Installed by bench/peers.js.
    const Database = require("../../bench/node_modules/better-sqlite3");
    return (path) => new Database(path);
  },
  "node:sqlite"() {
    // Not there on Node 20, so that nothing may name it in an import.
    const { DatabaseSync } = require("node:sqlite");
    return (path) => new DatabaseSync(path);
  },
};

/**
 * libsql 0.5.29 does not reset a statement for which the file was busy, so that it goes on writing, and
 * nothing that its handle writes outside of transactions is committed from then on, though acknowledged.
 * No statement but a BEGIN finds the file busy here.
 *
 * @param {any} database
 * @returns {import("./driver.js").Handle}
 */
function begunByItself(database) {
  return {
    exec: (sql) => database.exec(sql),
    close: () => database.close(),
    prepare(sql) {
      const statement = database.prepare(sql);
      return {
        get: (...values) => statement.get(...values),
        run(...values) {
          if (database.inTransaction) return statement.run(...values);
          database.exec("BEGIN IMMEDIATE");
          statement.run(...values);
          database.exec("COMMIT");
        },
      };
    },
  };
}

/** The package itself is its own neighbour when it is loaded from two places. */
export const SECOND_COPY = "a second copy";

export const neighbours = [...Object.keys(drivers), SECOND_COPY];

/**
 * @param {string} neighbour
 * @param {object} place
 * @param {string} place.path of the database
 * @param {string} place.ledgers
 * @param {string} place.secondCopy the URL of its index.js
 * @param {string} name
 * @param {number} patience of a driver; see driverWriter
 * @returns {Promise<Writer>}
 */
export async function openNeighbour(neighbour, { path, ledgers, secondCopy }, name, patience) {
  if (neighbour === SECOND_COPY) return adapterWriter(await import(secondCopy), path, ledgers, name);
  return driverWriter(drivers[neighbour](), path, ledgers, name, patience);
}
