// Migrations: whatever an application's options ask for is there afterwards, and whatever was there
// before still is.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { getAuthTables } from "@better-auth/core/db";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { describe, expect, onTestFinished, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { auth } from "./support/auth-command.js";
import { basics } from "./support/basics.js";
import {
  emptyDatabase,
  everyEngine,
  everySharedEngine,
  named,
  openDatabase,
  userNames,
} from "./support/database.js";
import { engines, serverEngines } from "./engines/index.js";
import * as sqlite from "./engines/sqlite.js";
import { migrateAtOnce } from "./support/migrate-at-once.js";
import { everyPlugin } from "./support/plugins.js";
import { credentials, user } from "./support/rows.js";
import { sqliteFile } from "./support/sqlite-file.js";

/** @typedef {import("better-auth").BetterAuthOptions} BetterAuthOptions */

/** [what applications there are, their options] @type {[string, BetterAuthOptions][]} */
const applications = [
  ["Better Auth alone", {}],
  ["every plugin", everyPlugin],
  ["ids that the database counts", { advanced: { database: { generateId: "serial" } } }],
  ["UUIDs", { advanced: { database: { generateId: "uuid" } } }],
  ["ids that the database makes", { advanced: { database: { generateId: false } } }],
  [
    "names of its own",
    {
      user: { modelName: "person", fields: { name: "full name", email: "e-mail" } },
      session: { modelName: "visit", fields: { userId: "person" } },
      account: { modelName: "way_in", fields: { userId: "person" } },
    },
  ],
  [
    "fields of every type",
    {
      user: {
        additionalFields: {
          nickname: { type: "string", required: false, unique: true },
          points: { type: "number", required: false, index: true },
          lastSeen: { type: "number", bigint: true, required: false },
          friendly: { type: "boolean", defaultValue: true },
          birthday: { type: "date", required: false },
          settings: { type: "json", required: false },
          languages: { type: "string[]", required: false },
          scores: { type: "number[]", required: false },
          rank: { type: ["low", "high"], required: false },
          inviter: { type: "string", required: false, references: { model: "user", field: "id" } },
        },
      },
    },
  ],
];

/**
 * Somebody signs up and in, and is remembered.
 *
 * @param {any} auth
 * @param {string} name
 */
async function expectToWork(auth, name) {
  await auth.api.signUpEmail({ body: credentials(name) });
  await expectToKnow(auth, name);
}

/** @param {any} auth @param {string} name */
async function expectToKnow(auth, name) {
  const { headers } = await auth.api.signInEmail({ body: credentials(name), returnHeaders: true });
  const cookie = headers.getSetCookie().map((/** @type {string} */ line) => line.split(";", 1)[0]);
  const session = await auth.api.getSession({ headers: new Headers({ cookie: cookie.join("; ") }) });
  expect(session?.user.name).toBe(name);
}

describe.each(everyEngine)("%s", (_, engine) => {
  describe.each(applications)("for %s", (_, options) => {
    test("everything is created at once, and then there is nothing to do", async () => {
      const database = nativeAdapter(await emptyDatabase(engine));
      const auth = betterAuth({ ...basics, ...options, database });
      const { statements: planned } = await database.plan();
      expect(planned).not.toEqual([]);
      // Planning changed nothing.
      expect(await database.migrate()).toMatchObject({ statements: planned });
      expect(await database.plan()).toMatchObject({ statements: [] });
      expect(await database.migrate()).toMatchObject({ statements: [] });

      const { adapter } = await auth.$context;
      for (const model of Object.keys(getAuthTables(options))) {
        expect(await adapter.findMany({ model })).toEqual([]);
      }
      await expectToWork(auth, "ada");
      await database.close();
    });
  });

  /** [what changes, the options afterwards, what a user who was there before gets] @type {[string, BetterAuthOptions, Record<string, any>][]} */
  const extensions = [
    ["an optional field", { user: { additionalFields: { nickname: { type: "string", required: false } } } }, { nickname: null }],
    [
      "required fields with defaults",
      {
        user: {
          additionalFields: {
            motto: { type: "string", required: true, defaultValue: "it's \"fine\"; --" },
            points: { type: "number", required: true, defaultValue: 7.5 },
            friendly: { type: "boolean", required: true, defaultValue: true },
          },
        },
      },
      { motto: "it's \"fine\"; --", points: 7.5, friendly: true },
    ],
    [
      "an optional unique field with a default, which only new rows get",
      { user: { additionalFields: { nickname: { type: "string", required: false, unique: true, defaultValue: "anybody" } } } },
      { nickname: null },
    ],
    [
      "a reference",
      { user: { additionalFields: { inviter: { type: "string", required: false, references: { model: "user", field: "id" } } } } },
      { inviter: null },
    ],
    ["plugins", everyPlugin, { banned: false, username: null, twoFactorEnabled: false }],
  ];
  test.each(extensions)("%s: what is missing is added, and the rows stay", async (_, options, gained) => {
    const { database, adapter } = await openDatabase(engine);
    const ada = await adapter.create({ model: "user", data: user("ada") });
    const { statements } = await database.migrate(options);
    expect(statements).not.toEqual([]);
    expect(await database.plan(options)).toMatchObject({ statements: [] });

    const extended = database(options);
    expect(await extended.findMany({ model: "user" })).toEqual([expect.objectContaining({ ...ada, ...gained })]);
    await extended.create({ model: "user", data: user("grace") });
    // An application that knows nothing of it goes on as before.
    expect(await database.plan({})).toMatchObject({ statements: [] });
    expect(await userNames(adapter)).toEqual(["ada", "grace"]);
  });

  /** @param {object} attributes @returns {BetterAuthOptions} */
  const withNickname = (attributes) => ({
    user: { additionalFields: { nickname: { type: "string", required: false, ...attributes } } },
  });
  // Indexed: MySQL's texts of any length can refer to nothing.
  const toUser = { index: true, references: { model: "user", field: "id" } };

  test("an index is added to a column that exists", async () => {
    const { database } = await openDatabase(engine, { authOptions: withNickname({}) });
    const { statements } = await database.migrate(withNickname({ index: true }));
    expect(statements).toEqual([expect.stringMatching(/^CREATE INDEX .*nickname/)]);
    expect(await database.plan(withNickname({ index: true }))).toMatchObject({ statements: [] });
  });

  test.each([["no index", {}], ["an index", { index: true }]])("a unique index is added to a column with %s, and holds", async (_, before) => {
    const { database, adapter } = await openDatabase(engine, { authOptions: withNickname(before) });
    await adapter.create({ model: "user", data: { ...user("ada"), nickname: "countess" } });
    await adapter.create({ model: "user", data: user("grace") });
    await adapter.create({ model: "user", data: user("alan") });
    await database.migrate(withNickname({ unique: true }));
    const twin = adapter.create({ model: "user", data: { ...user("twin"), nickname: "countess" } });
    await expect(twin).rejects.toMatchObject({ code: "UNIQUE_VIOLATION", column: "nickname" });
  });

  test("a foreign key is added to a column that exists, and holds", async () => {
    const { database, adapter } = await openDatabase(engine, { authOptions: withNickname({ index: true }) });
    const ada = await adapter.create({ model: "user", data: user("ada") });
    const child = await adapter.create({ model: "user", data: { ...user("child"), nickname: ada.id } });
    await adapter.create({ model: "user", data: user("orphan") });
    const before = await adapter.findMany({ model: "user" });

    const { statements } = await database.migrate(withNickname(toUser));
    expect(statements).toEqual([expect.stringMatching(/FOREIGN KEY .*nickname/)]);
    expect(await database.plan(withNickname(toUser))).toMatchObject({ statements: [] });
    expect(await adapter.findMany({ model: "user" })).toEqual(before);

    const stray = adapter.create({ model: "user", data: { ...user("stray"), nickname: "nobody" } });
    await expect(stray).rejects.toMatchObject({ code: "FOREIGN_KEY_VIOLATION" });
    await adapter.create({ model: "user", data: { ...user("grandchild"), nickname: child.id } });
    await adapter.delete({ model: "user", where: [{ field: "id", value: ada.id }] });
    expect(await userNames(adapter)).toEqual(["orphan"]);
  });

  /** [what would break which rows, the options, what the error tells] @type {[string, BetterAuthOptions, Record<string, any>][]} */
  const unsafe = [
    [
      "a required field without a default",
      { user: { additionalFields: { motto: { type: "string", required: true } } } },
      { column: "motto", message: /required column "motto" to table "user"/ },
    ],
    [
      "a required field with a default that only new rows get",
      { user: { additionalFields: { motto: { type: "string", required: true, defaultValue: () => "now" } } } },
      { column: "motto", message: /required column "motto" to table "user"/ },
    ],
    [
      "a unique field with the same value in two rows",
      withNickname({ unique: true }),
      { message: /cannot make nickname unique in table "user"/ },
    ],
    [
      "a reference of rows to nobody",
      withNickname(toUser),
      { column: "nickname", message: /2 rows point to no row/ },
    ],
  ];
  test.each(unsafe)("%s is refused, and nothing is changed", async (_, { user: extended }, expected) => {
    const { database, adapter } = await openDatabase(engine, { authOptions: withNickname({ index: true }) });
    for (const name of ["ada", "grace"]) {
      await adapter.create({ model: "user", data: { ...user(name), nickname: "somebody" } });
    }
    const before = await adapter.findMany({ model: "user" });
    // Of which the other steps would succeed.
    const options = { ...everyPlugin, user: extended };
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const refusal = await database.migrate(options).catch((error) => error);
      expect(refusal).toMatchObject({ name: "NativeAdapterError", code: "UNSAFE_MIGRATION", table: "user", ...expected, message: expect.stringMatching(expected.message) });
    }
    expect(await adapter.findMany({ model: "user" })).toEqual(before);
    await expect(database(everyPlugin).findMany({ model: "passkey" })).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });

    await adapter.deleteMany({ model: "user", where: [] });
    await database.migrate(options);
    expect(await database.plan(options)).toMatchObject({ statements: [] });
  });

  test("what an application no longer asks for stays, with its data", async () => {
    const { database, adapter } = await openDatabase(engine, { authOptions: everyPlugin });
    const data = { name: "Engine", slug: "engine", createdAt: new Date() };
    const organization = await adapter.create({ model: "organization", data });
    expect(await database.migrate({})).toMatchObject({ statements: [] });
    expect(await adapter.findMany({ model: "organization" })).toEqual([organization]);
    expect(await database.plan(everyPlugin)).toMatchObject({ statements: [] });
  });

  test("of several at once in one application, one does the work", async () => {
    const database = nativeAdapter(await emptyDatabase(engine));
    const { statements } = await database.plan(everyPlugin);
    const runs = await Promise.all(Array.from({ length: 8 }, () => database.migrate(everyPlugin)));
    expect(runs.flatMap((run) => run.statements)).toEqual(statements);
    await database.close();
  });

  test("createSchema writes what is missing, and nothing when nothing is", async () => {
    const database = nativeAdapter(await emptyDatabase(engine));
    const adapter = database(everyPlugin);
    const { statements } = await database.plan(everyPlugin);
    const missing = await adapter.createSchema?.(everyPlugin, "schema.sql");
    expect(missing?.path).toBe("schema.sql");
    for (const statement of statements) expect(missing?.code).toContain(`${statement};`);
    await database.migrate(everyPlugin);
    expect(await adapter.createSchema?.(everyPlugin)).toMatchObject({ code: "", path: expect.stringMatching(/\.sql$/) });
    await database.close();
  });
});

describe.each(everySharedEngine)("%s", (_, engine) => {
  test("of several processes that migrate at once, one does the work", async () => {
    const url = await emptyDatabase(engine);
    const statements = await migrateAtOnce(url, Array(4).fill({}));
    expect(statements.filter((list) => list.length > 0)).toHaveLength(1);
    const database = nativeAdapter(url);
    expect(await database.plan({})).toMatchObject({ statements: [] });
    await database.close();
  });
});

/**
 * Works with a database as the built-in adapter does.
 *
 * @template T
 * @param {import("./engines/index.js").BuiltIn} connect
 * @param {string} url
 * @param {BetterAuthOptions} options
 * @param {(auth: any, migrations: Awaited<ReturnType<typeof getMigrations>>) => Promise<T>} work
 */
async function builtIn(connect, url, options, work) {
  const { database, close } = connect(url);
  try {
    const authOptions = { ...basics, ...options, database, logger: { disabled: true } };
    return await work(betterAuth(authOptions), await getMigrations(authOptions));
  } finally {
    await close();
  }
}

/**
 * @template T
 * @param {any} url or options of nativeAdapter
 * @param {BetterAuthOptions} options
 * @param {(auth: any, database: import("../index.js").NativeDatabase) => Promise<T>} work
 */
async function ours(url, options, work) {
  const database = nativeAdapter(url);
  try {
    return await work(betterAuth({ ...basics, ...options, database }), database);
  } finally {
    await database.close();
  }
}

/** Every row of every table. @param {any} auth @param {BetterAuthOptions} options */
async function contents(auth, options) {
  const { adapter } = await auth.$context;
  const models = Object.keys(getAuthTables(options));
  return Object.fromEntries(
    await Promise.all(models.map(async (model) => [model, await adapter.findMany({ model, sortBy: { field: "id" } })])),
  );
}

// The built-in adapter's own tables make no such ids.
const exchanged = applications.filter(([, options]) => options.advanced?.database?.generateId !== false);

const exchanging = engines.flatMap(({ builtIn, ...engine }) =>
  builtIn ? [{ engine, connect: builtIn, name: engine.name }] : [],
);

describe.each(exchanging)("$name and Better Auth's built-in adapter", ({ engine, connect }) => {
  describe.each(exchanged)("%s", (_, options) => {
    test("a database of the built-in adapter is taken over: nothing but recommended indexes is missing, and rows are equal", async () => {
      const url = await emptyDatabase(engine);
      const rows = await builtIn(connect, url, options, async (auth, { runMigrations }) => {
        await runMigrations();
        await expectToWork(auth, "ada");
        await expectToWork(auth, "grace");
        return contents(auth, options);
      });
      await ours({ url, migrations: { recommendedIndexes: false } }, options, async (_, database) => {
        expect(await database.migrate()).toMatchObject({ statements: [] });
      });
      await ours(url, options, async (auth, database) => {
        const { statements } = await database.migrate();
        expect(statements).toEqual(statements.map(() => expect.stringMatching(/^CREATE INDEX/)));
        expect(await database.migrate()).toMatchObject({ statements: [] });
        expect(await contents(auth, options)).toEqual(rows);
        await expectToKnow(auth, "ada");
        await expectToWork(auth, "alan");
      });
    });

    test("the built-in adapter takes over a database of this package: nothing to do, and equal rows", async () => {
      const url = await emptyDatabase(engine);
      const rows = await ours(url, options, async (auth, database) => {
        await database.migrate();
        await expectToWork(auth, "ada");
        await expectToWork(auth, "grace");
        return contents(auth, options);
      });
      await builtIn(connect, url, options, async (auth, { toBeCreated, toBeAdded, toBeAddedIndexes }) => {
        expect([toBeCreated, toBeAdded, toBeAddedIndexes]).toEqual([[], [], []]);
        expect(await contents(auth, options)).toEqual(rows);
        await expectToKnow(auth, "ada");
        await expectToWork(auth, "alan");
      });
    });
  });
});

describe("SQLite files", () => {
  function emptyFile() {
    const file = sqliteFile();
    onTestFinished(file.drop);
    return file;
  }

  test("tables without foreign keys get them", async () => {
    const { url, run, open } = emptyFile();
    const script = await builtIn(sqlite.builtIn, url, {}, (_, { compileMigrations }) => compileMigrations());
    run(script.replaceAll(/ references "user" \("id"\) on delete cascade/g, ""));
    const keys = () => open((driver) => driver.prepare('SELECT "from" FROM pragma_foreign_key_list(?)').all("session"));
    expect(keys()).toEqual([]);
    await ours(url, {}, async (auth, database) => {
      await expectToWork(auth, "ada");
      // No statement of SQLite's adds one: in a script it is a remark.
      run((await database.plan()).statements.join(";\n"));
      expect((await database.migrate()).statements).toHaveLength(2);
      const { adapter } = await auth.$context;
      await adapter.deleteMany({ model: "user", where: [] });
      for (const model of ["session", "account"]) expect(await adapter.count({ model })).toBe(0);
    });
    expect(keys()).toEqual([{ from: "userId" }]);
  });

  test("a column that refers to another table is left alone", async () => {
    const { url, run } = emptyFile();
    run(`
      CREATE TABLE "person" ("id" text NOT NULL PRIMARY KEY);
      CREATE TABLE "session" (
        "id" text NOT NULL PRIMARY KEY, "token" text NOT NULL, "ipAddress" text, "userAgent" text,
        "userId" text NOT NULL REFERENCES "person" ("id"),
        "expiresAt" text NOT NULL, "createdAt" text NOT NULL, "updatedAt" text NOT NULL)`);
    await ours(url, {}, async (_, database) => {
      const { statements } = await database.migrate();
      expect(statements.filter((statement) => /^(ALTER|--)/.test(statement))).toEqual([]);
    });
  });

  describe("tables of somebody else's making get foreign keys", () => {
    /** @param {string} end of the definition */
    const withSessions = (end) => {
      const file = emptyFile();
      file.run(`
        CREATE TABLE "session" (
          "id" text NOT NULL PRIMARY KEY, "token" text NOT NULL, "userId" text NOT NULL, "ipAddress" text, "userAgent" text,
          "expiresAt" text NOT NULL, "createdAt" text NOT NULL, "updatedAt" text NOT NULL ${end}`);
      return file;
    };

    /** [what their definitions end with, the end] @type {[string, string][]} */
    const endings = [
      ["nothing special", ")"],
      ["a comment inside", "-- the end :-)\n)"],
      ["options", ") STRICT, WITHOUT ROWID"],
      ["a comment outside", ") -- the end :-)\n"],
    ];
    test.each(endings)("whose definitions end with %s", async (_, end) => {
      await ours(withSessions(end).url, {}, async (auth, database) => {
        await database.migrate();
        expect(await database.plan()).toMatchObject({ statements: [] });
        await expectToWork(auth, "ada");
        const { adapter } = await auth.$context;
        await adapter.deleteMany({ model: "user", where: [] });
        expect(await adapter.count({ model: "session" })).toBe(0);
      });
    });

    test("or not, where a definition cannot be extended: then nothing is changed", async () => {
      await ours(withSessions(") STRICT, WITHOUT ROWID /* :-) */ ; --").url, {}, async (auth, database) => {
        const { statements } = await database.plan();
        for (let attempt = 0; attempt < 2; attempt += 1) {
          await expect(database.migrate()).rejects.toMatchObject({
            code: "SCHEMA_MISMATCH",
            table: "session",
            column: "userId",
            message: expect.stringMatching(/cannot create a foreign key .*; nothing was changed/),
            cause: expect.objectContaining({ message: expect.stringMatching(/unusual form/) }),
          });
        }
        expect(await database.plan()).toMatchObject({ statements });
        const { adapter } = await auth.$context;
        expect(await adapter.findMany({ model: "session" })).toEqual([]);
      });
    });
  });

  /** [what exists instead of Better Auth's indexes, whether it serves] @type {[string, boolean][]} */
  const indexes = [
    ['UNIQUE INDEX "one" ON "user" ("email")', true],
    ['UNIQUE INDEX "one" ON "user" ("EMAIL" DESC)', true],
    ['INDEX "one" ON "user" ("email")', false],
    ['UNIQUE INDEX "one" ON "user" ("email", "name")', false],
    ['UNIQUE INDEX "one" ON "user" ("email") WHERE "name" IS NOT NULL', false],
    ['UNIQUE INDEX "one" ON "user" (lower("email"))', false],
    ['INDEX "one" ON "session" ("userId")', true],
    ['INDEX "one" ON "session" ("userId", "expiresAt")', true],
    ['UNIQUE INDEX "one" ON "session" ("userId", "id")', true],
    ['INDEX "one" ON "session" ("expiresAt", "userId")', false],
  ];
  test.each(indexes)("CREATE %s takes the place of Better Auth's: %s", async (index, serves) => {
    const { url: file, run } = emptyFile();
    const url = { url: file, migrations: { recommendedIndexes: false } };
    await ours(url, {}, (_, database) => database.migrate());
    const replaced = index.includes('"user" (') ? "user_email_uidx" : "session_userId_idx";
    run(`DROP INDEX "${replaced}"; CREATE ${index}`);
    await ours(url, {}, async (_, database) => {
      const missing = serves ? [] : [expect.stringContaining(`INDEX "${replaced}"`)];
      expect(await database.migrate()).toMatchObject({ statements: missing });
    });
  });

  test("what Better Auth does not know stays as it is", async () => {
    const { url, run, open } = emptyFile();
    run(`
      CREATE TABLE "user" (
        "id" text PRIMARY KEY, "email" varchar(255) NOT NULL UNIQUE, "shoe size" real DEFAULT 42, -- (in Paris points)
        "name" text NOT NULL COLLATE NOCASE
      );
      CREATE TABLE "invoice" ("number" integer PRIMARY KEY, "userId" text REFERENCES "user" ("id"));
      CREATE INDEX "by size" ON "user" ("shoe size") WHERE "shoe size" > 40;
      CREATE VIEW "giants" AS SELECT * FROM "user" WHERE "shoe size" > 50;
      CREATE TRIGGER "no small feet" BEFORE INSERT ON "user" WHEN NEW."shoe size" < 1 BEGIN SELECT RAISE(ABORT, 'small'); END;
      INSERT INTO "user" VALUES ('1', 'ada@example.com', 36.5, 'ada');
      INSERT INTO "invoice" VALUES (7, '1');
    `);
    const options = {
      // Nothing that rows which exist would lack.
      user: {
        additionalFields: Object.fromEntries(
          ["emailVerified", "createdAt", "updatedAt"].map((name) => [name, { type: "string", required: false }]),
        ),
      },
    };
    const seen = () =>
      open((driver) => ({
        objects: driver.prepare("SELECT type, name, tbl_name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'").all(),
        columns: driver.prepare("SELECT name, type, \"notnull\", dflt_value FROM pragma_table_info('user')").all(),
        rows: driver.prepare('SELECT "id", "email", "shoe size", "name" FROM "user"').all(),
        invoices: driver.prepare('SELECT * FROM "invoice"').all(),
      }));
    const before = seen();
    await ours(url, /** @type {any} */ (options), async (_, database) => {
      expect((await database.migrate()).statements.join()).not.toMatch(/DROP |UPDATE |DELETE FROM/);
    });
    const after = seen();
    expect(after.objects).toEqual(expect.arrayContaining(before.objects));
    expect(after.columns).toEqual(expect.arrayContaining(before.columns));
    expect([after.rows, after.invoices]).toEqual([before.rows, before.invoices]);
  });

  describe("npx auth generate", () => {
    test("writes the SQL that makes an application work, and says when nothing is missing", async () => {
      const directory = mkdtempSync(join(tmpdir(), "better-auth-native-"));
      onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
      const { resolve } = createRequire(import.meta.url);
      const from = (/** @type {string} */ module) => JSON.stringify(pathToFileURL(resolve(module)));
      const source = `
        import { betterAuth } from ${from("better-auth")};
        import { nativeAdapter } from ${from("../index.js")};
        import { basics } from ${from("./support/basics.js")};
        import { everyPlugin } from ${from("./support/plugins.js")};
        export const auth = betterAuth({ ...basics, ...everyPlugin, database: nativeAdapter(process.env.DATABASE) });
      `;
      writeFileSync(join(directory, "auth.js"), source);
      const file = emptyFile();
      const generate = async () => {
        const args = ["--yes", "--cwd", directory, "--config", "auth.js", "--output", "schema.sql"];
        const { stdout } = await auth(["generate", ...args], { env: { ...process.env, DATABASE: file.url } });
        return stdout;
      };

      await generate();
      file.run(readFileSync(join(directory, "schema.sql"), "utf8"));
      await ours(file.url, everyPlugin, async (auth, database) => {
        expect(await database.plan()).toMatchObject({ statements: [] });
        await expectToWork(auth, "ada");
      });
      expect(await generate()).toContain("already up to date");
    }, 180_000);
  });
});
