// Migrations on servers: databases that others made, names that are taken, several at once, and
// what an interruption leaves.

import { createRequire } from "node:module";
import { getAuthTables } from "@better-auth/core/db";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { describe, expect, onTestFinished, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { serverEngines } from "./engines/index.js";
import { basics } from "./support/basics.js";
import { named } from "./support/database.js";
import { inProcess } from "./support/elsewhere/index.js";
import { everyPlugin } from "./support/plugins.js";
import { credentials, user } from "./support/rows.js";

/** @typedef {import("better-auth").BetterAuthOptions} BetterAuthOptions */

/** @param {typeof serverEngines[number]} engine */
async function emptyDatabase(engine) {
  const database = await engine.create();
  onTestFinished(database.drop);
  return database;
}

/** @param {string | object} options */
function open(options) {
  const database = nativeAdapter(/** @type {any} */ (options));
  onTestFinished(() => database.close());
  return database;
}

/** @param {any} auth @param {string} name */
async function expectToWork(auth, name) {
  const { headers } = await auth.api.signUpEmail({ body: credentials(name), returnHeaders: true });
  const cookie = headers.getSetCookie().map((/** @type {string} */ line) => line.split(";", 1)[0]);
  const session = await auth.api.getSession({ headers: new Headers({ cookie: cookie.join("; ") }) });
  expect(session?.user.name).toBe(name);
}

/** @param {object} attributes @returns {BetterAuthOptions} */
const withNickname = (attributes) => ({
  user: { additionalFields: { nickname: { type: "string", required: false, ...attributes } } },
});

describe.each(named(serverEngines))("%s", (name, unspecific) => {
  const engine = /** @type {typeof serverEngines[number]} */ (unspecific);
  const isPostgres = name === "PostgreSQL";
  const quote = (/** @type {string} */ identifier) => (isPostgres ? `"${identifier}"` : `\`${identifier}\``);
  /** SQL in which names are quoted as the standard has it. @param {string} text */
  const sql = (text) => (isPostgres ? text : text.replaceAll('"', "`"));

  test("of ten processes that migrate at once, each step is taken by one, and all succeed", async () => {
    const { url } = await emptyDatabase(engine);
    const { statements } = await open(url).plan({});
    const processes = Array.from({ length: 10 }, () =>
      inProcess(
        async ({ nativeAdapter, tell, told, data: url }) => {
          const database = nativeAdapter(url);
          tell("ready");
          await told();
          const { statements } = await database.migrate({});
          await database.close();
          return statements;
        },
        url,
      ),
    );
    for (const each of processes) await each.told();
    for (const each of processes) each.tell("go");
    const taken = await Promise.all(processes.map((each) => each.result()));
    expect(taken.flat()).toEqual(statements);
  });

  test("a migration waits for another one, no longer than acquireTimeoutMs, and says for whom", async () => {
    const { url, query } = await emptyDatabase(engine);
    const database = open({ url, acquireTimeoutMs: 1_000 });
    const lock = isPostgres
      ? "SELECT pg_advisory_lock(hashtextextended('better-auth-native public', 0))"
      : "SELECT GET_LOCK(CONCAT('better-auth-native ', LEFT(SHA2(DATABASE(), 256), 40)), 0)";
    const unlock = isPostgres ? "SELECT pg_advisory_unlock_all()" : "DO RELEASE_ALL_LOCKS()";
    await query(lock);
    await expect(database.migrate({})).rejects.toMatchObject({
      code: "DATABASE_LOCKED",
      retryable: true,
      message: expect.stringMatching(/waited 1000 ms.* which (process|connection) \d+ of the server/),
    });
    // Which only looks.
    expect((await database.plan({})).statements).not.toEqual([]);
    await query(unlock);
    expect((await database.migrate({})).statements).not.toEqual([]);
  });

  test("what plan() writes is a script for the database's own client", async () => {
    const { url, query } = await emptyDatabase(engine);
    const database = open(url);
    /** @type {BetterAuthOptions} */
    const options = {
      ...everyPlugin,
      user: { additionalFields: { "mott`o\"": { type: "string", defaultValue: "it's \\ \"fine\"; -- ä\n" } } },
    };
    const run = async (/** @type {BetterAuthOptions} */ options) => {
      const { code } = /** @type {any} */ (await database(options).createSchema?.(options));
      await query(code);
      expect(await database.plan(options)).toEqual({ statements: [] });
    };
    await run({});
    await database({}).create({ model: "user", data: user("ada") });
    await run(options);
    const [ada] = await database(options).findMany({ model: "user" });
    expect(ada).toMatchObject({ "mott`o\"": "it's \\ \"fine\"; -- ä\n" });
  });

  test("names may be reserved words and hold quotes", async () => {
    const database = open((await emptyDatabase(engine)).url);
    /** @type {BetterAuthOptions} */
    const options = {
      user: { modelName: `sel"ect`, fields: { name: "order by", email: "'e'`mail`" } },
      session: { modelName: "ta ble", fields: { userId: `from "x"` } },
      account: { modelName: "group", fields: { userId: "where" } },
    };
    const auth = betterAuth({ ...basics, ...options, database });
    await database.migrate();
    expect(await database.plan()).toEqual({ statements: [] });
    await expectToWork(auth, "ada");
  });

  test("names may be as long as they can be", async () => {
    const database = open((await emptyDatabase(engine)).url);
    const column = "c".repeat(60);
    /** @type {BetterAuthOptions} */
    const options = {
      session: { modelName: "s".repeat(60), fields: { userId: column, token: "t".repeat(60) } },
      account: { modelName: "a".repeat(60), fields: { userId: column } },
    };
    const auth = betterAuth({ ...basics, ...options, database });
    await database.migrate();
    expect(await database.plan()).toEqual({ statements: [] });
    await expectToWork(auth, "ada");
  });

  test("a database of the built-in adapter is extended", async () => {
    const { url } = await emptyDatabase(engine);
    const { database: builtIn, close } = engine.builtIn(url);
    const { runMigrations } = await getMigrations({ ...basics, database: builtIn });
    await runMigrations();
    await close();
    const database = open(url);
    const auth = betterAuth({ ...basics, ...everyPlugin, database });
    await database.migrate();
    expect(await database.plan()).toEqual({ statements: [] });
    await expectToWork(auth, "ada");
    const { adapter } = await auth.$context;
    for (const model of Object.keys(getAuthTables(everyPlugin))) {
      await adapter.findMany({ model });
    }
  });

  test("a table that refers to one that exists has columns of that one's types", async () => {
    const { url, query } = await emptyDatabase(engine);
    const keys = isPostgres
      ? ["uuid DEFAULT gen_random_uuid()", "integer", "bigint", "varchar(21)"]
      : ["int unsigned AUTO_INCREMENT", "bigint", "char(21) CHARACTER SET ascii", "varchar(36) COLLATE utf8mb4_unicode_ci"];
    for (const key of keys) {
      await query(sql(`DROP TABLE IF EXISTS "session", "account", "verification"`));
      await query(sql(`DROP TABLE IF EXISTS "user"`));
      await query(sql(`CREATE TABLE "user" ("id" ${key} PRIMARY KEY, "name" varchar(90), "email" varchar(90) UNIQUE)`));
      const database = open(url);
      await database.migrate({});
      const types = await query(
        `SELECT table_name, column_name, data_type FROM information_schema.columns
         WHERE table_schema = ${isPostgres ? "current_schema()" : "DATABASE()"}
         AND (column_name = 'userId' OR (column_name = 'id' AND table_name = 'user'))`,
      );
      const kinds = types.map((row) => row.data_type ?? row.DATA_TYPE);
      expect(kinds).toHaveLength(3);
      expect(new Set(kinds).size).toBe(1);
      expect(await database.plan({})).toEqual({ statements: [] });
    }
  });

  test("a column whose type cannot refer is left alone", async () => {
    const { url, query } = await emptyDatabase(engine);
    await query(sql(`CREATE TABLE "user" ("id" bigint PRIMARY KEY)`));
    await query(sql(`CREATE TABLE "session" ("id" varchar(36) PRIMARY KEY, "userId" varchar(36))`));
    const database = open(url);
    const { statements } = await database.migrate({});
    expect(statements.filter((statement) => /session.*FOREIGN KEY/.test(statement))).toEqual([]);
    expect(await database.plan({})).toEqual({ statements: [] });
  });

  test("tables may refer to each other", async () => {
    const database = open((await emptyDatabase(engine)).url);
    const optional = { type: /** @type {const} */ ("string"), required: false };
    /** @type {BetterAuthOptions} */
    const options = {
      user: {
        additionalFields: {
          current: { ...optional, references: { model: "session", field: "id", onDelete: "set null" } },
          inviter: { ...optional, references: { model: "user", field: "email", onDelete: "set null" } },
        },
      },
    };
    await database.migrate(options);
    expect(await database.plan(options)).toEqual({ statements: [] });
    const adapter = database(options);
    const ada = await adapter.create({ model: "user", data: user("ada") });
    const stray = adapter.create({ model: "user", data: { ...user("stray"), inviter: "nobody" } });
    await expect(stray).rejects.toMatchObject({ code: "FOREIGN_KEY_VIOLATION" });
    await adapter.create({ model: "user", data: { ...user("grace"), inviter: ada.email } });
  });

  test("an index under a name that another one has gets a name of its own", async () => {
    const { url, query } = await emptyDatabase(engine);
    const database = open(url);
    await database.migrate(withNickname({}));
    const part = isPostgres ? "" : "(20)";
    await query(sql(`CREATE INDEX "user_nickname_uidx" ON "user" ("name"${part})`));
    const { statements } = await database.migrate(withNickname({ unique: true }));
    expect(statements).toEqual([expect.stringContaining("user_nickname_uidx_2")]);
    expect(await database.plan(withNickname({ unique: true }))).toEqual({ statements: [] });
  });

  /** [what exists instead of Better Auth's index, whether it serves] @type {[string, boolean][]} */
  const indexes = [
    ['UNIQUE INDEX "one" ON "user" ("email")', true],
    ['UNIQUE INDEX "one" ON "user" ("email" DESC)', true],
    ['INDEX "one" ON "user" ("email")', false],
    ['UNIQUE INDEX "one" ON "user" ("email", "emailVerified")', false],
    ['INDEX "one" ON "verification" ("identifier", "expiresAt")', true],
    ['UNIQUE INDEX "one" ON "verification" ("identifier", "id")', true],
    ['INDEX "one" ON "verification" ("expiresAt", "identifier")', false],
    .../** @type {[string, boolean][]} */ (
      isPostgres
        ? [
            ['UNIQUE INDEX "one" ON "user" ("email") INCLUDE ("name")', true],
            ['UNIQUE INDEX "one" ON "user" ("email") WHERE "name" IS NOT NULL', false],
            ['UNIQUE INDEX "one" ON "user" (lower("email"))', false],
            ['INDEX "one" ON "verification" USING brin ("identifier")', false],
          ]
        : [
            ['INDEX "one" ON "verification" ("identifier"(20))', true],
            ['FULLTEXT INDEX "one" ON "verification" ("identifier")', false],
          ]
    ),
  ];
  test.each(indexes)("CREATE %s takes the place of Better Auth's: %s", async (index, serves) => {
    const { url, query } = await emptyDatabase(engine);
    const database = open(url);
    await database.migrate({});
    const [table, replaced] = index.includes('"user" (') ? ["user", "user_email_uidx"] : ["verification", "verification_identifier_idx"];
    await query(sql(`CREATE ${index}`));
    await query(isPostgres ? `DROP INDEX "${replaced}"` : `ALTER TABLE \`${table}\` DROP INDEX ${replaced}`);
    const missing = serves ? [] : [expect.stringContaining(`INDEX ${quote(replaced)}`)];
    expect(await database.migrate({})).toEqual({ statements: missing });
  });

  test("how many rows stand in the way of an index is told", async () => {
    const database = open((await emptyDatabase(engine)).url);
    await database.migrate(withNickname({}));
    const adapter = database(withNickname({}));
    for (const [nickname, names] of Object.entries({ a: ["1", "2"], b: ["3", "4", "5"], c: ["6"] })) {
      for (const name of names) await adapter.create({ model: "user", data: { ...user(name), nickname } });
    }
    await adapter.create({ model: "user", data: user("7") });
    await adapter.create({ model: "user", data: user("8") });
    await expect(database.migrate(withNickname({ unique: true }))).rejects.toMatchObject({
      code: "UNSAFE_MIGRATION",
      table: "user",
      column: "nickname",
      constraint: "user_nickname_uidx",
      message: expect.stringContaining("5 rows hold the same value"),
    });
  });

  test("the limits of ordinary statements are not those of a migration", async () => {
    const { url, query } = await emptyDatabase(engine);
    const database = open({ url, statementTimeoutMs: 30 });
    await database.migrate(withNickname({}));
    const digits = `(${Array.from({ length: 10 }, (_, digit) => `SELECT ${digit}`).join(" UNION ")})`;
    const id = isPostgres ? "gen_random_uuid()::text" : "UUID()";
    await query(
      sql(`INSERT INTO "user" ("id", "name", "email", "emailVerified", "createdAt", "updatedAt", "nickname")
       SELECT ${id}, 'x', ${id}, TRUE, NOW(), NOW(), ${id}
       FROM ${["a", "b", "c", "d", "e"].map((alias) => `${digits} ${alias}`)}`),
    );
    const start = performance.now();
    await database.migrate(withNickname({ unique: true }));
    expect(performance.now() - start).toBeGreaterThan(60);
    expect(await database.plan(withNickname({ unique: true }))).toEqual({ statements: [] });
  });

  test("a step that fails is told, and what became of the others; afterwards it goes on", async () => {
    const { url, query } = await emptyDatabase(engine);
    const database = open(url);
    // No table, or one that no foreign key can lead to.
    const [obstacle, remedy] = isPostgres
      ? [`CREATE SEQUENCE "session"`, `DROP SEQUENCE "session"`]
      : ["CREATE TABLE `user` (id varchar(36) PRIMARY KEY) ENGINE=MyISAM", "ALTER TABLE `user` ENGINE=InnoDB"];
    await query(obstacle);
    const { statements } = await database.plan({});
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await expect(database.migrate({})).rejects.toMatchObject({
        code: "SCHEMA_MISMATCH",
        table: "session",
        message: expect.stringMatching(
          isPostgres || attempt > 0
            ? /^cannot create the table "session"; nothing was changed$/
            : /^cannot create the table "session"; the column "name" of table "user", .* had been created before; run it again/,
        ),
        cause: expect.objectContaining({ message: expect.stringMatching(/session|user/) }),
      });
    }
    const left = (await database.plan({})).statements;
    expect(left).toEqual(isPostgres ? statements : statements.filter((each) => !/ADD COLUMN/.test(each)));
    await query(remedy);
    expect(await database.migrate({})).toEqual({ statements: left });
    expect(await database.plan({})).toEqual({ statements: [] });
  });
});
