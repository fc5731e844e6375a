// The comparison on PostgreSQL.

import pg from "pg";
import { connect } from "../__test__/engines/postgres.js";
import * as server from "../__test__/servers/postgres.js";
import { load } from "./peers.js";
import { CONNECTIONS, onServer } from "./server.js";
import { drizzleSchema } from "./schemas/drizzle.js";
import { PATIENCE, generatePrismaClient, prismaClient } from "./schemas/prisma.js";

export const postgres = onServer({
  name: "PostgreSQL",
  // A commit does not wait for the disk, as with SQLite's synchronous=NORMAL.
  start: () => server.start({ settings: { fsync: true, full_page_writes: true, synchronous_commit: false } }),
  connect,
  version: "SELECT 'PostgreSQL ' || current_setting('server_version')",
  copy: (from, to) => ({ create: `CREATE DATABASE ${to} TEMPLATE ${from}` }),
  install: () => generatePrismaClient("postgresql"),
  peers: {
    "built-in on pg": {
      packages: ["kysely", "pg"],
      async open(url) {
        const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS });
        // Without a listener, the end of the server would hide why a comparison has failed.
        pool.on("error", () => {});
        return { database: pool, close: () => pool.end() };
      },
    },

    "Drizzle on postgres.js": {
      packages: ["drizzle-orm", "postgres"],
      async open(url) {
        const { default: connectTo } = await load("postgres");
        const sql = connectTo(url, { max: CONNECTIONS });
        const schema = await drizzleTables();
        const { drizzle } = await load("drizzle-orm/postgres-js");
        const db = drizzle(sql, { schema });
        const { drizzleAdapter } = await load("better-auth/adapters/drizzle");
        const database = drizzleAdapter(db, { provider: "pg", schema, transaction: true });
        return { database, close: () => sql.end() };
      },
    },

    "Prisma on pg": {
      packages: ["@prisma/client", "@prisma/adapter-pg"],
      async open(url) {
        const PrismaClient = await prismaClient("postgresql");
        const { PrismaPg } = await load("@prisma/adapter-pg");
        const pool = { connectionString: url, max: CONNECTIONS };
        const client = new PrismaClient({
          adapter: new PrismaPg(pool, { statementNameGenerator: statementNames() }),
          ...PATIENCE,
        });
        const { prismaAdapter } = await load("better-auth/adapters/prisma");
        const database = prismaAdapter(client, { provider: "postgresql", transaction: true });
        return { database, close: () => client.$disconnect() };
      },
    },
  },
});

async function drizzleTables() {
  const { bigint, boolean, integer, pgTable, text, timestamp } =
    await load("drizzle-orm/pg-core");
  return drizzleSchema({
    table: pgTable,
    id: () => text(),
    key: () => text(),
    text: () => text(),
    moment: () => timestamp({ withTimezone: true }),
    boolean: () => boolean(),
    integer: () => integer(),
    bigint: () => bigint({ mode: "number" }),
  });
}

/** Has Prisma's statements prepared once; without names they are parsed for every call. */
function statementNames() {
  /** @type {Map<string, string>} */
  const names = new Map();
  return (/** @type {{ sql: string }} */ { sql }) => {
    const name = names.get(sql) ?? `s${names.size}`;
    names.set(sql, name);
    return name;
  };
}
