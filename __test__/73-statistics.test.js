// Sizes, the use of indexes, missing indexes and slow statements, by what each database keeps.

import mysql2 from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { serverEngines } from "./engines/index.js";
import { password } from "./servers/accounts.js";
import { mariadb, mysql, postgres } from "./servers/index.js";
import { everyEngine, openDatabase } from "./support/database.js";
import { user } from "./support/rows.js";
import { databasesAt } from "./support/server-database.js";

/** @param {any} adapter @param {number} count */
async function addUsers(adapter, count) {
  for (let number = 0; number < count; number += 1) {
    await adapter.create({ model: "user", data: user(`user ${number}`) });
  }
}

describe.each(everyEngine)("%s", (name, engine) => {
  test("tables and indexes have sizes, and what the database does not keep has a reason", async () => {
    const { database, adapter } = await openDatabase(engine);
    await addUsers(adapter, 200);
    expect(await database.analyze()).toEqual({ tables: ["user", "session", "account", "verification"] });
    const statistics = await database.statistics();
    expect(statistics.version).toMatch(/^\d+\.\d+/);
    const users = statistics.tables.find(({ table }) => table === "user");
    expect(users).toMatchObject({ rows: expect.any(Number), bytes: expect.any(Number), indexBytes: expect.any(Number) });
    // InnoDB estimates, and not always well.
    expect(users?.rows).toBeGreaterThan(name === "PostgreSQL" || statistics.rowsAreExact ? 199 : 50);
    expect(users?.rows).toBeLessThan(name === "PostgreSQL" || statistics.rowsAreExact ? 201 : 800);
    expect(users?.bytes).toBeGreaterThan(4_000);
    expect(statistics.bytes).toBeGreaterThanOrEqual(users?.bytes ?? 0);
    expect(statistics.indexes).toContainEqual(
      expect.objectContaining({ table: "user", columns: ["email"], unique: true }),
    );
    expect(statistics.indexes).toContainEqual(
      expect.objectContaining({ table: "session", columns: ["userId", "expiresAt"], unique: false }),
    );
    expect(statistics.indexSizes).toEqual({ available: true });
    for (const { bytes } of statistics.indexes) expect(bytes).toBeGreaterThan(0);
    const isSqlite = name.startsWith("SQLite");
    expect(statistics).toMatchObject({
      rowsAreExact: isSqlite,
      tableSizes: { available: true },
      missingIndexes: [],
      indexUsage: name === "PostgreSQL" ? { available: true } : { available: false, reason: expect.stringMatching(/SQLite does not count|performance_schema is off/) },
      slowStatements: { available: false, reason: expect.any(String), slowMs: 100, statements: [] },
    });
    if (isSqlite || name === "PostgreSQL") expect(users?.analyzed).toBe(true);
  });

  test("recommended indexes that are missing are told with what makes them", async () => {
    if (engine.private) return;
    const options = { migrations: { recommendedIndexes: false } };
    const { url } = await openDatabase(engine, { options });
    const database = nativeAdapter(url);
    onTestFinished(() => database.close());
    const { missingIndexes } = await database.statistics({});
    expect(missingIndexes.map(({ table, columns }) => [table, ...columns])).toEqual(
      expect.arrayContaining([["user", "createdAt"], ["session", "userId", "expiresAt"], ["account", "providerId", "accountId"]]),
    );
    const { statements } = await database.migrate({});
    expect(missingIndexes.map(({ statement }) => statement)).toEqual(statements);
    expect((await database.statistics({})).missingIndexes).toEqual([]);
  });

  test("settings are checked, and the tables have to be known", async () => {
    const { url, drop } = await engine.create();
    const database = nativeAdapter(url);
    const refused = { code: "INVALID_INPUT" };
    for (const method of /** @type {const} */ (["statistics", "analyze", "diagnose"])) {
      await expect(database[method]()).rejects.toMatchObject(refused);
    }
    await expect(database.statistics({}, { slowMs: -1 })).rejects.toMatchObject(refused);
    await expect(database.statistics({}, /** @type {any} */ ({ slow: 1 }))).rejects.toMatchObject(refused);
    await database.close();
    await drop();
  });
});

/** Servers that keep what they can. */
const watchful = [
  { name: "PostgreSQL", start: () => postgres.start({ settings: { shared_preload_libraries: "pg_stat_statements" } }) },
  { name: "MySQL", start: () => mysql.start({ settings: { "performance-schema": "ON" } }) },
  { name: "MariaDB", start: () => mariadb.start({ settings: { "performance-schema": "ON" } }) },
];

describe.each(watchful)("$name that watches", ({ name, start }) => {
  /** @type {Awaited<ReturnType<typeof start>>} */
  let server;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server.stop());

  test("the use of indexes and the slow statements are told, without values and of our tables", async () => {
    const { url, query, drop } = await databasesAt(name === "PostgreSQL" ? server.adminUrl : server.url).create();
    onTestFinished(drop);
    const first = nativeAdapter(url);
    const adapter = first({});
    await first.migrate({});
    const before = await first.statistics({}, { slowMs: 0 });
    if (name === "PostgreSQL") {
      expect(before.slowStatements).toMatchObject({ available: false, reason: expect.stringContaining("CREATE EXTENSION pg_stat_statements") });
      await query("CREATE EXTENSION pg_stat_statements");
    }
    await addUsers(adapter, 20);
    for (let round = 0; round < 50; round += 1) {
      await adapter.findOne({ model: "user", where: [{ field: "email", value: `user ${round}@example.com` }] });
    }
    const quote = name === "PostgreSQL" ? '"' : "`";
    await query(`SELECT name FROM ${quote}user${quote} WHERE email = 'a secret of ours' AND name <> 'x'`);
    await query("CREATE TABLE elsewhere (id int)");
    await query("SELECT id FROM elsewhere WHERE id = 4711");
    // What a connection counted, PostgreSQL tells when it ends.
    await first.close();
    const database = nativeAdapter(url);
    onTestFinished(() => database.close());
    const { since, indexUsage, indexes, slowStatements } = await database.statistics({}, { slowMs: 0 });
    expect(since === null || since <= new Date()).toBe(true);
    expect(indexUsage).toEqual({ available: true });
    const usage = Object.fromEntries(indexes.map(({ table, columns, usage }) => [`${table} ${columns}`, usage]));
    expect(usage).toMatchObject({ "user email": "high", "user createdAt": "unused", "session token": "unused" });
    expect(slowStatements.available).toBe(true);
    const { statements } = slowStatements;
    if (name !== "MariaDB") {
      // Which does not count what is prepared, as all of ours is.
      const insert = { calls: 20, statement: expect.stringMatching(/^INSERT INTO ["`]user["`]/i), meanMs: expect.any(Number) };
      expect(statements).toContainEqual(expect.objectContaining(insert));
    }
    const told = statements.map(({ statement }) => statement).join("\n");
    expect(told).toMatch(/SELECT ["`]?name["`]? FROM ["`]user["`] WHERE/i);
    for (const secret of ["secret", "4711", "elsewhere", "example.com"]) expect(told).not.toContain(secret);
    // None took an hour.
    expect((await database.statistics({}, { slowMs: 3_600_000 })).slowStatements.statements).toEqual([]);
  });

  test("a user who may not read them is told so", async () => {
    if (name === "PostgreSQL") return;
    const { url, drop } = await databasesAt(server.url).create();
    onTestFinished(drop);
    const owner = nativeAdapter(url);
    await owner.migrate({});
    await owner.close();
    const admin = await mysql2.createConnection({ socketPath: server.socket, user: "root", password });
    const { pathname } = new URL(url);
    await admin.query(`CREATE USER 'limited'@'%' IDENTIFIED BY 'limited'`);
    await admin.query(`GRANT SELECT ON ${pathname.slice(1)}.* TO 'limited'@'%'`);
    onTestFinished(async () => {
      await admin.query(`DROP USER 'limited'@'%'`);
      await admin.end();
    });
    const own = Object.assign(new URL(url), { username: "limited", password: "limited" });
    const database = nativeAdapter(own.href);
    onTestFinished(() => database.close());
    const statistics = await database.statistics({});
    const refused = { available: false, reason: expect.stringMatching(/may not read .*GRANT/) };
    expect(statistics).toMatchObject({ tableSizes: { available: true }, indexSizes: refused, indexUsage: refused, slowStatements: refused });
    expect(statistics.indexes).toContainEqual(expect.objectContaining({ columns: ["email"], usage: null, bytes: null }));
  });
});

test("PostgreSQL: pg_stat_statements that was not loaded is told so", async () => {
  const [engine] = serverEngines;
  const { url, query, drop } = await engine.create();
  onTestFinished(drop);
  const database = nativeAdapter(url);
  onTestFinished(() => database.close());
  await database.migrate({});
  expect(await query("SELECT 1")).toHaveLength(1);
  expect((await database.statistics({})).slowStatements.available).toBe(false);
});
