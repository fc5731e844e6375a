// What a statement of the application's changes in its session: nobody else ever meets it, and what
// is acknowledged afterwards is there.

import { describe, expect, onTestFinished, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { everyEngine, userNames } from "./support/database.js";
import { kindOf, openWithNotes } from "./support/own-sql.js";
import { user } from "./support/rows.js";

/** What a session may be left with. @type {Record<string, string[]>} */
const LEFT_OVERS = {
  sqlite: [
    "BEGIN",
    "BEGIN IMMEDIATE",
    "SAVEPOINT a",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA query_only = ON",
    "PRAGMA ignore_check_constraints = ON",
    'CREATE TEMP TABLE "user" (id text, name text)',
    'CREATE TABLE temp."user" (id text, name text)',
    'CREATE TEMP VIEW "session" AS SELECT 1',
    "ATTACH ':memory:' AS other",
  ],
  postgres: [
    "BEGIN",
    "START TRANSACTION READ ONLY",
    "SET search_path = nowhere",
    "SELECT set_config('search_path', 'nowhere', false)",
    "SELECT set_config('default_transaction_read_only', 'on', false)",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "SET ROLE pg_database_owner",
    "SET TimeZone = 'Asia/Tokyo'",
    'CREATE TEMP TABLE "user" (id text, name text)',
    "DO $$ BEGIN CREATE TEMP TABLE \"user\" (id text); END $$",
    "SELECT pg_advisory_lock(42)",
    "LISTEN something",
    "PREPARE s1 AS SELECT 1",
    "DEALLOCATE ALL",
    "DISCARD ALL",
  ],
  mysql: [
    "BEGIN",
    "START TRANSACTION READ ONLY",
    "SET autocommit = 0",
    "SET SESSION TRANSACTION READ ONLY",
    "SET sql_mode = ''",
    "SET time_zone = '+09:00'",
    "SET foreign_key_checks = 0",
    "SELECT 1 INTO @a",
    "LOCK TABLES `user` READ",
    "CREATE TEMPORARY TABLE `user` (id varchar(36), name varchar(20))",
    "SELECT GET_LOCK('better-auth-native', 1)",
    "USE information_schema",
  ],
};

describe.each(everyEngine)("%s: after a statement that changes its session", (_, engine) => {
  test.each(LEFT_OVERS[kindOf(engine)])("%s", async (sql) => {
    const isServer = kindOf(engine) !== "sqlite";
    const { url, database, adapter } = await openWithNotes(engine, isServer ? { maxConnections: 1 } : {});
    const attempt = database.query(sql);
    if (engine.private && !/^(BEGIN|SAVEPOINT)/.test(sql)) {
      await expect(attempt).rejects.toMatchObject({ code: "INVALID_INPUT" });
    } else {
      await attempt;
    }
    await expectUsable(engine, { url, database, adapter });
  });

  test("inside a transaction: it goes with the transaction", async () => {
    const changes = {
      sqlite: ["PRAGMA ignore_check_constraints = ON", 'CREATE TEMP TABLE "user" (id text)'],
      postgres: ["SET search_path = pg_catalog, public", "SELECT pg_advisory_lock(42)", "SET TimeZone = 'Asia/Tokyo'"],
      mysql: ["SET sql_mode = ''", "SET @a = 1", "CREATE TEMPORARY TABLE `user` (id varchar(36))"],
    }[kindOf(engine)];
    if (engine.private) return;
    for (const sql of changes) {
      const isServer = kindOf(engine) !== "sqlite";
      const { url, database, adapter } = await openWithNotes(engine, isServer ? { maxConnections: 1 } : {});
      await database.withTransaction(() => database.query(sql));
      await expectUsable(engine, { url, database, adapter });
    }
  });
});

// What a pooler passes on is a transaction: the reset has to be in it.
describe.each(everyEngine.filter(([name]) => name === "PostgreSQL"))("%s without prepared statements", (_, engine) => {
  test.each([
    "BEGIN",
    "SELECT set_config('search_path', 'nowhere', false)",
    "SET ROLE pg_database_owner",
    'CREATE TEMP TABLE "user" (id text, name text)',
    "SELECT pg_advisory_lock(42)",
  ])("%s", async (sql) => {
    const all = await openWithNotes(engine, { maxConnections: 1, prepare: false });
    await all.database.query(sql);
    await expectUsable(engine, all);
    await all.database.withTransaction(() => sql === "BEGIN" || all.database.query(sql));
    await all.adapter.delete({ model: "user", where: [{ field: "name", value: "ada" }] });
    await all.adapter.delete({ model: "user", where: [{ field: "name", value: "grace" }] });
    await expectUsable(engine, all);
  });
});

/**
 * Everything works as if nothing had been, and what is acknowledged is there for others.
 *
 * @param {import("./support/database.js").Engine} engine
 * @param {{ url: string, database: any, adapter: any }} all
 */
async function expectUsable(engine, { url, database, adapter }) {
  const now = new Date("2026-11-21T08:45:49.123Z");
  const ada = await adapter.create({ model: "user", data: { ...user("ada"), createdAt: now } });
  await database.withTransaction(async (/** @type {any} */ inside) => {
    await inside.create({ model: "user", data: user("grace") });
  });
  const orphan = { userId: "nobody", token: "t", expiresAt: now, createdAt: now, updatedAt: now };
  const attempt = adapter.create({ model: "session", data: orphan });
  await expect(attempt).rejects.toMatchObject({ code: "FOREIGN_KEY_VIOLATION" });
  if (kindOf(engine) === "postgres") {
    const { rows } = await database.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())");
    expect(rows).toEqual([{ count: 0 }]);
  }
  const seer = engine.private ? adapter : another(url)({});
  const byId = [{ field: "id", value: ada.id }];
  expect(await seer.findOne({ model: "user", where: byId })).toMatchObject({ name: "ada", createdAt: now });
  expect(await userNames(seer)).toEqual(["ada", "grace"]);
}

/** @param {string} url */
function another(url) {
  const database = nativeAdapter(url);
  onTestFinished(() => database.close());
  return database;
}
