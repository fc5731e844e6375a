// What is MySQL's and MariaDB's own: databases that others made, collations, sessions, limits.

import { join } from "node:path";
import mysql2 from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { serverEngines } from "./engines/index.js";
import { makeCertificates, mariadb, mysql } from "./servers/index.js";
import { remove } from "./servers/temporary.js";

/** @param {string | object} options @param {import("better-auth").BetterAuthOptions} [authOptions] */
function open(options, authOptions = {}) {
  const database = nativeAdapter(options);
  onTestFinished(() => database.close());
  return { database, adapter: database(authOptions) };
}

/** @param {Promise<unknown>} attempt @returns {Promise<any>} */
const failureOf = (attempt) =>
  attempt.then(
    () => expect.fail("it did not fail"),
    (error) => error,
  );

const now = new Date("2026-11-21T08:45:49.123Z");
const ada = { name: "Ada", email: "Ada@example.com", emailVerified: true, createdAt: now, updatedAt: now };

const optional = (/** @type {any} */ type) => ({ type, required: false });

const userTable = (/** @type {string} */ name, { id = "varchar(36) PRIMARY KEY", email = "varchar(99)" } = {}) =>
  `CREATE TABLE ${name} (id ${id}, name varchar(40) NOT NULL, email ${email} NOT NULL UNIQUE,
  emailVerified boolean NOT NULL, image text,
  createdAt timestamp(3) NOT NULL DEFAULT now(3), updatedAt timestamp(3) NOT NULL DEFAULT now(3))`;

const servers = [
  { name: "MySQL", engine: serverEngines[1], program: mysql },
  { name: "MariaDB", engine: serverEngines[2], program: mariadb },
];

describe.each(servers.map((server) => /** @type {const} */ ([server.name, server])))("%s", (name, { engine, program }) => {
  const isMariadb = name === "MariaDB";

  /** An empty database of its own. */
  async function emptyDatabase() {
    const database = await engine.create();
    onTestFinished(database.drop);
    return database;
  }

  describe("a table that somebody else made, of", () => {
    /** Columns as Drizzle, Prisma and Better Auth's own migrator create them, and some by hand. */
    const columns = [
      { column: "varchar(40)", type: "string", value: "Text", other: "text" },
      { column: "varchar(40) CHARACTER SET latin1", type: "string", value: "Täxt", other: "text" },
      { column: "char(4)", type: "string", value: "Text", other: "Text " },
      { column: "text", type: "string", value: "Text", other: "Text " },
      { column: "longtext", type: "string", value: "Text", other: "Téxt" },
      { column: "varbinary(40)", type: "string", value: "Text", other: "text" },
      { column: "blob", type: "string", value: "Täxt", other: "text" },
      { column: "enum('admin', 'user')", type: "string", value: "admin", other: "Admin" },
      { column: "set('a', 'b')", type: "string", value: "a,b", other: "b,a" },
      { column: "time", type: "string", value: "08:45:49", other: "no time" },
      { column: "tinyint", type: "number", value: -7, other: 300 },
      { column: "smallint unsigned", type: "number", value: 65_535, other: 7.5 },
      { column: "mediumint", type: "number", value: -8_388_608, other: 0.5 },
      { column: "int", type: "number", value: 7, other: 3_000_000_000 },
      { column: "int unsigned", type: "number", value: 4_000_000_000, other: -1 },
      { column: "bigint", type: "number", value: 9_007_199_254_740_991, other: 0.5 },
      { column: "bigint unsigned", type: "number", value: 9_007_199_254_740_991, other: 0.5 },
      { column: "year", type: "number", value: 2026, other: 1 },
      { column: "decimal(30, 3)", type: "number", value: 12_345_678.5, other: 1 },
      { column: "float", type: "number", value: 0.5, other: 0.25 },
      { column: "double", type: "number", value: 0.1 + 0.2, other: 0.3 },
      { column: "datetime(3)", type: "date", value: now, other: new Date(0) },
      { column: "datetime(6)", type: "date", value: now, other: new Date(0) },
      { column: "timestamp(3) NULL", type: "date", value: now, other: new Date(0) },
      { column: "date", type: "date", value: new Date("2026-11-21"), other: new Date(0) },
      { column: "json", type: "json", value: { b: 1, a: [1, "x"] }, other: {} },
      { column: "text", type: "json", value: { b: 1, a: [1, "x"] }, other: {} },
      { column: "json", type: "string[]", value: ["a", 'b,"c\\', "1"], other: [] },
      { column: "text", type: "string[]", value: ["a", "1"], other: [] },
      { column: "json", type: "number[]", value: [0.1, 2], other: [] },
      { column: "boolean", type: "boolean", value: true, other: false },
      { column: "bit(1)", type: "boolean", value: true, other: false },
      ...(isMariadb
        ? [
            { column: "uuid", type: "string", value: "464d3126-bfa3-4ee1-bfd5-82495c3b9126", other: "no UUID" },
            { column: "inet6", type: "string", value: "::1", other: "::2" },
          ]
        : []),
    ];
    /** @type {Awaited<ReturnType<typeof engine.create>>} */
    let shared;
    beforeAll(async () => {
      shared = await engine.create();
    });
    afterAll(() => shared.drop());

    test.each(columns.map((column) => /** @type {const} */ ([column.column, column.type, column])))(
      "%s for %s: values come back, are found and are told apart",
      async (_column, _type, { column, type, value, other }) => {
        const table = `user_${columns.findIndex((known) => known.column === column && known.type === type)}`;
        await shared.query(userTable(table));
        await shared.query(`ALTER TABLE ${table} ADD COLUMN extra ${column}`);
        const { adapter } = open(shared.url, {
          user: { modelName: table, additionalFields: { extra: optional(type) } },
        });
        const { id } = await adapter.create({ model: "user", data: { ...ada, extra: value } });
        const without = await adapter.create({ model: "user", data: { ...ada, email: "none", extra: null } });
        /** @param {any[]} where */
        const found = async (...where) => {
          const users = await adapter.findMany({ model: "user", where });
          return users.map((user) => user.id).toSorted();
        };
        const row = await adapter.findOne({ model: "user", where: [{ field: "id", value: id }] });
        expect(row.extra).toEqual(value);
        expect(without.extra).toBe(null);
        if (column !== "json" || !isMariadb) expect(await found({ field: "extra", value })).toEqual([id]);
        expect(await found({ field: "extra", value: other })).toEqual([]);
        expect(await found({ field: "extra", operator: "ne", value: other })).toEqual([id]);
        expect(await found({ field: "extra", value: null })).toEqual([without.id]);
        if (Array.isArray(value) || type === "json") return;
        expect(await found({ field: "extra", operator: "in", value: [other, value] })).toEqual([id]);
        expect(await found({ field: "extra", operator: "in", value: [other] })).toEqual([]);
        expect(await found({ field: "extra", operator: "not_in", value: [other] })).toEqual([id]);
        if (type === "string") {
          const part = `${value}`.slice(1);
          expect(await found({ field: "extra", operator: "ends_with", value: part })).toEqual([id]);
          const upper = { field: "extra", value: `${value}`.toUpperCase(), mode: "insensitive" };
          expect(await found(upper)).toEqual([id]);
          expect(await found({ ...upper, operator: "in", value: [upper.value] })).toEqual([id]);
        }
        const where = [{ field: "extra", value }];
        if (column === "float") return;
        const updated = await adapter.update({ model: "user", where, update: { extra: null } });
        expect(updated).toMatchObject({ id, extra: null });
      },
    );

    const ids = ["int AUTO_INCREMENT PRIMARY KEY", "bigint unsigned AUTO_INCREMENT PRIMARY KEY"];
    test.each(ids)("%s for ids: they are texts outside, and no other text equals one", async (id) => {
      const table = `counted_${ids.indexOf(id)}`;
      await shared.query(userTable(table, { id }));
      const { adapter } = open(shared.url, {
        user: { modelName: table },
        advanced: { database: { generateId: false } },
      });
      const { id: first } = await adapter.create({ model: "user", data: ada });
      expect(first).toBe("1");
      const { id: second } = await adapter.create({ model: "user", data: { ...ada, email: "second" } });
      expect(second).toBe("2");
      for (const value of ["1", "1abc", " 1", "1.0", "x", "", "99999999999999999999"]) {
        const where = [{ field: "id", value }];
        const found = await adapter.findOne({ model: "user", where });
        expect(found?.id ?? null).toBe(value === "1" ? first : null);
        const listed = [{ field: "id", operator: "in", value: [value] }];
        expect(await adapter.count({ model: "user", where: listed })).toBe(value === "1" ? 1 : 0);
      }
      const both = [{ field: "id", operator: "in", value: ["1", "x", "2"] }];
      expect(await adapter.count({ model: "user", where: both })).toBe(2);
    });

    test("a default expression for ids", async () => {
      const id = "varchar(99) DEFAULT (concat('it''s ', uuid(), '?')) PRIMARY KEY";
      await shared.query(userTable("made", { id }));
      const { adapter } = open(shared.url, {
        user: { modelName: "made" },
        advanced: { database: { generateId: false } },
      });
      const { id: first } = await adapter.create({ model: "user", data: ada });
      expect(first).toMatch(/^it's [0-9a-f-]{36}\?$/);
      const row = await adapter.findOne({ model: "user", where: [{ field: "id", value: first }] });
      expect(row).toMatchObject(ada);
    });

    test("names in another case: those of columns are the same", async () => {
      await shared.query(userTable("cased").replace("emailVerified boolean", "EMAILVERIFIED bit(1)"));
      const { adapter } = open(shared.url, { user: { modelName: "cased" } });
      const { id } = await adapter.create({ model: "user", data: ada });
      const verified = [{ field: "emailVerified", value: true }];
      expect(await adapter.findOne({ model: "user", where: verified })).toMatchObject({ id, ...ada });
    });
  });

  test("an `in` list of any length", async () => {
    const { url, query } = await emptyDatabase();
    await query(userTable("user"));
    const { adapter } = open(url);
    await adapter.create({ model: "user", data: ada });
    const list = (/** @type {number} */ length) => Array.from({ length }, (_, n) => `${n}`);
    const count = (/** @type {string[]} */ value, operator = "in") =>
      adapter.count({ model: "user", where: [{ field: "email", operator, value }] });
    for (const length of [0, 1, 2, 3, 5, 17, 300, 20_000]) {
      expect(await count(list(length))).toBe(0);
      expect(await count(list(length), "not_in")).toBe(1);
      expect(await count([...list(length), ada.email])).toBe(1);
    }
    expect(await failureOf(count(list(70_000)))).toMatchObject({ code: "INVALID_INPUT", table: "user" });
    expect(await count([ada.email])).toBe(1);
  });

  test.each([
    ["too long", { name: "x".repeat(50) }],
    ["too large", { age: 3_000_000_000 }],
    ["a fraction", { age: 0.5 }],
    ["no value of its enum", { role: "nobody" }],
    ["beyond a timestamp", { createdAt: new Date("2500-01-01") }],
    ["no date that fits", { createdAt: new Date(8.64e15) }],
  ])("a value that does not fit its column, %s, is refused and not told", async (_name, update) => {
    const { url, query } = await emptyDatabase();
    await query(userTable("user"));
    await query("ALTER TABLE user ADD age int, ADD role enum('admin')");
    const { adapter } = open(url, {
      user: { additionalFields: { age: optional("number"), role: optional("string") } },
    });
    const { id } = await adapter.create({ model: "user", data: ada });
    const where = [{ field: "id", value: id }];
    const error = await failureOf(adapter.update({ model: "user", where, update }));
    expect(error).toMatchObject({ code: "INVALID_INPUT", table: "user", retryable: false });
    const told = `${error.message} ${error.cause?.message ?? ""}`;
    for (const value of Object.values(update)) expect(told).not.toContain(`${value}`);
    expect(await adapter.findOne({ model: "user", where })).toMatchObject(ada);
  });

  test("a unique key is named, with its column and without the value", async () => {
    const { url, query } = await emptyDatabase();
    await query(userTable("user"));
    const { adapter } = open(url);
    const { id } = await adapter.create({ model: "user", data: ada });
    const again = await failureOf(adapter.create({ model: "user", data: ada }));
    expect(again).toMatchObject({ code: "UNIQUE_VIOLATION", table: "user", column: "email", constraint: "email" });
    expect(`${again.message} ${again.cause}`).not.toContain(ada.email);
    const same = await failureOf(adapter.create({ model: "user", data: { ...ada, email: "b", id }, forceAllowId: true }));
    expect(same).toMatchObject({ code: "UNIQUE_VIOLATION", column: "id", constraint: "PRIMARY" });
  });

  test("a day that is none is refused", async () => {
    const { url, query } = await emptyDatabase();
    await query(userTable("user"));
    const { adapter } = open(url);
    await query("SET sql_mode = ''; ALTER TABLE user MODIFY createdAt datetime; "
      + "INSERT INTO user VALUES ('1', 'n', 'e', 1, NULL, '0000-00-00', now(3))");
    expect(await failureOf(adapter.findMany({ model: "user" }))).toMatchObject({ code: "DECODE_FAILED", table: "user" });
    expect(await adapter.count({ model: "user" })).toBe(1);
  });

  test("a column whose type is changed while the application runs goes on to work", async () => {
    const { url, query } = await emptyDatabase();
    await query(userTable("user"));
    await query("ALTER TABLE user ADD age int");
    const { adapter } = open(url, { user: { additionalFields: { age: optional("number") } } });
    const { id } = await adapter.create({ model: "user", data: { ...ada, age: 7 } });
    const where = [{ field: "id", value: id }];
    for (const type of ["bigint", "double", "decimal(9, 2)", "varchar(9)"]) {
      await query(`ALTER TABLE user MODIFY age ${type}`);
      expect(await adapter.findOne({ model: "user", where })).toMatchObject({ email: ada.email });
      const updated = await adapter.update({ model: "user", where, update: { age: 7 } });
      expect(Number(updated.age)).toBe(7);
    }
  });

  test("a table in another database", async () => {
    const { url } = await emptyDatabase();
    const elsewhere = await emptyDatabase();
    await elsewhere.query(userTable("user", { id: "int AUTO_INCREMENT PRIMARY KEY" }));
    const there = new URL(elsewhere.url).pathname.slice(1);
    const { adapter } = open(url, {
      user: { modelName: `${there}.user` },
      advanced: { database: { generateId: false } },
    });
    const { id } = await adapter.create({ model: "user", data: ada });
    expect(await adapter.findOne({ model: "user", where: [{ field: "id", value: id }] })).toMatchObject(ada);
    expect(await adapter.count({ model: "user", where: [{ field: "id", value: `${id}x` }] })).toBe(0);
  });

  test("a lock that is not released: the error says so, and a transaction goes on", async () => {
    const { url, query } = await emptyDatabase();
    await query(userTable("user"));
    const { adapter } = open({ url, statementTimeoutMs: 1_000 });
    const { id } = await adapter.create({ model: "user", data: ada });
    const where = [{ field: "id", value: id }];
    await query("START TRANSACTION");
    await query(`UPDATE user SET name = 'locked' WHERE id = '${id}'`);
    const update = () => adapter.update({ model: "user", where, update: { name: "other" } });
    // On MariaDB it may be the statement's own limit that comes first.
    const code = expect.stringMatching(/DATABASE_LOCKED|STATEMENT_TIMEOUT/);
    expect(await failureOf(update())).toMatchObject({ code, retryable: true });
    await adapter.transaction(async (inside) => {
      await inside.create({ model: "user", data: { ...ada, email: "inside" } });
      const stuck = inside.update({ model: "user", where, update: { name: "other" } });
      expect(await failureOf(stuck)).toMatchObject({ code, retryable: true });
      await inside.create({ model: "user", data: { ...ada, email: "too" } });
    });
    await query("COMMIT");
    expect(await update()).toMatchObject({ name: "other" });
    expect(await adapter.count({ model: "user" })).toBe(3);
  });

  test("a statement that takes too long is ended by the server", async () => {
    const { url, query } = await emptyDatabase();
    await query(userTable("slow"));
    await query("INSERT INTO slow VALUES ('1', 'n', 'e', 1, NULL, now(), now()); "
      + "CREATE VIEW user AS SELECT id, name, email, emailVerified + 0 * sleep(20) AS emailVerified, image, createdAt, updatedAt FROM slow");
    const { adapter } = open({ url, statementTimeoutMs: 300 });
    const begin = Date.now();
    const error = await failureOf(adapter.findMany({ model: "user" }));
    // Whether sleep() fails or tells that it was woken is each server's own.
    expect(error).toMatchObject({ code: "STATEMENT_TIMEOUT" });
    expect(Date.now() - begin).toBeLessThan(3_000);
  });

  test("prepare: false works, also for lists", async () => {
    const { url, query } = await emptyDatabase();
    await query(userTable("user"));
    const { adapter } = open({ url, prepare: false });
    await adapter.create({ model: "user", data: ada });
    const email = { field: "email", operator: "in", value: [ada.email, "x", "y"] };
    expect(await adapter.findMany({ model: "user", where: [email] })).toHaveLength(1);
  });

  test.each(["read committed", "repeatable read", "serializable"])("the isolation level %s", async (isolation) => {
    const { url, query } = await emptyDatabase();
    await query(userTable("user"));
    const { adapter, database } = open(url);
    const both = await database.withTransaction(
      async (/** @type {any} */ inside) => {
        const counts = [await inside.count({ model: "user" })];
        if (isolation !== "serializable") {
          await adapter.create({ model: "user", data: ada });
        }
        counts.push(await inside.count({ model: "user" }));
        return counts;
      },
      { isolation },
    ).catch((/** @type {any} */ error) => error);
    expect(both).toEqual(isolation === "read committed" ? [0, 1] : [0, 0]);
  });

  describe("a server", () => {
    /** @type {import("./servers/daemon.js").Server} */
    let server;
    /** @type {Awaited<ReturnType<typeof makeCertificates>>} */
    let certificates;
    /** @type {import("mysql2/promise").Connection} */
    let administrator;

    beforeAll(async () => {
      certificates = await makeCertificates();
      server = await program.start({
        tls: certificates.server,
        settings: { "max-connections": 12 },
      });
      administrator = await mysql2.createConnection({
        uri: server.adminUrl.replace("mariadb:", "mysql:"),
        socketPath: join(/** @type {string} */ (server.socketDirectory), "socket"),
        multipleStatements: true,
      });
      await administrator.query(`SET GLOBAL time_zone = '-05:30', GLOBAL autocommit = 0,
        GLOBAL sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,PAD_CHAR_TO_FULL_LENGTH', GLOBAL completion_type = 'CHAIN',
        GLOBAL character_set_server = latin1, GLOBAL group_concat_max_len = 64, GLOBAL sql_safe_updates = 1`);
    });
    afterAll(async () => {
      await administrator.end();
      await server.stop();
      await remove(certificates.directory);
    });

    describe("the collation", () => {
      const exact = isMariadb ? "utf8mb4_nopad_bin" : "utf8mb4_0900_bin";
      const ignoringCase = [
        "utf8mb4_general_ci",
        "utf8mb4_unicode_ci",
        "utf8mb4_unicode_520_ci",
        "utf8mb4_swedish_ci",
        isMariadb ? "utf8mb4_unicode_nopad_ci" : "utf8mb4_0900_ai_ci",
      ];
      const others = [exact, "utf8mb4_bin", "utf8mb4_turkish_ci", ...(isMariadb ? [] : ["utf8mb4_0900_as_cs", "utf8mb4_tr_0900_ai_ci"])];

      test.each([...others, ...ignoringCase])("%s: letters are told apart, and the index serves", async (collation) => {
        const own = `c_${collation}`;
        const columns = userTable("user", { email: `varchar(99) CHARACTER SET utf8mb4 COLLATE ${collation}` });
        await administrator.query(`CREATE DATABASE ${own}; USE ${own}; ${columns}`);
        const url = Object.assign(new URL(server.url), { pathname: `/${own}` }).href;
        const { adapter } = open(url);
        const emails = ["Ada@example.com", "Éva", "İnci", "Ωmega", "trailing", "Ⱥb", "ⱥc", "Iı"];
        for (const email of emails) await adapter.create({ model: "user", data: { ...ada, email } });
        /** @param {object} more */
        const find = async (more) => {
          const users = await adapter.findMany({ model: "user", where: [{ field: "email", ...more }] });
          return users.map(({ email }) => email);
        };
        for (const email of emails) {
          expect(await find({ value: email })).toEqual([email]);
          expect(await find({ operator: "in", value: [email, "nobody"] })).toEqual([email]);
        }
        for (const value of ["ada@example.com", "Eva", "trailing ", "Inci", "ADA@EXAMPLE.COM", "Ⱥ", "Ⱥc"]) {
          expect(await find({ value }), value).toEqual([]);
          expect(await find({ operator: "in", value: [value] }), value).toEqual([]);
        }
        const insensitive = { mode: "insensitive" };
        expect(await find({ value: "ADA@example.COM", ...insensitive })).toEqual(["Ada@example.com"]);
        expect(await find({ value: "éVA", ...insensitive })).toEqual(["Éva"]);
        expect(await find({ value: "ωMEGA", ...insensitive })).toEqual(["Ωmega"]);
        // Other letters are others; and MySQL's own lower case drops what follows some of them.
        for (const value of ["Eva", "TRAILING ", "ȺX", "Ⱥ"]) {
          expect(await find({ value, ...insensitive }), value).toEqual([]);
          expect(await find({ operator: "in", value: [value], ...insensitive }), value).toEqual([]);
        }
        const part = { operator: "starts_with", value: "ADA@", ...insensitive };
        expect(await find(part)).toEqual(["Ada@example.com"]);

        await administrator.query(`INSERT INTO user (id, name, email, emailVerified)
          WITH RECURSIVE digits AS (SELECT 0 AS d UNION ALL SELECT d + 1 FROM digits WHERE d < 9)
          SELECT uuid(), '', concat(a.d, b.d, c.d, d.d, 'x'), 0 FROM digits a, digits b, digits c, digits d`);
        const rowsRead = async () => {
          const [rows] = await administrator.query("SHOW GLOBAL STATUS LIKE 'Handler_read_%next'");
          return /** @type {any[]} */ (rows).reduce((sum, { Value }) => sum + Number(Value), 0);
        };
        const served = [{ value: "0005x" }, { operator: "in", value: ["0005x", "0007x", "no"] }];
        if (ignoringCase.includes(collation)) served.push({ value: "0005X", ...insensitive });
        for (const where of served) {
          const before = await rowsRead();
          expect(await find(where)).toContain("0005x");
          expect((await rowsRead()) - before).toBeLessThan(5_000);
        }
      });
    });

    test("whose defaults are different changes nothing", async () => {
      const database = new URL(server.url).pathname.slice(1);
      await administrator.query(`USE ${database}; DROP TABLE IF EXISTS session, user;
        ${userTable("user", { id: "char(36) CHARACTER SET utf8mb4 PRIMARY KEY" }).replace(/varchar\(\d+\)/g, "$& CHARACTER SET utf8mb4")};
        CREATE TABLE session (id varchar(36) PRIMARY KEY, userId char(36) CHARACTER SET utf8mb4, token varchar(99),
          expiresAt datetime(3), ipAddress text, userAgent text CHARACTER SET utf8mb4, createdAt timestamp(3), updatedAt timestamp(3))`);
      const { adapter } = open(server.url);
      const name = "漢 😀 Ⱥ";
      const user = await adapter.create({ model: "user", data: { ...ada, name, id: "short" }, forceAllowId: true });
      expect(user).toMatchObject({ ...ada, name, id: "short" });
      const [[stored]] = /** @type {any} */ (
        await administrator.query("SET time_zone = '+00:00'; SELECT 1").then(() =>
          administrator.query("SELECT CAST(createdAt AS CHAR) AS date, HEX(name) AS name FROM user"))
      );
      expect(stored).toEqual({ date: "2026-11-21 08:45:49.123", name: Buffer.from(name).toString("hex").toUpperCase() });
      expect(await failureOf(adapter.updateMany({ model: "user", where: [], update: { name: "x".repeat(50) } }))).toMatchObject({ code: "INVALID_INPUT" });
      for (let n = 0; n < 20; n += 1) {
        const session = { userId: user.id, token: `${n}`, expiresAt: now, ipAddress: "", userAgent: "[1]", createdAt: now, updatedAt: now };
        await adapter.create({ model: "session", data: session });
      }
      const { adapter: joining } = open(server.url, { experimental: { joins: true } });
      const found = await joining.findOne({ model: "user", where: [{ field: "id", value: "short" }], join: { session: true } });
      expect(found.session).toHaveLength(20);
      expect(found.session[0]).toMatchObject({ expiresAt: now, createdAt: now, userAgent: "[1]", ipAddress: "" });
    });

    test("in its own time zone: times of change and of no change", async () => {
      const { adapter } = open(server.url);
      const moments = ["2026-03-29T01:30:00.000Z", "2026-10-25T00:30:00.001Z", "1970-01-01T00:00:01.000Z"];
      for (const moment of moments) {
        const createdAt = new Date(moment);
        const row = await adapter.create({ model: "user", data: { ...ada, email: moment, createdAt } });
        expect(row.createdAt).toEqual(createdAt);
        expect(await adapter.count({ model: "user", where: [{ field: "createdAt", value: createdAt }] })).toBe(1);
      }
    });

    test("passwords, each way they are kept", async () => {
      const plugins = isMariadb ? ["mysql_native_password"] : ["caching_sha2_password", "sha256_password"];
      for (const plugin of plugins) {
        const login = plugin.slice(0, 10);
        const identified = isMariadb ? `VIA ${plugin} USING PASSWORD('s3?cr:t')` : `WITH ${plugin} BY 's3?cr:t'`;
        const [made] = await Promise.allSettled([administrator.query(`CREATE USER ${login}@'%' IDENTIFIED ${identified}`)]);
        if (made.status === "rejected") continue;
        const url = Object.assign(new URL(server.url), { username: login, password: "s3?cr:t" }).href;
        for (const tls of [false, { rejectUnauthorized: false }]) {
          const error = await failureOf(open({ url, tls }).adapter.count({ model: "user" }));
          // It has no rights there; and it is told so by its name, after the password was right.
          expect(error, `${plugin} ${error.cause}`).toMatchObject({ code: "CONNECT_FAILED", sqlState: "42000" });
          await administrator.query(`GRANT ALL ON *.* TO ${login}@'%'`);
          expect(await open({ url, tls }).adapter.count({ model: "user" })).toBeGreaterThan(0);
          await administrator.query(`REVOKE ALL ON *.* FROM ${login}@'%'; FLUSH PRIVILEGES`);
        }
        const wrong = url.replace(/s3[^@]*@/, "wrong@");
        const error = await failureOf(open({ url: wrong }).adapter.count({ model: "user" }));
        expect(error).toMatchObject({ code: "CONNECT_FAILED", retryable: false });
        expect(`${error.message} ${error.cause}`).not.toContain("wrong");
      }
    });

    test("a Unix socket", async () => {
      const { username, password, pathname } = new URL(server.url);
      const options = {
        engine: "mysql",
        socket: join(/** @type {string} */ (server.socketDirectory), "socket"),
        user: username,
        password: decodeURIComponent(password),
        database: pathname.slice(1),
        tls: false,
      };
      expect(await open(options).adapter.count({ model: "user" })).toBeGreaterThan(0);
    });

    test("that is full, forbids, or only reads", async () => {
      const { adapter } = open({ url: server.url, connectRetryMs: 0 });
      const others = [];
      for (let n = 0; n < 14; n += 1) others.push(mysql2.createConnection(server.url.replace("mariadb:", "mysql:")));
      const connected = await Promise.allSettled(others);
      expect(await failureOf(adapter.count({ model: "user" }))).toMatchObject({ code: "CONNECT_FAILED", retryable: true });
      for (const each of connected) if (each.status === "fulfilled") await each.value.end();
      // The server takes a moment to let go of the others, of which the tests after this one know nothing.
      const connections = async () => Number(/** @type {any} */ (await administrator.query("SHOW STATUS LIKE 'Threads_connected'"))[0][0].Value);
      await expect.poll(connections, { timeout: 10_000 }).toBeLessThan(4);
      expect(await adapter.count({ model: "user" })).toBeGreaterThan(0);
      await administrator.query("CREATE USER clerk@'%' IDENTIFIED BY 'r'; GRANT SELECT ON *.* TO clerk@'%'");
      onTestFinished(() => administrator.query("SET GLOBAL read_only = 0").then(() => {}));
      const url = Object.assign(new URL(server.url), { username: "clerk", password: "r" }).href;
      const reading = open(url).adapter;
      const write = () => reading.create({ model: "user", data: { ...ada, email: "w" } });
      expect(await failureOf(write())).toMatchObject({ code: "PERMISSION_DENIED" });
      await administrator.query("GRANT INSERT ON *.* TO clerk@'%'; SET GLOBAL read_only = 1");
      expect(await failureOf(open(url).adapter.create({ model: "user", data: { ...ada, email: "w" } }))).toMatchObject({ code: "READ_ONLY" });
      expect(await reading.count({ model: "user" })).toBeGreaterThan(0);
    });

    test("whose administrator ends connections: reads and what did nothing go on", async () => {
      const { adapter } = open(server.url);
      await Promise.all([1, 2, 3].map(() => adapter.count({ model: "user" })));
      const [list] = /** @type {any} */ (await administrator.query("SHOW PROCESSLIST"));
      for (const { Id, User } of list) if (User === new URL(server.url).username) await administrator.query(`KILL ${Id}`);
      expect(await adapter.count({ model: "user" })).toBeGreaterThan(0);
    });

    test("certificates", async () => {
      const tried = (/** @type {object} */ tls) =>
        open({ url: server.url, tls }).adapter.count({ model: "user" }).then(() => "connected", (/** @type {any} */ error) => error.code);
      expect(await tried({ mode: "verify-full", ca: certificates.ca })).toBe("connected");
      expect(await tried({ mode: "verify-ca", ca: certificates.ca })).toBe("connected");
      expect(await tried({ mode: "verify-ca", ca: certificates.strangeCa })).toBe("CONNECT_FAILED");
      const { adapter } = open({ url: server.url, tls: { mode: "verify-full", ca: certificates.ca } });
      expect(await adapter.count({ model: "user" })).toBeGreaterThan(0);
    });
  });
});
