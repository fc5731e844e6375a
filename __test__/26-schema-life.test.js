// The life of a schema: versions there and back, files, adoption, validation, and databases for
// tests.

import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { organization, twoFactor } from "better-auth/plugins";
import { describe, expect, onTestFinished, test } from "vitest";
import { createTestDatabase, nativeAdapter } from "../index.js";
import { serverEngines } from "./engines/index.js";
import { everyEngine, named, openDatabase } from "./support/database.js";
import { everyPlugin } from "./support/plugins.js";
import { everyRow, fillEveryTable, user } from "./support/rows.js";

/** @typedef {import("better-auth").BetterAuthOptions} BetterAuthOptions */

/** One after the other, as an application grows. @type {BetterAuthOptions[]} */
const releases = [
  {},
  { plugins: [twoFactor()] },
  { plugins: [twoFactor(), organization()] },
  {
    plugins: [twoFactor(), organization()],
    user: {
      additionalFields: {
        nickname: { type: "string", required: false, unique: true },
        points: { type: "number", required: true, defaultValue: 7 },
        inviter: { type: "string", required: false, index: true, references: { model: "user", field: "id", onDelete: "set null" } },
      },
    },
  },
];

function folder() {
  const dir = mkdtempSync(join(tmpdir(), "better-auth-native-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const nothingWrong = { valid: true, errors: [], warnings: [] };

describe.each(everyEngine)("%s", (_, engine) => {
  test("an application grows and shrinks again, with rows in every table", async () => {
    const { database } = await openDatabase(engine);
    const rows = async (/** @type {BetterAuthOptions} */ options) => everyRow(database(options), options);
    /** As each release left them. @type {Record<string, any[]>[]} */
    const left = [];
    for (const [index, options] of releases.entries()) {
      if (index > 0) {
        const { version, applied } = await database.migrate(options);
        expect(version).toBe(index + 1);
        expect(applied).toEqual([{ version, description: expect.any(String) }]);
        // Nothing that was there before has changed.
        expect(await rows(releases[index - 1])).toEqual(left[index - 1]);
      }
      expect(await database.validate(options)).toEqual(nothingWrong);
      expect(await database.status(options)).toMatchObject({ inStep: true, version: index + 1, pending: [] });
      await fillEveryTable(database(options), options);
      left.push(await rows(options));
      for (const stored of Object.values(left[index])) expect(stored).toHaveLength(1);
    }
    const last = database(releases[3]);
    const [{ id, updatedAt }] = left[3].user;
    await last.update({ model: "user", where: [{ field: "id", value: id }], update: { nickname: "countess", updatedAt } });

    await expect(database.rollback()).rejects.toMatchObject({
      code: "UNSAFE_MIGRATION",
      table: "user",
      message: expect.stringMatching(/the values of "(nickname|points)" in 1 row of "user"/),
    });
    const dry = await database.rollback({ to: 1, dryRun: true });
    for (const table of ["twoFactor", "organization", "member", "invitation"]) {
      expect(dry.losses).toContainEqual(expect.objectContaining({ table, column: null, rows: 1 }));
    }
    expect(await database.status(releases[3])).toMatchObject({ inStep: true, version: 4 });

    for (const to of [3, 2, 1]) {
      expect(await database.rollback({ force: true })).toMatchObject({ version: to });
      expect(await database.plan(releases[to - 1])).toMatchObject({ statements: [] });
      expect(await database.validate(releases[to - 1])).toEqual(nothingWrong);
      expect(await rows(releases[to - 1])).toEqual(left[to - 1]);
    }
    // And forwards once more.
    await database.migrate(releases[3]);
    expect(await database.validate(releases[3])).toEqual(nothingWrong);
    expect(await rows(releases[0])).toEqual(left[0]);
    await database.rollback({ to: 0, force: true });
    await expect(database.rollback()).rejects.toMatchObject({ code: "MIGRATION_MISSING" });
    await expect(database({}).findMany({ model: "user" })).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
  });

  test("the history tells what was done, with the checksum that a file would have", async () => {
    const { database, statements } = await openDatabase(engine);
    const script = statements.map((statement) => `${statement};\n`).join("\n");
    const { versions } = await database.status({});
    expect(versions).toEqual([
      expect.objectContaining({
        version: 1,
        description: expect.stringMatching(/^create user, session, account, verification/),
        checksum: createHash("sha256").update(script).digest("hex"),
        direction: "up",
        durationMs: expect.any(Number),
        appliedAt: expect.any(Date),
        origin: "options",
        state: "applied",
      }),
    ]);
    const age = Date.now() - Number(versions[0].appliedAt);
    expect(Math.abs(age)).toBeLessThan(60_000);
  });

  test("files are written, applied, and watched", async () => {
    const dir = folder();
    const { database } = await openDatabase(engine);
    await database.rollback({ to: 0, force: true });
    const { files, version } = await database.generate({}, { dir, name: "The core" });
    expect([files, version]).toEqual([["up", "down"].map((way) => join(dir, `0002_the_core.${way}.sql`)), 2]);
    await expect(database.generate({}, { dir })).rejects.toMatchObject({ code: "INVALID_INPUT" });
    expect(await database.status({}, { dir })).toMatchObject({ inStep: false });
    const planned = await database.plan({}, { dir });
    expect((await database.migrate({}, { dir })).statements).toEqual(planned.statements);
    expect(await database.status({}, { dir })).toMatchObject({ inStep: true, version: 2 });
    expect(await database.validate({})).toEqual(nothingWrong);
    expect(await database.generate({}, { dir })).toMatchObject({ files: [] });

    // Of what was applied, a line is changed.
    const [up] = files;
    const original = readFileSync(up, "utf8");
    writeFileSync(up, original.replaceAll("\n", "\r\n"));
    expect(await database.status({}, { dir })).toMatchObject({ inStep: true });
    writeFileSync(up, `${original}-- edited\n`);
    const state = async () => (await database.status({}, { dir })).versions.map((each) => each.state);
    expect(await state()).toContain("changed");
    await expect(database.migrate({}, { dir })).rejects.toMatchObject({ code: "MIGRATION_CHANGED" });
    rmSync(up);
    await expect(database.migrate({}, { dir })).rejects.toMatchObject({ code: "MIGRATION_INVALID" });
    rmSync(files[1]);
    // Another version of the application has applied it.
    expect(await state()).toContain("unknown");
    expect(await database.migrate({}, { dir })).toMatchObject({ statements: [] });
    writeFileSync(join(dir, "0009_later.up.sql"), "SELECT 1;");
    expect(await state()).toContain("missing");
    await expect(database.migrate({}, { dir })).rejects.toMatchObject({ code: "MIGRATION_MISSING" });
  });

  /** [what is wrong, the files] @type {[string, Record<string, string>][]} */
  const malformed = [
    ["a name without a number", { "core.up.sql": "SELECT 1;" }],
    ["a number twice", { "0001_a.up.sql": "SELECT 1;", "0001_b.up.sql": "SELECT 1;" }],
    ["a quote without an end", { "0002_a.up.sql": "SELECT 'a;" }],
    ["a transaction of its own", { "0002_a.up.sql": "SELECT 1; COMMIT;" }],
  ];
  test.each(malformed)("a folder with %s is refused, and nothing is run", async (_, files) => {
    const dir = folder();
    for (const [name, sql] of Object.entries(files)) writeFileSync(join(dir, name), sql);
    const { database } = await openDatabase(engine);
    await expect(database.migrate({}, { dir })).rejects.toMatchObject({ code: "MIGRATION_INVALID" });
    expect(await database.status({})).toMatchObject({ version: 1 });
  });

  test("a statement of a file that fails is told, and nothing is half done without a record", async () => {
    const dir = folder();
    const { database } = await openDatabase(engine);
    const up = "CREATE TABLE extra_one (id int);\nCREATE TABLE extra_two (no such thing at all);";
    writeFileSync(join(dir, "0002_extra.up.sql"), up);
    writeFileSync(join(dir, "0002_extra.down.sql"), "DROP TABLE extra_two;\nDROP TABLE extra_one;");
    await expect(database.migrate({}, { dir })).rejects.toMatchObject({
      message: expect.stringContaining("statement 2 of 0002_extra.up.sql"),
    });
    const { version, versions } = await database.status({});
    if (version === 1) return;
    expect(versions[1]).toMatchObject({ state: "interrupted", unfinished: 1 });
    await database.rollback();
    expect(await database.status({})).toMatchObject({ version: 1 });
  });

  test("extras are made where they are asked for, hold, and go again", async () => {
    const migrations = { uniqueAccounts: true, caseInsensitiveEmail: true, updatedAtTriggers: true };
    const { database, adapter } = await openDatabase(engine, { options: { migrations } });
    expect(await database.plan({})).toMatchObject({ statements: [] });
    expect(await database.validate({})).toEqual(nothingWrong);
    const past = new Date(0);
    const ada = await adapter.create({ model: "user", data: { ...user("ada"), updatedAt: past } });
    const twin = adapter.create({ model: "user", data: { ...user("twin"), email: "ADA@example.com" } });
    await expect(twin).rejects.toMatchObject({ code: "UNIQUE_VIOLATION" });
    const where = [{ field: "id", value: ada.id }];
    await adapter.update({ model: "user", where, update: { name: "Ada" } });
    const { updatedAt } = /** @type {any} */ (await adapter.findOne({ model: "user", where }));
    expect(Number(updatedAt)).toBeGreaterThan(Number(past));
    await database.rollback({ to: 0, force: true });
    await database.migrate({});
    expect(await database.validate({})).toEqual(nothingWrong);
  });

  test("two users whose addresses differ in case are told", async () => {
    const { database, adapter } = await openDatabase(engine);
    for (const email of ["ada@example.com", "Ada@example.com"]) {
      await adapter.create({ model: "user", data: { ...user(email), email } });
    }
    const { valid, warnings } = await database.validate({});
    expect(valid).toBe(true);
    expect(warnings).toEqual([expect.objectContaining({ code: "MIXED_CASE_EMAILS", table: "user", column: "email", message: expect.stringMatching(/^2 rows/) })]);
  });

  test("what is missing is told, with the statement that adds it", async () => {
    const { database } = await openDatabase(engine);
    const { valid, errors } = await database.validate(everyPlugin);
    expect(valid).toBe(false);
    const { statements } = await database.plan(everyPlugin);
    for (const { fix } of errors) expect(statements).toContain(fix);
    expect(new Set(errors.map(({ code }) => code))).toContain("MISSING_TABLE");
  });

  test("dropping needs the database's name, and leaves other tables alone", async () => {
    const { database, url } = await openDatabase(engine);
    await expect(database.drop({}, {})).rejects.toMatchObject({ code: "INVALID_INPUT" });
    const name = url.split("/").pop() ?? "";
    await database.drop({ confirm: url === "sqlite::memory:" ? ":memory:" : name }, {});
    expect(await database.status({})).toMatchObject({ version: null, versions: [] });
  });
});

describe.each(named([...serverEngines, /** @type {any} */ ({ name: "SQLite in memory" }), /** @type {any} */ ({ name: "SQLite file" })]))("createTestDatabase on %s", (name) => {
  test("has the tables, is emptied, and is gone afterwards", async () => {
    const variable = /** @type {Record<string, string>} */ ({ PostgreSQL: "TEST_POSTGRES_URL", MySQL: "TEST_MYSQL_URL", MariaDB: "TEST_MARIADB_URL" })[name];
    const url = variable ? process.env[variable] : name === "SQLite file" ? "sqlite:" : undefined;
    const { database, reset, close } = await createTestDatabase(everyPlugin, url);
    const adapter = database(everyPlugin);
    for (let round = 0; round < 2; round += 1) {
      await adapter.create({ model: "user", data: user("ada") });
      await reset();
      expect(await adapter.count({ model: "user" })).toBe(0);
    }
    expect(await database.validate(everyPlugin)).toEqual(nothingWrong);
    await close();
    await expect(database.plan({})).rejects.toMatchObject({ code: "CLOSED" });
  });
});

test("createTestDatabase takes no file that may be somebody's", async () => {
  await expect(createTestDatabase({}, "sqlite:./auth.db")).rejects.toMatchObject({ code: "INVALID_INPUT" });
});

test("PostgreSQL: indexes are made while others write, as a version of their own", async () => {
  const options = { migrations: { concurrentIndexes: true, recommendedIndexes: false } };
  const { url, database } = await openDatabase(serverEngines[0], { options });
  const other = nativeAdapter({ url, migrations: { concurrentIndexes: true } });
  onTestFinished(() => other.close());
  const runs = await Promise.all([other.migrate({}), other.migrate({})]);
  const { statements } = runs.find((run) => run.statements.length > 0) ?? { statements: [] };
  expect(statements).toEqual(statements.map(() => expect.stringMatching(/^CREATE INDEX CONCURRENTLY/)));
  expect(await other.validate({})).toEqual(nothingWrong);
  await other.rollback();
  expect(await database.plan({})).toMatchObject({ statements: [] });
});
