// SQLite files that are damaged, or no databases at all: every way to use one says so, and what is
// no database is left as it is.

import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { nativeAdapter, NativeAdapterError } from "../index.js";
import { application } from "./support/command-line.js";
import { user, verification } from "./support/rows.js";
import { sqliteFile } from "./support/sqlite-file.js";

const PAGE = 4_096;
const USERS = 100;

const directory = mkdtempSync(join(tmpdir(), "better-auth-native-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A whole database, and the numbers of the pages where its tables and indexes begin. */
const whole = sqliteFile();
afterAll(whole.drop);
/** @type {Record<string, number>} */
let roots;

beforeAll(async () => {
  const database = nativeAdapter(whole.url);
  await database.migrate({});
  await database({}).transaction(async (inside) => {
    for (let n = 0; n < USERS; n += 1) {
      await inside.create({ model: "user", data: user(n) });
      await inside.create({ model: "verification", data: verification(n, "some text ".repeat(20)) });
    }
  });
  await database.close();
  roots = whole.open((driver) =>
    Object.fromEntries(/** @type {any[]} */ (driver.prepare("SELECT name, rootpage FROM sqlite_schema").raw().all())),
  );
});

/**
 * A copy of the database, damaged.
 *
 * @param {string} what
 * @param {(path: string) => void} damage
 */
function damaged(what, damage) {
  const path = join(directory, `${what.replaceAll(" ", "-")}.db`);
  copyFileSync(whole.path, path);
  damage(path);
  return path;
}

/**
 * @param {string} path
 * @param {number} position in the file
 * @param {Uint8Array} bytes
 */
function overwrite(path, position, bytes) {
  const file = openSync(path, "r+");
  writeSync(file, bytes, 0, bytes.length, position);
  closeSync(file);
}

/** Overwrites the page where it begins. @param {() => string} name @param {number} byte */
const page = (name, byte) => (/** @type {string} */ path) =>
  overwrite(path, (roots[name()] - 1) * PAGE, Buffer.alloc(PAGE, byte));

/** @typedef {import("../index.js").NativeDatabase} NativeDatabase */

/** Everything that is asked of a database. @type {Record<string, (database: NativeDatabase, path: string) => Promise<unknown>>} */
const uses = {
  "migrate()": (database) => database.migrate({}),
  "plan()": (database) => database.plan({}),
  "status()": (database) => database.status({}),
  "validate()": (database) => database.validate({}),
  "rollback()": (database) => database.rollback({ to: 0, dryRun: true }),
  "drop()": (database, path) => database.drop({ confirm: basename(path) }, {}),
  findOne: (database) => database({}).findOne({ model: "user", where: [{ field: "email", value: "7@example.com" }] }),
  findMany: (database) => database({}).findMany({ model: "user", limit: USERS }),
  create: (database) => database({}).create({ model: "user", data: user("new") }),
  "create in a transaction": (database) =>
    database({}).transaction((inside) => inside.create({ model: "user", data: user("new") })),
  "backup()": (database, path) => database.backup(`${path}.copy`),
  "diagnose()": (database) => database.diagnose({}),
  "statistics()": (database) => database.statistics({}),
  "cleanup()": (database) => database({}) && database.cleanup(),
};

/**
 * What each use came to: its error, or nothing.
 *
 * @param {string} what
 * @param {(path: string) => void} damage
 */
async function outcomes(what, damage) {
  /** @type {Record<string, any>} */
  const errors = {};
  for (const [name, use] of Object.entries(uses)) {
    const path = damaged(what, damage);
    const database = nativeAdapter(`sqlite:${path}`);
    errors[name] = await use(database, path).then(
      () => undefined,
      (error) => error,
    );
    await database.close();
    for (const ending of ["-wal", "-shm", ".copy"]) rmSync(`${path}${ending}`, { force: true, recursive: true });
  }
  return errors;
}

/** @param {any} error @param {string} use */
function expectDamage(error, use) {
  expect(error, use).toBeInstanceOf(NativeAdapterError);
  expect(error, use).toMatchObject({ code: "STORAGE_FAILED", retryable: false, cause: expect.any(Error) });
  expect(error.message, use).toMatch(/damaged.*back-?up/);
}

describe("a file that is damaged where everything begins fails every use with STORAGE_FAILED", () => {
  /** @type {[string, (path: string) => void][]} */
  const damages = [
    ["the schema's page overwritten", (path) => overwrite(path, 100, Buffer.alloc(PAGE - 100, 0xff))],
    ["the schema's page zeroed", (path) => overwrite(path, 100, Buffer.alloc(PAGE - 100))],
    ["the schema's text overwritten", (path) => overwrite(path, 200, Buffer.alloc(PAGE - 200, "A"))],
    ["a format that never was", (path) => overwrite(path, 44, Buffer.from([0, 0, 0, 9]))],
    ["cut in the middle", (path) => truncateSync(path, Math.floor(readFileSync(path).length / 2))],
    ["cut after a page", (path) => truncateSync(path, PAGE)],
    ["cut within its first page", (path) => truncateSync(path, 700)],
    ["cut within its header", (path) => truncateSync(path, 50)],
  ];
  test.each(damages)("%s", async (what, damage) => {
    for (const [use, error] of Object.entries(await outcomes(what, damage))) expectDamage(error, use);
  });

  test("a tail of zeros", async () => {
    const zeros = (/** @type {string} */ path) => overwrite(path, PAGE, Buffer.alloc(readFileSync(path).length - PAGE));
    for (const [use, error] of Object.entries(await outcomes("zeros", zeros))) expectDamage(error, use);
  });
});

describe("a page that is damaged fails what reads it with STORAGE_FAILED, and nothing else", () => {
  const ofIndex = () => Object.keys(roots).find((name) => name.startsWith("sqlite_autoindex_user")) ?? "";
  /** @type {[string, (path: string) => void, string[]][]} */
  const damages = [
    ["a table's page overwritten", page(() => "user", 0xff), ["validate()", "findOne", "findMany", "create", "create in a transaction", "backup()", "diagnose()", "drop()"]],
    ["a table's page zeroed", page(() => "user", 0), ["validate()", "findOne", "findMany", "create", "create in a transaction", "backup()", "diagnose()", "drop()"]],
    ["an index's page", page(ofIndex, 0xff), ["create", "create in a transaction", "backup()", "drop()"]],
    ["the history's page overwritten", page(() => "auth_schema_versions", 0xff), ["migrate()", "plan()", "status()", "rollback()", "backup()", "drop()"]],
    ["the history's page zeroed", page(() => "auth_schema_versions", 0), ["migrate()", "plan()", "status()", "rollback()", "backup()", "drop()"]],
  ];
  test.each(damages)("%s", async (what, damage, failing) => {
    for (const [use, error] of Object.entries(await outcomes(what, damage))) {
      if (failing.includes(use)) expectDamage(error, use);
      else expect(error, use).toBeUndefined();
    }
  });

  test("a row of the history that says nothing is told as what it is", async () => {
    const path = damaged("row of the history", () => {});
    const file = sqliteFile();
    onTestFinished(file.drop);
    copyFileSync(path, file.path);
    file.run(`UPDATE "auth_schema_versions" SET "direction" = 'sideways'`);
    const database = nativeAdapter(file.url);
    onTestFinished(async () => void (await database.close()));
    for (const use of [() => database.status({}), () => database.plan({}), () => database.migrate({})]) {
      await expect(use()).rejects.toMatchObject({ code: "STORAGE_FAILED", table: "auth_schema_versions", message: expect.stringMatching(/version 1 .*by hand.*back-up/) });
    }
  });

  test("somebody else's table of the history's name is still told as such", async () => {
    const file = sqliteFile(`CREATE TABLE "auth_schema_versions" ("something" text)`);
    onTestFinished(file.drop);
    const database = nativeAdapter(file.url);
    onTestFinished(async () => void (await database.close()));
    await expect(database.status({})).rejects.toMatchObject({ code: "SCHEMA_MISMATCH", message: expect.stringContaining("not one of this package's") });
  });
});

describe("a file that is no database fails every use with CONNECT_FAILED, and is left as it is", () => {
  /** @type {[string, (path: string) => void][]} */
  const others = [
    ["a text", (path) => writeFileSync(path, "no database, ".repeat(1_000))],
    ["a short text", (path) => writeFileSync(path, "no database, and shorter than a page")],
    ["a header overwritten", (path) => overwrite(path, 0, Buffer.alloc(100, 0xff))],
    ["a header zeroed", (path) => overwrite(path, 0, Buffer.alloc(100))],
  ];
  test.each(others)("%s", async (what, make) => {
    for (const [use, error] of Object.entries(await outcomes(what, make))) {
      expect(error, use).toMatchObject({ code: "CONNECT_FAILED", message: expect.stringContaining("is not a SQLite database") });
    }
    const path = damaged(what, make);
    const before = readFileSync(path);
    const database = nativeAdapter(`sqlite:${path}`);
    for (const use of Object.values(uses)) await expect(use(database, path)).rejects.toThrow(NativeAdapterError);
    await database.close();
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(readdirSync(directory).filter((name) => name.startsWith(`${basename(path)}-`))).toEqual([]);
  });

  test("an empty file is a new database", async () => {
    const path = join(directory, "empty.db");
    writeFileSync(path, "");
    const database = nativeAdapter(`sqlite:${path}`);
    await database.migrate({});
    expect(await database({}).create({ model: "user", data: user("ada") })).toMatchObject({ name: "ada" });
    await database.close();
  });
});

describe("a log that is damaged", () => {
  test("counts for nothing, and what is in the file does", async () => {
    const path = damaged("log", (path) => writeFileSync(`${path}-wal`, Buffer.alloc(3 * PAGE, 0xa5)));
    const database = nativeAdapter(`sqlite:${path}`);
    const adapter = database({});
    expect(await adapter.count({ model: "user" })).toBe(USERS);
    await adapter.create({ model: "user", data: user("new") });
    expect(await adapter.count({ model: "user" })).toBe(USERS + 1);
    await database.close();
  });

  test("and is a directory, is told", async () => {
    const path = damaged("log that is a directory", (path) => mkdirSync(`${path}-wal`));
    const database = nativeAdapter(`sqlite:${path}`);
    await expect(database.status({})).rejects.toMatchObject({ code: "CONNECT_FAILED", message: expect.stringMatching(/a directory has the name of its -wal file/) });
    await database.close();
  });
});

test("the command line tells of damage, with its code and what to do", async () => {
  const { cwd, run } = application();
  copyFileSync(whole.path, join(cwd, "auth.db"));
  page(() => "auth_schema_versions", 0xff)(join(cwd, "auth.db"));
  for (const command of ["plan", "status"]) {
    expect(await run(command)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^error STORAGE_FAILED: .*damaged.*back-up/m) });
  }
  page(() => "user", 0xff)(join(cwd, "auth.db"));
  expect(await run("doctor")).toMatchObject({ code: 1, stderr: expect.stringMatching(/^error STORAGE_FAILED: .*damaged/m) });
  writeFileSync(join(cwd, "auth.db"), "no database, ".repeat(1_000));
  expect(await run("doctor")).toMatchObject({ code: 1, stderr: expect.stringMatching(/^error CONNECT_FAILED: .*not a SQLite database/m) });
}, 180_000);

describe("the URL of a file", () => {
  /** @param {string} name */
  function folder(name) {
    const path = join(directory, name);
    mkdirSync(path);
    return path;
  }

  test.each(["\n", " \r\n", "\t"])("may have %j around it, which is no part of the path", async (space) => {
    const path = folder(`space ${space.charCodeAt(0)}`);
    for (const url of [`sqlite:${path}/auth.db${space}`, `${space}sqlite:${path}/auth.db?busy_timeout=5${space}`]) {
      const database = nativeAdapter(url);
      await database.migrate({});
      await database.close();
    }
    expect(readdirSync(path)).toEqual(["auth.db"]);
    const memory = nativeAdapter(`${space}:memory:${space}`);
    await memory.migrate({});
    await memory.close();
    expect(readdirSync(path)).toEqual(["auth.db"]);
  });

  test("gives drop() the name of the file as people read it", async () => {
    const path = folder("names");
    /** @type {[string, string][]} */
    const names = [
      ["auth.db?busy_timeout=5&synchronous=full", "auth.db"],
      ["my%20users%3F.db", "my users?.db"],
      ["%C3%A4.db", "ä.db"],
    ];
    for (const [written, name] of names) {
      const database = nativeAdapter(`sqlite:${path}/${written}`);
      await database.migrate({});
      await expect(database.drop({ confirm: written }, {})).rejects.toMatchObject({ code: "INVALID_INPUT", message: expect.stringContaining(JSON.stringify(name)) });
      expect((await database.drop({ confirm: name }, {})).tables).not.toEqual([]);
      await database.close();
      expect(existsSync(join(path, name))).toBe(true);
    }
  });

  test("and the command line, too", async () => {
    const { run } = application();
    const url = "sqlite:./my%20users.db?busy_timeout=5";
    await run("migrate", "--yes", "--url", url);
    expect(await run("drop", "--yes", "--url", url)).toMatchObject({ code: 1, stderr: expect.stringContaining("--confirm my users.db") });
    expect(await run("drop", "--yes", "--url", url, "--confirm", "my users.db")).toMatchObject({ code: 0, stdout: expect.stringContaining("SQLite my users.db") });
  }, 180_000);
});
