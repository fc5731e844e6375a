// Databases on servers for one test each: through a proxy that can fail, and seen from inside by a
// driver that is not this package's.

import { expect, onTestFinished, vi } from "vitest";
import { nativeAdapter } from "../../index.js";
import * as byMysql from "../engines/mysql.js";
import * as byPg from "../engines/postgres.js";
import { startProxy } from "../servers/index.js";
import { withRateLimit } from "./rows.js";

/** What the servers call things. */
const postgres = {
  quote: '"',
  text: "text",
  time: "timestamptz",
  connections: `SELECT pid AS id FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  transactions: `SELECT pid AS id FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL`,
  waiting: `SELECT pid AS id FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  kill: "SELECT pg_terminate_backend",
  lockTable: "BEGIN; LOCK TABLE verification",
  unlockTable: "COMMIT",
};

const mysql = {
  quote: "`",
  text: "varchar(190)",
  time: "datetime(3)",
  connections: `SELECT id FROM information_schema.processlist
    WHERE db = DATABASE() AND id <> CONNECTION_ID()`,
  transactions: `SELECT id FROM information_schema.processlist
    JOIN information_schema.innodb_trx ON trx_mysql_thread_id = id
    WHERE db = DATABASE() AND id <> CONNECTION_ID()`,
  waiting: `SELECT id FROM information_schema.processlist
    LEFT JOIN information_schema.innodb_trx ON trx_mysql_thread_id = id
    WHERE db = DATABASE() AND (trx_state = 'LOCK WAIT' OR state LIKE 'Waiting for%lock%')`,
  kill: "KILL ",
  lockTable: "LOCK TABLES verification WRITE",
  unlockTable: "UNLOCK TABLES",
};

/** @param {string} url */
const isPostgres = (url) => url.startsWith("postgres");

/** A connection of a driver that is not this package's. @param {string} url */
export async function connect(url) {
  const connection = await (isPostgres(url) ? byPg : byMysql).connect(url);
  onTestFinished(() => connection.end().catch(() => {}));
  return connection;
}

/** Rows of the engines' table, for servers that a test starts itself. @param {string} url */
export const databasesAt = (url) => ({
  create: () => (isPostgres(url) ? byPg : byMysql).createDatabase(url),
});

/** InnoDB tells of its transactions anew only to who has not asked for 100 ms. */
const patience = { timeout: 15_000, interval: 150 };

/** Waits, with a bound, until the assertions of `check` hold. @param {() => any} check */
export const eventually = (check) => vi.waitFor(check, patience);

/**
 * A database with the tables "verification" and "rateLimit", behind a proxy.
 *
 * @param {Pick<import("../engines/index.js").Engine, "create">} engine
 * @param {object} [options] of nativeAdapter
 */
export async function openBehindProxy(engine, options) {
  const { url, query, drop } =
    /** @type {Required<import("../engines/index.js").Database>} */ (await engine.create());
  onTestFinished(drop);
  const server = isPostgres(url) ? postgres : mysql;
  await makeTables(query, server);
  const proxy = await startProxy(url);
  onTestFinished(() => proxy.stop());
  const ids = async (/** @type {string} */ sql) => (await query(sql)).map(({ id }) => id);
  return {
    url,
    query,
    proxy,
    server,
    ...open(proxy.url, options),
    /** The server's ids of the connections to the database, of those in a transaction, … */
    connections: () => ids(server.connections),
    transactions: () => ids(server.transactions),
    waiting: () => ids(server.waiting),
    /** @param {any[]} connections */
    async kill(connections) {
      for (const id of connections) await query(`${server.kill}(${id})`);
    },
    /** What is stored, seen from outside. */
    async stored() {
      const rows = await query("SELECT identifier, value FROM verification ORDER BY identifier");
      return Object.fromEntries(rows.map(({ identifier, value }) => [identifier, value]));
    },
    /** No connection is left inside of a transaction, and no lock is left on a row. */
    async expectClean() {
      await eventually(async () => {
        expect(await ids(server.transactions)).toEqual([]);
        await query("SELECT id FROM verification FOR UPDATE NOWAIT");
      });
    },
  };
}

/**
 * The proxy has to see what is sent: no TLS.
 *
 * @param {string} url
 * @param {object} [options]
 */
export function open(url, options) {
  const database = nativeAdapter({ url, tls: false, ...options });
  onTestFinished(() => database.close());
  return { database, adapter: database(withRateLimit) };
}

/** @param {(sql: string) => Promise<any>} query @param {typeof postgres} server */
async function makeTables(query, { quote, text, time }) {
  const columns = (/** @type {Record<string, string>} */ types) =>
    Object.entries(types)
      .map(([name, type]) => `${quote}${name}${quote} ${type}`)
      .join(", ");
  await query(`CREATE TABLE verification (${columns({
    id: `${text} PRIMARY KEY`,
    identifier: `${text} NOT NULL`,
    value: `${text} NOT NULL`,
    expiresAt: time,
    createdAt: time,
    updatedAt: time,
  })})`);
  // Without it, a change of one row locks all of them on MySQL.
  await query("CREATE INDEX verification_identifier ON verification (identifier)");
  const count = { id: `${text} PRIMARY KEY`, key: `${text} UNIQUE`, count: "int", lastRequest: "bigint" };
  await query(`CREATE TABLE ${quote}rateLimit${quote} (${columns(count)})`);
}

/**
 * Something that is awaited until it is called.
 */
export function signal() {
  /** @type {(value?: any) => void} */
  let give = () => {};
  const given = new Promise((resolve) => {
    give = resolve;
  });
  return Object.assign(give, { given });
}
