// Rows by the hundred thousand, by each database's own fastest way that its driver has.

import { Readable } from "node:stream";
import { connect as connectToMysql } from "../__test__/engines/mysql.js";
import { connect as connectToPostgres } from "../__test__/engines/postgres.js";
import { rowsOf } from "./dataset.js";
import { load } from "./peers.js";

const CHUNK = 1_000;

/** Adds users with their sessions and accounts. @type {Record<string, (place: string, users: number) => Promise<void>>} */
export const bulk = {
  async sqlite(path, users) {
    const { default: Database } = await load("better-sqlite3");
    const database = new Database(path);
    // Nothing has to survive a crash; and keys come in no order, so that indexes have to be in memory.
    database.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1048576; BEGIN");
    await eachChunk(users, (table, rows) => {
      const names = Object.keys(rows[0]);
      const columns = names.map((name) => `"${name}"`).join(", ");
      const insert = database.prepare(`INSERT INTO "${table}" (${columns}) VALUES (${names.map(() => "?").join(", ")})`);
      for (const row of rows) insert.run(names.map((name) => stored(row[name])));
    });
    database.exec("COMMIT; ANALYZE");
    database.close();
  },

  async postgres(url, users) {
    const connection = await connectToPostgres(url);
    const indexes = [...(await connection.query(POSTGRES_CONSTRAINTS)), ...(await connection.query(POSTGRES_INDEXES))];
    await withoutIndexes(connection, indexes, () =>
      eachChunk(users, (table, rows) =>
        connection.query(`INSERT INTO "${table}" SELECT * FROM json_populate_recordset(null::"${table}", $1)`, [JSON.stringify(rows)]),
      ),
    );
    await connection.query("VACUUM ANALYZE");
    await connection.end();
  },

  async mysql(url, users) {
    /** @type {Record<string, any>[]} */
    let sent = [];
    const connection = await connectToMysql(url, { infileStreamFactory: () => Readable.from([Buffer.from(linesOf(sent))]) });
    const [{ pool }] = await connection.query("SELECT @@innodb_buffer_pool_size AS pool");
    const tables = ["user", "session", "account"];
    const indexes = [];
    for (const table of tables) indexes.push(await mysqlIndexes(connection, table));
    await connection.query("SET GLOBAL local_infile = ON; ALTER INSTANCE DISABLE INNODB REDO_LOG; SET foreign_key_checks = 0");
    await withoutIndexes(connection, indexes, async () => {
      // Keys come in no order: without room for the whole table, a row would have to read its page.
      await connection.query(`SET GLOBAL innodb_buffer_pool_size = ${2 ** 31}`);
      await eachChunk(users, (table, rows) => {
        sent = rows;
        const columns = Object.keys(rows[0]).map((name) => `\`${name}\``);
        return connection.query(`LOAD DATA LOCAL INFILE 'sent' INTO TABLE \`${table}\` (${columns})`);
      });
      await connection.query(`SET GLOBAL innodb_buffer_pool_size = ${pool}`);
    });
    await connection.query("ALTER INSTANCE ENABLE INNODB REDO_LOG");
    await connection.query(`ANALYZE TABLE ${tables.map((table) => `\`${table}\``).join(", ")}`);
    await connection.end();
  },
};

/** Foreign keys, before what they refer to. */
const POSTGRES_CONSTRAINTS = `
  SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS "drop",
    format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS "add"
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('f', 'p', 'u') ORDER BY contype`;

const POSTGRES_INDEXES = `
  SELECT format('DROP INDEX %s', indexrelid::regclass) AS "drop", pg_get_indexdef(indexrelid) AS "add"
  FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
  WHERE relnamespace = 'public'::regnamespace AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)`;

/**
 * All but the primary key, which is the table.
 *
 * @param {import("./server.js").Connection} connection
 * @param {string} table
 * @returns {Promise<Index>}
 */
async function mysqlIndexes(connection, table) {
  const [{ "Create Table": sql }] = await connection.query(`SHOW CREATE TABLE \`${table}\``);
  const definitions = [...sql.matchAll(/^ +((?:UNIQUE )?KEY|CONSTRAINT) (`\w+`) .*?(?=,?$)/gm)];
  const drops = definitions.map(([, kind, name]) => `DROP ${kind.replace("UNIQUE ", "")} ${name}`);
  const adds = definitions.map(([definition]) => `ADD ${definition}`);
  return { drop: `ALTER TABLE \`${table}\` ${drops}`, add: `ALTER TABLE \`${table}\` ${adds}` };
}

/** @typedef {{ drop: string, add: string }} Index in SQL, or some of them */

/**
 * They are made faster of all rows at once than row by row.
 *
 * @param {import("./server.js").Connection} connection
 * @param {Index[]} indexes
 * @param {() => Promise<void>} insert
 */
async function withoutIndexes(connection, indexes, insert) {
  for (const { drop } of indexes) await connection.query(drop);
  await insert();
  for (const { add } of indexes.toReversed()) await connection.query(add);
}

/** As MySQL reads them from a file. @param {Record<string, any>[]} rows */
function linesOf(rows) {
  const field = (/** @type {unknown} */ value) => {
    if (value === null) return "\\N";
    return value instanceof Date ? value.toISOString().slice(0, -1) : stored(value);
  };
  return rows.map((row) => Object.values(row).map(field).join("\t")).join("\n");
}

/** As SQLite's drivers take it, and the built-in adapter stores it. @param {unknown} value */
function stored(value) {
  if (value instanceof Date) return value.toISOString();
  return typeof value === "boolean" ? Number(value) : value;
}

/**
 * @param {number} users
 * @param {(table: string, rows: Record<string, any>[]) => unknown} insert
 */
async function eachChunk(users, insert) {
  /** @type {unknown} */
  let inserted;
  for (let first = 0; first < users; first += CHUNK) {
    for (const [table, rows] of Object.entries(rowsOf(first, Math.min(users, first + CHUNK)))) {
      // The next rows are made while a server inserts these.
      await inserted;
      inserted = insert(table, rows);
    }
  }
  await inserted;
}
