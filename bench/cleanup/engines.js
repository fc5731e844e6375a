// The databases the clean-up is shown on: how each is started, and filled with sessions that have
// expired by one statement of its own.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Driver from "libsql";
import { connect as connectMysql } from "../../__test__/engines/mysql.js";
import { connect as connectPostgres } from "../../__test__/engines/postgres.js";
import * as mariadb from "../../__test__/servers/mariadb.js";
import * as mysql from "../../__test__/servers/mysql.js";
import * as postgres from "../../__test__/servers/postgres.js";

/**
 * @typedef {object} Engine
 * @property {string} name
 * @property {() => Promise<{ url: string, stop: () => Promise<void> }>} start
 * @property {(url: string, rows: number, userId: string) => Promise<void>} fill
 */

const AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/** Expired over three months, in the order they were made, as sessions do. In seconds. */
const PERIOD = 90 * 86_400;

const COLUMNS = ["id", "expiresAt", "token", "createdAt", "updatedAt", "ipAddress", "userAgent", "userId"];

/** What a commit writes, the operating system has at once and the disk within a second. */
const INNODB = {
  "default-time-zone": "+00:00",
  "innodb-buffer-pool-size": "256M",
  "innodb-flush-log-at-trx-commit": 2,
  "innodb-flush-method": "fsync",
};

/** @param {string} url @param {string} sql @param {any} connect */
async function run(url, sql, connect) {
  const connection = await connect(url);
  await connection.query(sql);
  await connection.end();
}

/** @param {string} url @param {number} rows @param {string} userId */
async function fillMysql(url, rows, userId) {
  // MySQL has no MD5 any more.
  const hash = (/** @type {string} */ text) => `LEFT(SHA2(${text}, 256), 32)`;
  const digits = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
  const powers = Array.from(`${rows - 1}`, (_, place) => 10 ** place);
  const n = powers.map((power) => `t${power}.d * ${power}`).join(" + ");
  const tables = powers.map((power) => `${digits} AS t${power}`).join(" CROSS JOIN ");
  const columns = COLUMNS.map((name) => `\`${name}\``).join(", ");
  await run(
    url,
    `INSERT INTO session (${columns}) SELECT ${hash("n")}, UTC_TIMESTAMP(3) - INTERVAL (${rows} - n) * ${PERIOD} / ${rows} SECOND,
      ${hash("CONCAT('token ', n)")}, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), '203.0.113.7', '${AGENT}', '${userId}'
      FROM (SELECT ${n} AS n FROM ${tables}) AS numbers WHERE n < ${rows} ORDER BY n; ANALYZE TABLE session`,
    connectMysql,
  );
}

/** @type {Engine[]} */
export const engines = [
  {
    name: "SQLite",
    async start() {
      const folder = mkdtempSync(join(tmpdir(), "better-auth-native-bench-"));
      return { url: `sqlite:${join(folder, "auth.db")}`, stop: async () => rmSync(folder, { recursive: true }) };
    },
    async fill(url, rows, userId) {
      const driver = new Driver(url.slice("sqlite:".length));
      driver.exec(`WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${rows})
        INSERT INTO session (${COLUMNS.map((name) => `"${name}"`).join(", ")})
        SELECT lower(hex(randomblob(16))), strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || (1 + (${rows} - n) * ${PERIOD}.0 / ${rows}) || ' seconds'),
          lower(hex(randomblob(16))), strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
          '203.0.113.7', '${AGENT}', '${userId}' FROM numbers`);
      driver.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      driver.close();
    },
  },
  {
    name: "PostgreSQL",
    start: () => postgres.start({ settings: { fsync: true, full_page_writes: true, synchronous_commit: false } }),
    fill: (url, rows, userId) =>
      run(
        url,
        `INSERT INTO session (${COLUMNS.map((name) => `"${name}"`).join(", ")})
          SELECT md5(n::text), now() - (1 + (${rows} - n) * ${PERIOD}.0 / ${rows}) * interval '1 second', md5('token ' || n), now(), now(),
            '203.0.113.7', '${AGENT}', '${userId}' FROM generate_series(1, ${rows}) AS n; ANALYZE session`,
        connectPostgres,
      ),
  },
  {
    name: "MySQL",
    start: () => mysql.start({ settings: { ...INNODB, "innodb-redo-log-capacity": "256M" } }),
    fill: fillMysql,
  },
  {
    name: "MariaDB",
    start: () => mariadb.start({ settings: { ...INNODB, "innodb-log-file-size": "256M" } }),
    fill: fillMysql,
  },
];
