// The comparisons on MySQL and on MariaDB.

import { connect } from "../__test__/engines/mysql.js";
import * as mariadbServer from "../__test__/servers/mariadb.js";
import * as mysqlServer from "../__test__/servers/mysql.js";
import { load } from "./peers.js";
import { drizzleSchema } from "./schemas/drizzle.js";
import { PATIENCE, generatePrismaClient, prismaClient } from "./schemas/prisma.js";
import { CONNECTIONS, onServer } from "./server.js";

/** What a commit writes, the operating system has at once and the disk within a second. */
const SETTINGS = {
  "default-time-zone": "+00:00",
  "innodb-buffer-pool-size": "256M",
  "innodb-flush-log-at-trx-commit": 2,
  "innodb-flush-method": "fsync",
};

/** Whom others refer to comes first. */
const TABLES = ["`user`", "`session`", "`account`", "`verification`", "`rateLimit`"];
const ANALYZE = `ANALYZE TABLE ${TABLES.join(", ")}`;

export const mysql = onServer({
  ...kind({ lateral: true }),
  name: "MySQL",
  start: () => mysqlServer.start({ settings: { ...SETTINGS, "innodb-redo-log-capacity": "256M" } }),
  version: "SELECT concat('MySQL ', version())",
});

export const mariadb = onServer({
  ...kind({ lateral: false }),
  name: "MariaDB",
  start: () => mariadbServer.start({ settings: { ...SETTINGS, "innodb-log-file-size": "256M" } }),
  version: "SELECT concat('MariaDB ', version())",
});

/**
 * What both have in common.
 *
 * @param {{ lateral: boolean }} server whether it knows lateral joins
 * @returns {Omit<import("./server.js").Kind, "name" | "start" | "version">}
 */
function kind({ lateral }) {
  return {
    connect,
    copy: (from, to) => ({
      create: `CREATE DATABASE ${to}`,
      fill: [...TABLES.map((table) => `INSERT INTO ${table} SELECT * FROM ${from}.${table}`), ANALYZE],
    }),
    install: () => generatePrismaClient("mysql"),
    peers: {
      "built-in on mysql2": {
        packages: ["kysely", "mysql2"],
        async open(url) {
          const pool = await mysqlPool(url);
          return { database: pool, close: () => pool.end() };
        },
      },

      "Drizzle on mysql2": {
        packages: ["drizzle-orm", "mysql2"],
        async open(url) {
          const pool = await mysqlPool(url);
          const schema = await drizzleTables();
          const { drizzle } = await load("drizzle-orm/mysql2");
          const db = drizzle(pool, { schema, mode: lateral ? "default" : "planetscale" });
          const { drizzleAdapter } = await load("better-auth/adapters/drizzle");
          const database = drizzleAdapter(db, { provider: "mysql", schema, transaction: true });
          return { database, close: () => pool.end() };
        },
      },

      "Prisma on mariadb": {
        packages: ["@prisma/client", "@prisma/adapter-mariadb", "mariadb"],
        async open(url) {
          const PrismaClient = await prismaClient("mysql");
          const { PrismaMariaDb } = await load("@prisma/adapter-mariadb");
          const { hostname, port, username, password, pathname } = new URL(url);
          const pool = {
            host: hostname,
            port: Number(port),
            user: username,
            password: decodeURIComponent(password),
            database: pathname.slice(1),
            connectionLimit: CONNECTIONS,
            allowPublicKeyRetrieval: true,
            // Prisma's own is 0: each statement would be prepared anew.
            prepareCacheLength: 256,
          };
          const client = new PrismaClient({ adapter: new PrismaMariaDb(pool), ...PATIENCE });
          const { prismaAdapter } = await load("better-auth/adapters/prisma");
          const database = prismaAdapter(client, { provider: "mysql", transaction: true });
          return { database, close: () => client.$disconnect() };
        },
      },
    },
  };
}

/** @param {string} uri */
async function mysqlPool(uri) {
  const { default: driver } = await load("mysql2/promise");
  return driver.createPool({ uri, connectionLimit: CONNECTIONS, timezone: "Z" });
}

async function drizzleTables() {
  const { bigint, boolean, int, mysqlTable, text, timestamp, varchar } =
    await load("drizzle-orm/mysql-core");
  return drizzleSchema({
    table: mysqlTable,
    id: () => varchar({ length: 36 }),
    key: () => varchar({ length: 255 }),
    text: () => text(),
    moment: () => timestamp({ fsp: 3 }),
    boolean: () => boolean(),
    integer: () => int(),
    bigint: () => bigint({ mode: "number" }),
  });
}
