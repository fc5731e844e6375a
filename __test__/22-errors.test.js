// Errors: every failure is a NativeAdapterError that says what went wrong, where, and nothing that
// has to stay secret.

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import Libsql from "libsql";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { nativeAdapter, NativeAdapterError, password } from "../index.js";
import { emptyDatabase, everyEngine, openDatabase } from "./support/database.js";
import { inProcess } from "./support/elsewhere/index.js";
import { user, verification } from "./support/rows.js";
import { sqliteFile } from "./support/sqlite-file.js";

/** @typedef {import("./support/elsewhere/main.js").Task} Task */

/** Stands for what must not get out, wherever it was put in. */
const SECRET = "s3cr3t";

const directory = mkdtempSync(join(tmpdir(), "better-auth-native-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Whatever `attempt` throws or rejects with. @param {() => unknown} attempt */
async function failureOf(attempt) {
  try {
    await attempt();
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}

/**
 * What holds for every error.
 *
 * @param {any} error
 * @param {Record<string, any>} expected
 */
function expectFailure(error, { code, message, retryable = false, ...details }) {
  expect(error).toBeInstanceOf(NativeAdapterError);
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ name: "NativeAdapterError", code, retryable, ...details });
  expect(error.message).toMatch(message);
  expect(`${error}`).toBe(`NativeAdapterError: ${error.message}`);
  expect(everythingIn(error)).not.toContain(SECRET);
}

/** All that a log could show of an error. @param {any} error */
function everythingIn(error) {
  const parts = [inspect(error, { depth: null, showHidden: true, maxStringLength: null })];
  for (let each = error; each !== undefined; each = each.cause) {
    parts.push(`${each}`, each.stack, JSON.stringify(each, Object.getOwnPropertyNames(each)));
  }
  return parts.join("\n");
}

describe("nativeAdapter() refuses", () => {
  /** @type {[string, any, RegExp][]} */
  const refused = [
    ["nothing", undefined, /takes a URL/],
    ["null", null, /takes a URL/],
    ["no URL", {}, /takes a URL/],
    ["a URL that is no text", { url: 7 }, /must be a string/],
    ["an empty URL", "", /names no database/],
    ["a path alone", "./auth.db", /names no database/],
    ["an unknown database", `oracle://user:${SECRET}@host/db`, /begins with "oracle:"/],
    ["a database of a later version", `mongodb://user:${SECRET}@host/db`, /begins with "mongodb:"/],
    ["an unknown parameter of a server", `postgres://user:${SECRET}@host/db?key=${SECRET}`, /unknown parameter "key"/],
    ["an unknown option of a server", { url: `mysql://user:${SECRET}@host/db`, passwort: SECRET }, /no option "passwort"/],
    ["a port beyond the last", `mysql://user:${SECRET}@host:70000/db`, /port/],
    ["a password with a malformed escape", `mysql://user:%${SECRET}@host/db`, /percent escape/],
    ["an unknown TLS mode", `postgres://user:${SECRET}@host/db?sslmode=sometimes`, /TLS mode/],
    ["engine and URL that contradict each other", { url: `mysql://u:${SECRET}@host/db`, engine: "postgres" }, /engine says postgres/],
    ["a replica of another kind", { url: `mysql://u:${SECRET}@host/db`, replicas: [`postgres://u:${SECRET}@host/db`] }, /replica/],
    ["a SQLite URL without a path", "sqlite:", /names no file/],
    ["an unknown URL parameter", `sqlite:a.db?key=${SECRET}`, /no parameter "key"/],
    ["a URL parameter of another type", `sqlite:a.db?busy_timeout=${SECRET}`, /busy_timeout must be a whole number/],
    ["a malformed escape", "sqlite:100%.db", /percent escape/],
    ["a file's name with a NUL", "sqlite:a.db\0", /NUL/],
    ["a file's name with a NUL in an escape", "sqlite:a%00.db", /NUL/],
    ["a server's URL with a NUL", `postgres://user:${SECRET}\0@host/db`, /NUL/],
    ["a server's URL with a NUL in an escape", `mysql://user:${SECRET}%00@host/db`, /NUL/],
    ["a server's parameter with a NUL in an escape", `postgres://user:${SECRET}@host/db?password=${SECRET}%00`, /password.* NUL/],
    ["a server's password with a NUL", { url: "postgres://user@host/db", password: `${SECRET}\0` }, /password.* NUL/],
    ["a replica's URL with a NUL", { url: `mysql://u:${SECRET}@host/db`, replicas: [`mysql://u:${SECRET}\0@host/db`] }, /NUL/],
    ["an unknown option", { url: "sqlite:a.db", password: SECRET }, /no option "password"/],
    ["an option of another type", { url: "sqlite:a.db", busyTimeoutMs: SECRET }, /busyTimeoutMs/],
    ["a negative time", { url: "sqlite:a.db", acquireTimeoutMs: -1 }, /acquireTimeoutMs/],
    ["a page cache without room", { url: "sqlite:a.db", cacheSizeKiB: 63 }, /cacheSizeKiB.* a whole number from 64/],
    ["an option of another kind", { url: "sqlite:a.db", synchronous: SECRET }, /synchronous/],
  ];
  test.each(refused)("%s", async (_, urlOrOptions, message) => {
    const error = await failureOf(() => nativeAdapter(urlOrOptions));
    expectFailure(error, { code: "INVALID_INPUT", message });
    expect(error.stack).toContain("22-errors.test.js");
  });
});

test("what stands around a URL is no part of it", async () => {
  const database = nativeAdapter({ url: ` postgres://user:${SECRET}@127.0.0.1:1/none\n`, replicas: ["postgres://127.0.0.1:1\n"] });
  const error = await failureOf(() => database.drop({}, {}));
  expectFailure(error, { code: "INVALID_INPUT", message: /confirm: "none" / });
  await database.close();
});

describe("the first use says that it cannot open", () => {
  beforeAll(() => writeFileSync(join(directory, "notes.txt"), "no database, ".repeat(1_000)));

  /** @type {[string, string, RegExp][]} */
  const unusable = [
    ["a file in a directory that does not exist", "missing/auth.db", /cannot open .*missing.*its folder .*missing does not exist; create it/],
    ["a file below a file", "notes.txt/auth.db", /cannot open .*notes\.txt/],
    ["a directory", ".", /cannot open/],
    ["a file that is no database", "notes.txt", /notes\.txt is not a SQLite database/],
  ];
  test.each(unusable)("%s", async (_, path, message) => {
    const database = nativeAdapter(`sqlite:${join(directory, path)}`);
    const adapter = database({});
    const uses = [
      () => adapter.findOne({ model: "user", where: [{ field: "email", value: SECRET }] }),
      () => adapter.create({ model: "user", data: user(SECRET) }),
      () =>
        adapter.transaction((/** @type {any} */ inside) =>
          inside.create({ model: "user", data: user(SECRET) }),
        ),
      () => database.migrate({}),
    ];
    for (const use of uses) {
      const error = await failureOf(use);
      expectFailure(error, { code: "CONNECT_FAILED", message, cause: expect.any(Error) });
    }
    await database.close();
  });

  test("and opens it when that has become possible", async () => {
    const path = join(directory, "later.db");
    writeFileSync(path, "no database, ".repeat(1_000));
    const database = nativeAdapter(`sqlite:${path}`);
    await failureOf(() => database.migrate({}));
    expect(readFileSync(path, "utf8")).toMatch(/^no database/);
    rmSync(path);
    await database.migrate({});
    await database.close();
  });
});

const authOptions = {
  plugins: [
    {
      id: "pets",
      schema: {
        pet: {
          fields: {
            name: { type: /** @type {const} */ ("string"), required: true },
            keeperId: {
              type: /** @type {const} */ ("string"),
              required: false,
              references: { model: "user", field: "id", onDelete: /** @type {const} */ ("restrict") },
            },
            ring: { type: /** @type {const} */ ("string"), required: true },
            tag: { type: /** @type {const} */ ("number"), required: true },
          },
          indexes: [{ fields: ["ring", "tag"], unique: true }],
        },
      },
    },
  ],
};

/**
 * A database with a user, their pet, and nothing else.
 *
 * @param {import("./engines/index.js").Engine} engine
 */
async function openInhabited(engine) {
  const opened = await openDatabase(engine, { authOptions });
  const keeper = await opened.adapter.create({ model: "user", data: user(SECRET) });
  const pet = { name: SECRET, keeperId: keeper.id, ring: SECRET, tag: 7 };
  await opened.adapter.create({ model: "pet", data: pet });
  return { ...opened, keeper, pet };
}

describe.each(everyEngine)("%s", (_, engine) => {
  /**
   * [what, how it comes about, what the error tells]
   *
   * @type {[string, (adapter: any, there: { keeper: any, pet: any }) => Promise<any>, Record<string, any>][]}
   */
  const violations = [
    [
      "a value that exists in a unique field",
      (adapter, { keeper }) => adapter.create({ model: "user", data: { ...user("other"), email: keeper.email } }),
      { code: "UNIQUE_VIOLATION", table: "user", column: "email", message: /create on "user".*user\.email exists/ },
    ],
    [
      "values that exist in fields unique together",
      (adapter, { pet }) => adapter.create({ model: "pet", data: pet }),
      { code: "UNIQUE_VIOLATION", table: "pet", column: "ring", message: /pet\.ring, pet\.tag exists/ },
    ],
    [
      "an id that exists",
      (adapter, { keeper }) => adapter.create({ model: "user", data: { ...user("other"), id: keeper.id }, forceAllowId: true }),
      { code: "UNIQUE_VIOLATION", table: "user", column: "id", message: /user\.id exists/ },
    ],
    [
      "a change to a value that exists",
      async (adapter, { keeper }) => {
        const other = await adapter.create({ model: "user", data: user("other") });
        const where = [{ field: "id", value: other.id }];
        await adapter.update({ model: "user", where, update: { email: keeper.email } });
      },
      { code: "UNIQUE_VIOLATION", table: "user", column: "email", message: /update on "user"/ },
    ],
    [
      "a row without a required value",
      (adapter) => adapter.create({ model: "pet", data: { ring: SECRET, tag: 8 } }),
      { code: "NOT_NULL_VIOLATION", table: "pet", column: "name", message: /pet\.name needs a value/ },
    ],
    [
      "a change to null of a required value",
      (adapter) => adapter.updateMany({ model: "pet", where: [], update: { name: null } }),
      { code: "NOT_NULL_VIOLATION", table: "pet", column: "name", message: /updateMany on "pet"/ },
    ],
    [
      "a reference to nobody",
      (adapter, { pet }) => adapter.create({ model: "pet", data: { ...pet, tag: 8, keeperId: SECRET } }),
      { code: "FOREIGN_KEY_VIOLATION", table: "pet", message: /foreign key that points to no row/ },
    ],
    [
      "the end of a row that others refer to",
      (adapter, { keeper }) => adapter.deleteMany({ model: "user", where: [{ field: "id", value: keeper.id }] }),
      { code: "FOREIGN_KEY_VIOLATION", table: "user", message: /delete on "user".*still referenced/ },
    ],
  ];

  /**
   * [what, how it comes about, what the error tells], for what never gets to the database.
   *
   * @type {[string, (adapter: any) => Promise<any>, Record<string, any>][]}
   */
  const misuses = [
    [
      "a filter by undefined",
      (adapter) => adapter.findOne({ model: "user", where: [{ field: "email", value: undefined }] }),
      { code: "INVALID_INPUT", column: "email", message: /"email" has the value undefined/ },
    ],
    [
      "an operator that does not exist",
      (adapter) => adapter.findOne({ model: "user", where: [{ field: "email", operator: "like", value: SECRET }] }),
      { code: "INVALID_INPUT", message: /"email" has the unknown operator "like"/ },
    ],
    [
      "a value of another type",
      (adapter) => adapter.create({ model: "user", data: { ...user("other"), name: { [SECRET]: SECRET } } }),
      { code: "INVALID_INPUT", column: "name", message: /"name" takes a string/ },
    ],
    [
      "a date that is none",
      (adapter) => adapter.create({ model: "verification", data: { ...verification(SECRET), expiresAt: SECRET } }),
      { code: "INVALID_INPUT", column: "expiresAt", message: /"expiresAt" takes a valid date/ },
    ],
    [
      "a number that would be rounded",
      (adapter) => adapter.create({ model: "pet", data: { name: SECRET, tag: 2 ** 53 } }),
      { code: "INVALID_INPUT", column: "tag", message: /2\^53/ },
    ],
    [
      "a limit that is no number",
      (adapter) => adapter.findMany({ model: "pet", limit: SECRET }),
      { code: "INVALID_INPUT", message: /the limit must be a whole number/ },
    ],
  ];

  /** Only what the database refused has a cause. @param {{ code: string }} expected */
  const inTheDatabasesWords = ({ code }) =>
    code.endsWith("_VIOLATION") && !engine.discreet?.includes(code)
      ? expect.stringMatching(/constraint|cannot be null|doesn't have a default value/)
      : undefined;

  /** @type {[string, (adapter: any, act: (adapter: any) => Promise<any>) => Promise<any>][]} */
  const paths = [
    ["at once", (adapter, act) => act(adapter)],
    [
      "after a wait",
      async (adapter, act) => {
        let acting = Promise.resolve();
        await adapter.transaction(async () => {
          acting = act(adapter);
          acting.catch(() => {});
        });
        await acting;
      },
    ],
    ["in a transaction", (adapter, act) => adapter.transaction(act)],
  ];

  describe.each(paths)("%s", (_, run) => {
    test.each([...violations, ...misuses])("%s", async (_, act, expected) => {
      const { adapter, ...there } = await openInhabited(engine);
      const theCaller = async (/** @type {any} */ adapter) => await act(adapter, there);
      const error = await failureOf(() => run(adapter, theCaller));
      expectFailure(error, expected);
      expect(error.cause?.message).toEqual(inTheDatabasesWords(expected));
      expect(error.stack).toContain("theCaller");
      expect(await adapter.count({ model: "pet" })).toBe(1);
    });
  });

  test("a missing table is named, with what to do about it", async () => {
    const database = nativeAdapter(await emptyDatabase(engine));
    const adapter = database({});
    const uses = [
      () => adapter.findMany({ model: "session", where: [{ field: "token", value: SECRET }] }),
      () => adapter.create({ model: "session", data: { token: SECRET } }),
      () => adapter.transaction((inside) => inside.count({ model: "session" })),
    ];
    for (const use of [...uses, ...uses]) {
      const error = await failureOf(use);
      expectFailure(error, { code: "SCHEMA_MISMATCH", table: "session", message: /session.*database\.migrate\(\)/ });
    }
    await database.migrate({});
    expect(await uses[0]()).toEqual([]);
    await database.close();
  });

  test("a missing column is named, with what to do about it", async () => {
    const { database } = await openDatabase(engine);
    const adapter = database({ user: { additionalFields: { nickname: { type: "string", required: false } } } });
    const uses = [
      () => adapter.findMany({ model: "user" }),
      () => adapter.create({ model: "user", data: { ...user(SECRET), nickname: SECRET } }),
      () => adapter.updateMany({ model: "user", where: [], update: { nickname: SECRET } }),
    ];
    for (const use of uses) {
      const error = await failureOf(use);
      expectFailure(error, { code: "SCHEMA_MISMATCH", table: "user", message: /nickname.*database\.migrate\(\)/ });
    }
  });

  test("what needs the tables says that it does not know them yet", async () => {
    const database = nativeAdapter(await emptyDatabase(engine));
    for (const use of [() => database.migrate(), () => database.plan(), () => database.withTransaction(async () => {})]) {
      expectFailure(await failureOf(use), { code: "INVALID_INPUT", message: /after betterAuth\(\{ database \}\)/ });
    }
  });

  test("after close() everything is refused, and closing again is not", async () => {
    const { database, adapter } = await openDatabase(engine);
    await adapter.create({ model: "user", data: user("ada") });
    await Promise.all([database.close(), database.close()]);
    await database.close();
    const uses = [
      () => adapter.findOne({ model: "user", where: [{ field: "email", value: SECRET }] }),
      () => adapter.create({ model: "user", data: user(SECRET) }),
      () => adapter.transaction(async () => {}),
      () => database.migrate({}),
      () => database.plan({}),
      () => database.withTransaction(async () => {}),
    ];
    for (const use of uses) {
      expectFailure(await failureOf(use), { code: "CLOSED", message: /used after close\(\)/ });
    }
  });
});

describe("SQLite, with tables of somebody else's making", () => {
  const constraints = /** @type {const} */ ([
    ["a CHECK", `CONSTRAINT "adults" CHECK (length("name") > 3)`, "", { code: "CHECK_VIOLATION", constraint: "adults", message: /adults/ }],
    ["a trigger", "", `CREATE TRIGGER "closed" BEFORE INSERT ON "guest" BEGIN SELECT RAISE(ABORT, 'closed today'); END`, { code: "CHECK_VIOLATION", message: /a constraint refuses it/ }],
  ]);
  test.each(constraints)("%s refuses", async (what, check, extra, expected) => {
    const path = join(directory, `${what}.db`);
    const driver = new Libsql(path);
    driver.exec(`CREATE TABLE "guest" ("id" text NOT NULL PRIMARY KEY, "name" text NOT NULL ${check && `, ${check}`}); ${extra}`);
    driver.close();
    const database = nativeAdapter(`sqlite:${path}`);
    const guest = { fields: { name: { type: /** @type {const} */ ("string") } } };
    const adapter = database({ plugins: [{ id: "guests", schema: { guest } }] });
    const error = await failureOf(() => adapter.create({ model: "guest", data: { name: "bob" } }));
    expectFailure(error, { table: "guest", ...expected });
    await database.close();
  });
});

describe("a damaged SQLite file", () => {
  test("is reported, and what can be read still is", async () => {
    const path = join(directory, "damaged.db");
    const database = nativeAdapter(`sqlite:${path}`);
    await database.migrate({});
    await database({}).transaction(async (inside) => {
      for (let n = 0; n < 5_000; n += 1) await inside.create({ model: "verification", data: verification(n, SECRET) });
      await inside.create({ model: "user", data: user("ada") });
    });
    await database.close();

    const pageSize = 4_096;
    const pages = readFileSync(path).length / pageSize;
    const file = openSync(path, "r+");
    for (let page = Math.floor(pages / 3); page < (pages * 2) / 3; page += 1) {
      writeSync(file, Buffer.alloc(pageSize, 0xff), 0, pageSize, page * pageSize);
    }
    closeSync(file);

    const reopened = nativeAdapter(`sqlite:${path}`);
    const adapter = reopened({});
    const damaged = { code: "STORAGE_FAILED", table: "verification", message: /damaged.*back-up/ };
    const everything = { model: "verification", limit: 10_000 };
    for (const use of [
      () => adapter.findMany(everything),
      () => adapter.findMany(everything),
      () => adapter.transaction((inside) => inside.findMany(everything)),
      () => adapter.updateMany({ model: "verification", where: [], update: { value: SECRET } }),
    ]) {
      expectFailure(await failureOf(use), damaged);
    }
    expect(await adapter.count({ model: "user" })).toBe(1);
    await reopened.close();
  });
});

/** Lets no file of this process become longer until there is room again. @type {Task} */
const fillDisk = async ({ nativeAdapter, user, require, data: url }) => {
  const { execFileSync } = require("node:child_process");
  const limit = (/** @type {string} */ bytes) => execFileSync("prlimit", ["--pid", `${process.pid}`, `--fsize=${bytes}:`]);
  const database = nativeAdapter(url);
  const adapter = database({});
  const create = (/** @type {number} */ n) => adapter.create({ model: "user", data: user(`user ${n}`) });
  let created = 0;
  limit("300000");
  const failed = await (async () => {
    for (;; created += 1) await create(created);
  })().catch((error) => error);
  const together = await adapter
    .transaction(async (inside) => {
      for (let n = 0; n < 100; n += 1) await inside.create({ model: "user", data: user(`together ${n}`) });
    })
    .catch((error) => error);
  const full = await adapter.count({ model: "user" });
  limit("unlimited");
  await create(created);
  const later = await adapter.count({ model: "user" });
  await database.close();
  return { codes: [failed.code, together.code], created, full, later };
};

// prlimit is part of Linux.
describe.runIf(process.platform === "linux")("a disk without room for SQLite", () => {
  test("fails the write that finds none, and loses nothing that was written", async () => {
    const file = sqliteFile();
    onTestFinished(file.drop);
    const database = nativeAdapter(file.url);
    await database.migrate({});
    await database.close();
    const { codes, created, full, later } = await inProcess(fillDisk, file.url).result();
    expect(codes).toEqual(["STORAGE_FAILED", "STORAGE_FAILED"]);
    expect(created).toBeGreaterThan(0);
    expect([full, later]).toEqual([created, created + 1]);
    expect(file.open((driver) => driver.prepare("PRAGMA integrity_check").raw().all())).toEqual([["ok"]]);
  });
});

describe("password", () => {
  /** @type {[string, () => Promise<any>, Record<string, any>][]} */
  const refused = [
    ["a password that is no text", () => password.hash(/** @type {any} */ ({ [SECRET]: SECRET })), { code: "INVALID_INPUT", message: /must be a string/ }],
    ["a password that is too long", () => password.hash(SECRET.repeat(4_096)), { code: "INVALID_INPUT", message: /longer than 4096/ }],
    ["a hash of no known format", () => password.verify({ hash: SECRET, password: SECRET }), { code: "INVALID_HASH", message: /./ }],
  ];
  test.each(refused)("refuses %s", async (_, use, expected) => {
    expectFailure(await failureOf(use), expected);
  });
});
