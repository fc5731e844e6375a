// The neighbours: what else an application may open the file with.

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { driverWriter } from "./driver.js";

/** @typedef {import("./modes.js").Writer} Writer */

const require = createRequire(import.meta.url);

/** By bench/peers.js, for the benchmarks too; a name that the type checker does not look for. */
const INSTALLED_BY_PEERS = fileURLToPath(
  new URL("../../bench/node_modules/better-sqlite3/lib/index.js", import.meta.url),
);

/** @type {Record<string, () => import("./driver.js").OpenDriver>} */
const drivers = {
  libsql() {
    const Database = require("libsql");
    return (path) => finishing(new Database(path));
  },
  "better-sqlite3"() {
    const Database = require(INSTALLED_BY_PEERS);
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
 * And it closes when the last statement has been collected. What `exec` runs is finished when it returns.
 *
 * @param {any} database
 * @returns {import("./driver.js").Handle}
 */
function finishing(database) {
  return {
    exec: (sql) => database.exec(sql),
    prepare: (sql) => ({
      get: (...values) => database.prepare(sql).get(...values),
      run: (...values) => database.exec(sql.replaceAll("?", () => literal(values.shift()))),
    }),
    close() {
      database.close();
      globalThis.gc?.();
    },
  };
}

/** @param {string | number} value without a quote */
const literal = (value) => (typeof value === "number" ? `${value}` : `'${value}'`);

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
  if (neighbour === SECOND_COPY) {
    // Better Auth, which this takes along, starts slowly, and the drivers do without.
    const { adapterWriter } = await import("./adapter.js");
    return adapterWriter(await import(secondCopy), path, ledgers, name);
  }
  return driverWriter(drivers[neighbour](), path, ledgers, name, patience);
}
