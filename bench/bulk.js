// Rows by the hundred thousand, by each database's own fastest way that its driver has.

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
    database.exec("BEGIN");
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
    await eachChunk(users, (table, rows) =>
      connection.query(`INSERT INTO "${table}" SELECT * FROM json_populate_recordset(null::"${table}", $1)`, [JSON.stringify(rows)]),
    );
    await connection.query("VACUUM ANALYZE");
    await connection.end();
  },

  async mysql(url, users) {
    const connection = await connectToMysql(url, { timezone: "Z" });
    await eachChunk(users, (table, rows) => {
      const names = Object.keys(rows[0]);
      const columns = names.map((name) => `\`${name}\``).join(", ");
      return connection.query(`INSERT INTO \`${table}\` (${columns}) VALUES ?`, [rows.map((row) => names.map((name) => row[name]))]);
    });
    await connection.query("ANALYZE TABLE `user`, `session`, `account`");
    await connection.end();
  },
};

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
  for (let first = 0; first < users; first += CHUNK) {
    for (const [table, rows] of Object.entries(rowsOf(first, Math.min(users, first + CHUNK)))) {
      await insert(table, rows);
    }
  }
}
