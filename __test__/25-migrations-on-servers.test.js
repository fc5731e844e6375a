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
import { migrateAtOnce } from "./support/migrate-at-once.js";
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
    const taken = await migrateAtOnce(url, Array(10).fill({}));
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
      expect(await database.plan(options)).toMatchObject({ statements: [] });
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
    expect(await database.plan()).toMatchObject({ statements: [] });
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
    expect(await database.plan()).toMatchObject({ statements: [] });
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
    expect(await database.plan()).toMatchObject({ statements: [] });
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
      expect(await database.plan({})).toMatchObject({ statements: [] });
    }
  });

  test("a column whose type cannot refer is left alone", async () => {
    const { url, query } = await emptyDatabase(engine);
    await query(sql(`CREATE TABLE "user" ("id" bigint PRIMARY KEY)`));
    await query(sql(`CREATE TABLE "session" ("id" varchar(36) PRIMARY KEY, "userId" varchar(36))`));
    const database = open(url);
    const { statements } = await database.migrate({});
    expect(statements.filter((statement) => /session.*FOREIGN KEY/.test(statement))).toEqual([]);
    expect(await database.plan({})).toMatchObject({ statements: [] });
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
    expect(await database.plan(options)).toMatchObject({ statements: [] });
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
    expect(await database.plan(withNickname({ unique: true }))).toMatchObject({ statements: [] });
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
    expect(await database.migrate({})).toMatchObject({ statements: missing });
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
    expect(await database.plan(withNickname({ unique: true }))).toMatchObject({ statements: [] });
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
    expect(await database.migrate({})).toMatchObject({ statements: left });
    expect(await database.plan({})).toMatchObject({ statements: [] });
  });
});

describe("PostgreSQL", () => {
  const [engine] = serverEngines;
  const tablesOf = async (/** @type {any} */ query, /** @type {string} */ schema) =>
    (await query("SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY 1", [schema])).map(
      (/** @type {any} */ row) => row.tablename,
    );
  const history = "auth_schema_versions";
  const names = ["account", history, "session", "user", "verification"];

  test("tables are in the schema of the option, which is created where it does not exist", async () => {
    const { url, query } = await emptyDatabase(engine);
    // Neither of them is the one.
    await query(`CREATE TABLE "user" (id int); CREATE TABLE "session" (id int)`);
    for (const schema of ["auth", "Au\"th"]) {
      const database = open({ url, schema });
      const auth = betterAuth({ ...basics, database });
      const { statements } = await database.migrate();
      expect(statements[0]).toMatch(/^CREATE SCHEMA IF NOT EXISTS/);
      expect(await database.plan()).toMatchObject({ statements: [] });
      expect(await tablesOf(query, schema)).toEqual(names);
      await expectToWork(auth, "ada");
    }
    expect(await tablesOf(query, "public")).toEqual(["session", "user"]);
  });

  test("a table's name may tell its schema", async () => {
    const { url, query } = await emptyDatabase(engine);
    await query("CREATE SCHEMA there");
    const database = open(url);
    /** @type {BetterAuthOptions} */
    const options = { user: { modelName: "there.user" }, session: { modelName: "elsewhere.session" } };
    const auth = betterAuth({ ...basics, ...options, database });
    await database.migrate();
    expect(await database.plan()).toMatchObject({ statements: [] });
    expect(await tablesOf(query, "there")).toEqual(["user"]);
    expect(await tablesOf(query, "elsewhere")).toEqual(["session"]);
    expect(await tablesOf(query, "public")).toEqual(["account", history, "verification"]);
    await expectToWork(auth, "ada");
  });

  test("the search path leads to tables that exist, and its first schema takes the others", async () => {
    const { url, query } = await emptyDatabase(engine);
    await query(`CREATE SCHEMA mine; CREATE SCHEMA shared`);
    await query(`CREATE TABLE shared."user" (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text, email text)`);
    await query(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = mine, shared', current_database()); END $$`);
    const database = open(url);
    await database.migrate({});
    expect(await database.plan({})).toMatchObject({ statements: [] });
    expect(await tablesOf(query, "mine")).toEqual(["account", history, "session", "verification"]);
    expect(await tablesOf(query, "shared")).toEqual(["user"]);
  });

  test("columns that differ in case are different columns", async () => {
    const { url, query } = await emptyDatabase(engine);
    await query(`CREATE TABLE "user" (id text PRIMARY KEY, "EMAIL" text UNIQUE, "NAME" text)`);
    const database = open(url);
    const auth = betterAuth({ ...basics, database });
    await database.migrate();
    expect(await database.plan()).toMatchObject({ statements: [] });
    await expectToWork(auth, "ada");
  });

  test("an index that is not valid does not count", async () => {
    const { url, query } = await emptyDatabase(engine);
    const database = open(url);
    await database.migrate(withNickname({}));
    const adapter = database(withNickname({}));
    for (const name of ["ada", "grace"]) {
      await adapter.create({ model: "user", data: { ...user(name), nickname: "same" } });
    }
    const failing = query(`CREATE UNIQUE INDEX CONCURRENTLY "user_nickname_uidx" ON "user" ("nickname")`);
    await expect(failing).rejects.toThrow(/could not create unique index/);
    await query(`UPDATE "user" SET nickname = name`);
    expect(await database.migrate(withNickname({ unique: true }))).toMatchObject({
      statements: [`CREATE UNIQUE INDEX "user_nickname_uidx_2" ON "user" ("nickname")`],
    });
  });

  test("a view with the columns is taken as it is", async () => {
    const { url, query } = await emptyDatabase(engine);
    const database = open(url);
    await database.migrate({});
    await query(`ALTER TABLE "user" RENAME TO people; CREATE VIEW "user" AS SELECT * FROM people`);
    expect(await database.plan({})).toMatchObject({ statements: [] });
    await expect(database.migrate(withNickname({}))).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      table: "user",
      column: "nickname",
      message: expect.stringContaining("is a view"),
    });
  });

  test("a table that somebody uses is waited for, no longer than acquireTimeoutMs", async () => {
    const { url, query } = await emptyDatabase(engine);
    const database = open({ url, acquireTimeoutMs: 500 });
    await database.migrate({});
    await query(`BEGIN; SELECT * FROM "user"`);
    await expect(database.migrate(withNickname({}))).rejects.toMatchObject({
      code: "DATABASE_LOCKED",
      retryable: true,
      table: "user",
      message: expect.stringMatching(/cannot create the column "nickname".*nothing was changed/),
    });
    await query("COMMIT");
    await database.migrate(withNickname({}));
  });
});

describe.each(named(serverEngines.slice(1)))("%s", (_, unspecific) => {
  const engine = /** @type {typeof serverEngines[number]} */ (unspecific);
  const text = { type: /** @type {const} */ ("string"), required: true };

  test("an index of many columns of text fits", async () => {
    const { url } = await emptyDatabase(engine);
    const database = open(url);
    const fields = Array.from({ length: 12 }, (_, number) => `field${number}`);
    const plugin = {
      id: "wide",
      schema: {
        wide: {
          fields: Object.fromEntries(fields.map((field) => [field, text])),
          indexes: [{ fields }, { fields: fields.slice(0, 4), unique: true }],
        },
      },
    };
    const options = /** @type {BetterAuthOptions} */ ({ plugins: [plugin] });
    await database.migrate(options);
    expect(await database.plan(options)).toMatchObject({ statements: [] });
  });

  test("texts of any length that exist are indexed by their beginnings", async () => {
    const { url, query } = await emptyDatabase(engine);
    const database = open(url);
    await query("CREATE TABLE `verification` (id varchar(36) PRIMARY KEY, identifier longtext, value text)");
    await query("CREATE TABLE `user` (id varchar(36) PRIMARY KEY, email varchar(2000) CHARACTER SET latin1, name text)");
    const auth = betterAuth({ ...basics, database });
    await database.migrate();
    expect(await database.plan()).toMatchObject({ statements: [] });
    await expectToWork(auth, "ada");
  });

  test("columns compare as in the other databases, also those that are added", async () => {
    const { url, query } = await emptyDatabase(engine);
    const database = open(url);
    await database.migrate({});
    await database.migrate(withNickname({ unique: true }));
    const adapter = database(withNickname({ unique: true }));
    for (const nickname of ["ada", "Ada", "ada ", "adà", "ａda"]) {
      await adapter.create({ model: "user", data: { ...user(`user ${nickname}`), email: nickname, nickname } });
    }
    const collations = await query(
      "SELECT DISTINCT collation_name AS name FROM information_schema.columns WHERE table_schema = DATABASE() AND collation_name IS NOT NULL",
    );
    expect(collations).toEqual([{ name: expect.stringMatching(/^utf8mb4_(0900|nopad)_bin$/) }]);
  });

  test("moments do not change by themselves", async () => {
    const { url, query } = await emptyDatabase(engine);
    await open(url).migrate({});
    const moments = await query(
      "SELECT DISTINCT CAST(column_type AS CHAR) AS type, CAST(extra AS CHAR) AS extra FROM information_schema.columns WHERE table_schema = DATABASE() AND column_name LIKE '%At'",
    );
    expect(moments).toEqual([{ type: "datetime(3)", extra: "" }]);
  });
});
