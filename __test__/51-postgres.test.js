// What is PostgreSQL's own: databases that others made, poolers, sockets, TLS, limits.

import { expect, describe, onTestFinished, test, beforeAll, afterAll } from "vitest";
import { nativeAdapter } from "../index.js";
import { serverEngines } from "./engines/index.js";
import { makeCertificates, pgbouncer, postgres } from "./servers/index.js";
import { remove } from "./servers/temporary.js";

const [engine] = serverEngines;

/** An empty database of its own. */
async function emptyDatabase() {
  const database = await engine.create();
  onTestFinished(database.drop);
  return database;
}

/** @param {string | object} options @param {import("better-auth").BetterAuthOptions} [authOptions] */
function open(options, authOptions = {}) {
  const database = nativeAdapter(options);
  onTestFinished(() => database.close());
  return { database, adapter: database(authOptions) };
}

const now = new Date("2026-11-21T08:45:49.123Z");
const ada = { name: "Ada", email: "Ada@example.com", emailVerified: true, createdAt: now, updatedAt: now };

const optional = (/** @type {any} */ type) => ({ type, required: false });

const userTable = (/** @type {string} */ name) => `CREATE TABLE ${name} (
  id text PRIMARY KEY, name text NOT NULL, email text NOT NULL UNIQUE,
  "emailVerified" boolean NOT NULL, image text,
  "createdAt" timestamptz NOT NULL, "updatedAt" timestamptz NOT NULL)`;

describe("a table that somebody else made, of", () => {
  /** Columns as Drizzle, Prisma and Better Auth's own migrator create them, and some by hand. */
  const columns = [
    { name: "varchar", column: "varchar(40)", type: "string", value: "Text", other: "text" },
    { name: "char", column: "char(4)", type: "string", value: "Text", other: "text" },
    { name: "citext", column: "citext", type: "string", value: "Text", other: "text" },
    { name: "an enum", column: "role", type: "string", value: "admin", other: "guest" },
    { name: "inet", column: "inet", type: "string", value: "10.0.0.1", other: "10.0.0.2" },
    { name: "a domain", column: "mail", type: "string", value: "a@b", other: "b@a" },
    { name: "uuid", column: "uuid", type: "string", value: "464d3126-bfa3-4ee1-bfd5-82495c3b9126", other: "no UUID" },
    { name: "smallint", column: "smallint", type: "number", value: 7, other: 7.5 },
    { name: "integer", column: "integer", type: "number", value: 7, other: 3_000_000_000 },
    { name: "bigint", column: "bigint", type: "number", value: 9_007_199_254_740_991, other: 0.5 },
    { name: "numeric", column: "numeric(30, 3)", type: "number", value: 12_345_678.5, other: 1 },
    { name: "real", column: "real", type: "number", value: 0.5, other: 0.25 },
    { name: "double precision", column: "float8", type: "number", value: 0.1 + 0.2, other: 0.3 },
    { name: "timestamp", column: "timestamp", type: "date", value: now, other: new Date(0) },
    { name: "timestamp(3)", column: "timestamp(3)", type: "date", value: now, other: new Date(0) },
    { name: "timestamptz", column: "timestamptz", type: "date", value: now, other: new Date(0) },
    { name: "date", column: "date", type: "date", value: new Date("2026-11-21"), other: new Date(0) },
    { name: "json", column: "json", type: "json", value: { b: 1, a: [1, "x"] }, other: {} },
    { name: "jsonb", column: "jsonb", type: "json", value: { b: 1, a: [1, "x"] }, other: {} },
    { name: "text for JSON", column: "text", type: "json", value: { b: 1, a: [1, "x"] }, other: {} },
    { name: "text[]", column: "text[]", type: "string[]", value: ["a", 'b,"c\\', "1"], other: [] },
    { name: "varchar[]", column: "varchar(9)[]", type: "string[]", value: ["a", "NULL"], other: [] },
    { name: "jsonb for a list", column: "jsonb", type: "string[]", value: ["a", "1"], other: [] },
    { name: "text for a list", column: "text", type: "string[]", value: ["a", "1"], other: [] },
    { name: "integer[]", column: "int[]", type: "number[]", value: [1, -2], other: [] },
    { name: "float8[]", column: "float8[]", type: "number[]", value: [0.1, 2], other: [] },
    { name: "boolean", column: "boolean", type: "boolean", value: true, other: false },
  ];
  /** @type {Awaited<ReturnType<typeof engine.create>>} */
  let shared;

  beforeAll(async () => {
    shared = await engine.create();
    await shared.query(`
      CREATE EXTENSION citext;
      CREATE TYPE role AS ENUM ('admin', 'user');
      CREATE DOMAIN mail AS text CHECK (value LIKE '%@%')`);
  });
  afterAll(() => shared.drop());

  test.each(columns.map((column) => /** @type {const} */ ([column.name, column])))(
    "%s: values come back, are found and are told apart",
    async (_name, { column, type, value, other }) => {
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
      const stored = column.startsWith("char(") ? row.extra.trimEnd() : row.extra;
      expect(stored).toEqual(value);
      expect(without.extra).toBe(null);
      expect(await found({ field: "extra", value })).toEqual([id]);
      expect(await found({ field: "extra", value: other })).toEqual([]);
      expect(await found({ field: "extra", operator: "ne", value: other })).toEqual([id]);
      expect(await found({ field: "extra", value: null })).toEqual([without.id]);
      if (Array.isArray(value) || type === "json") return;
      expect(await found({ field: "extra", operator: "in", value: [other, value] })).toEqual([id]);
      expect(await found({ field: "extra", operator: "not_in", value: [other] })).toEqual([id]);
      const updated = await adapter.update({
        model: "user",
        where: [{ field: "extra", value }],
        update: { extra: null },
      });
      expect(updated).toMatchObject({ id, extra: null });
    },
  );

  test("citext: its index serves although letters are told apart", async () => {
    await shared.query(`CREATE TABLE mails (id text PRIMARY KEY, name text, email citext UNIQUE,
      "emailVerified" boolean, image text, "createdAt" timestamptz, "updatedAt" timestamptz)`);
    const { adapter } = open(shared.url, { user: { modelName: "mails" } });
    await adapter.create({ model: "user", data: ada });
    const email = (/** @type {object} */ more) =>
      adapter.findOne({ model: "user", where: [{ field: "email", ...more }] });
    expect(await email({ value: "Ada@example.com" })).not.toBe(null);
    expect(await email({ value: "ada@example.com" })).toBe(null);
    expect(await email({ value: "ADA@example.com", mode: "insensitive" })).not.toBe(null);
    await expect(
      adapter.create({ model: "user", data: { ...ada, email: "ada@EXAMPLE.com" } }),
    ).rejects.toMatchObject({ code: "UNIQUE_VIOLATION", constraint: "mails_email_key" });
  });

  test("integers that it counts: ids are texts outside, and no text equals one", async () => {
    await shared.query(`CREATE TABLE counted (id serial PRIMARY KEY, name text, email text,
      "emailVerified" boolean, image text, "createdAt" timestamptz, "updatedAt" timestamptz)`);
    const { adapter } = open(shared.url, {
      user: { modelName: "counted" },
      advanced: { database: { generateId: false } },
    });
    const { id } = await adapter.create({ model: "user", data: ada });
    expect(id).toBe("1");
    for (const value of ["1", "01x", "x", "99999999999"]) {
      const found = await adapter.findOne({ model: "user", where: [{ field: "id", value }] });
      expect(found?.id ?? null).toBe(value === "1" ? id : null);
    }
  });
});

test.each([
  ["too long", { name: "x".repeat(50) }],
  ["too large", { age: 3_000_000_000 }],
  ["a fraction", { age: 0.5 }],
  ["no value of its enum", { role: "nobody" }],
  ["with a NUL", { email: "a\0b" }],
  ["no date that fits", { createdAt: new Date(8.64e15) }],
])("a value that does not fit its column, %s, is refused and not told", async (_name, update) => {
  const { url, query } = await emptyDatabase();
  await query(`CREATE TYPE role AS ENUM ('admin')`);
  await query(userTable('"user"'));
  await query(`ALTER TABLE "user" ALTER name TYPE varchar(40), ADD age int, ADD role role`);
  const { adapter } = open(url, {
    user: { additionalFields: { age: optional("number"), role: optional("string") } },
  });
  const { id } = await adapter.create({ model: "user", data: ada });
  const where = [{ field: "id", value: id }];
  const error = await adapter.update({ model: "user", where, update }).catch((/** @type {any} */ e) => e);
  expect(error).toMatchObject({ code: "INVALID_INPUT", table: "user", retryable: false });
  const told = `${error.message} ${error.cause?.message ?? ""}`;
  for (const value of Object.values(update)) expect(told).not.toContain(`${value}`);
  expect(await adapter.findOne({ model: "user", where })).toMatchObject(ada);
});

test("a column whose type is changed while the application runs goes on to work", async () => {
  const { url, query } = await emptyDatabase();
  await query(userTable('"user"'));
  await query(`ALTER TABLE "user" ADD age int`);
  const { adapter } = open(url, { user: { additionalFields: { age: optional("number") } } });
  const { id } = await adapter.create({ model: "user", data: { ...ada, age: 7 } });
  const where = [{ field: "id", value: id }];
  const age = (/** @type {number} */ value) =>
    adapter.update({ model: "user", where, update: { age: value } });
  for (const type of ["bigint", "float8", "text", "numeric"]) {
    await query(`ALTER TABLE "user" ALTER age TYPE ${type} USING age::${type}`);
    expect(await adapter.findOne({ model: "user", where })).toMatchObject({ email: ada.email });
    expect(await adapter.count({ model: "user", where: [{ field: "age", value: 7 }] })).toBe(1);
    expect(Number((await age(7)).age)).toBe(7);
    await adapter.transaction(async (transaction) => {
      await transaction.update({ model: "user", where, update: { name: type } });
      expect(await transaction.findOne({ model: "user", where })).toMatchObject({ name: type });
    });
  }
});

describe("where tables are", () => {
  const count = (/** @type {any} */ adapter) => adapter.count({ model: "user" });

  test("the option schema tells", async () => {
    const { url, query } = await emptyDatabase();
    await query(`CREATE SCHEMA auth; ${userTable("auth.\"user\"")}; ${userTable("public.\"user\"")}`);
    const { adapter } = open({ url, schema: "auth" });
    await adapter.create({ model: "user", data: ada });
    expect(await count(adapter)).toBe(1);
    expect(await count(open(url).adapter)).toBe(0);
    expect(await count(open(`${url}?schema=auth`).adapter)).toBe(1);
  });

  test("a table's own name tells", async () => {
    const { url, query } = await emptyDatabase();
    await query(`CREATE SCHEMA "Auth 1"; ${userTable('"Auth 1"."user"')}`);
    const { adapter } = open(url, { user: { modelName: "Auth 1.user" } });
    await adapter.create({ model: "user", data: ada });
    expect(await query('SELECT name FROM "Auth 1"."user"')).toEqual([{ name: "Ada" }]);
  });

  test("the search path of the user tells", async () => {
    const { url, query } = await emptyDatabase();
    await query(`CREATE SCHEMA found; ${userTable("found.\"user\"")}`);
    const database = new URL(url).pathname.slice(1);
    await query(`ALTER DATABASE ${database} SET search_path = nowhere, found`);
    const { adapter } = open(url);
    await adapter.create({ model: "user", data: ada });
    expect(await count(adapter)).toBe(1);
  });
});

describe("behind PgBouncer, in transaction mode", () => {
  /** @type {import("./servers/daemon.js").Server} */
  let pooler;

  beforeAll(async () => {
    const url = new URL(/** @type {string} */ (process.env.TEST_POSTGRES_URL));
    // Two connections to the server for everybody: no two transactions get the same for long.
    const settings = { default_pool_size: 2, max_client_conn: 200 };
    pooler = await pgbouncer.start({ url: url.href, adminUrl: url.href }, { settings });
  });
  afterAll(() => pooler.stop());

  const through = (/** @type {string} */ url) =>
    Object.assign(new URL(url), { port: `${pooler.port}` }).href;

  test("prepare: false works, for many callers at once, in transactions and out of them", async () => {
    const { url, query } = await emptyDatabase();
    await query(userTable('"user"'));
    const { adapter } = open({ url: through(url), prepare: false, maxConnections: 20 });
    const work = async (/** @type {number} */ number) => {
      const email = `${number}@example.com`;
      const data = { ...ada, email };
      if (number % 2 === 0) await adapter.create({ model: "user", data });
      else await adapter.transaction((transaction) => transaction.create({ model: "user", data }));
      const where = [{ field: "email", value: email }];
      expect(await adapter.findOne({ model: "user", where })).toMatchObject({ email });
      expect(await adapter.update({ model: "user", where, update: { name: email } })).toMatchObject({ name: email });
      await expect(adapter.create({ model: "user", data })).rejects.toMatchObject({ code: "UNIQUE_VIOLATION" });
    };
    await Promise.all(Array.from({ length: 40 }, (_, number) => work(number)));
    expect(await adapter.count({ model: "user" })).toBe(40);
  });

  test("the statement timeout holds all the same, and for nobody else", async () => {
    const { url, query } = await emptyDatabase();
    await query(userTable('"user"'));
    const { adapter } = open({ url: through(url), prepare: false, statementTimeoutMs: 200 });
    await adapter.count({ model: "user" });
    await query("BEGIN");
    await query('LOCK TABLE "user"');
    await expect(adapter.count({ model: "user" })).rejects.toMatchObject({
      code: "STATEMENT_TIMEOUT",
      retryable: true,
    });
    await query("ROLLBACK");
    const [{ timeout }] = await query("SELECT current_setting('statement_timeout') AS timeout");
    expect(timeout).toBe("0");
    expect(await adapter.count({ model: "user" })).toBe(0);
  });
});

test("a Unix socket, in each of its spellings", async () => {
  const server = await postgres.start();
  onTestFinished(server.stop);
  const { username, password, pathname, port } = new URL(server.url);
  const directory = /** @type {string} */ (server.socketDirectory);
  const database = pathname.slice(1);
  const login = `${username}:${password}`;
  for (const options of [
    `postgres://${login}@${encodeURIComponent(directory)}:${port}${pathname}`,
    `postgres://${login}@localhost:${port}${pathname}?host=${encodeURIComponent(directory)}`,
    { engine: "postgres", socket: directory, port: Number(port), user: username, password: decodeURIComponent(password), database },
  ]) {
    const { adapter } = open(options);
    await expect(adapter.count({ model: "user" })).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
  }
});

test("the server knows the application by its name, and limits its statements", async () => {
  const { url, query } = await emptyDatabase();
  await query(userTable('"user"'));
  const { adapter } = open({ url, applicationName: "sign-in", statementTimeoutMs: 300 });
  await adapter.count({ model: "user" });
  const [connection] = await query(
    "SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = 'sign-in'",
  );
  expect(connection.count).toBe(1);
  await query("BEGIN");
  await query('LOCK TABLE "user"');
  await expect(adapter.count({ model: "user" })).rejects.toMatchObject({
    code: "STATEMENT_TIMEOUT",
    sqlState: "57014",
    retryable: true,
  });
  await query("COMMIT");
  expect(await adapter.count({ model: "user" })).toBe(0);
});

describe("TLS", () => {
  /** @type {Awaited<ReturnType<typeof makeCertificates>>} */
  let certificates;
  /** @type {import("./servers/daemon.js").Server} */
  let server;
  /** @type {import("./servers/daemon.js").Server} */
  let stranger;

  beforeAll(async () => {
    certificates = await makeCertificates();
    const { ca, server: own, stranger: unknown } = certificates;
    [server, stranger] = await Promise.all([
      postgres.start({
        tls: { ...own, ca },
        hba: [
          "hostnossl all all 127.0.0.1/32 reject",
          "hostssl sealed all 127.0.0.1/32 scram-sha-256 clientcert=verify-full",
        ],
      }),
      postgres.start({ tls: unknown }),
    ]);
  });
  afterAll(async () => {
    await Promise.all([server.stop(), stranger.stop()]);
    await remove(certificates.directory);
  });

  /** Whether it gets as far as missing the table. @param {object} options */
  const tried = async (options) => {
    const { adapter } = open(options);
    return adapter.count({ model: "user" }).catch((/** @type {any} */ error) => error);
  };
  const connected = expect.objectContaining({ code: "SCHEMA_MISMATCH" });
  const refused = expect.objectContaining({ code: "CONNECT_FAILED", retryable: false });

  test("is used where the server has it, by default", async () => {
    expect(await tried({ url: server.url })).toEqual(connected);
    expect(await tried({ url: server.url, tls: false })).toEqual(refused);
  });

  test.each(["require", "verify-ca", "verify-full", true])("%s accepts what the CA has signed", async (mode) => {
    expect(await tried({ url: server.url, tls: { mode, ca: certificates.ca } })).toEqual(connected);
    expect(await tried({ url: server.url, tls: { mode, ca: certificates.strangeCa } })).toEqual(refused);
    // Of no authority that everybody knows.
    expect(await tried({ url: server.url, tls: mode })).toEqual(refused);
    expect(await tried({ url: stranger.url, tls: { mode, ca: certificates.ca } })).toEqual(refused);
  });

  test("as parameters of the URL", async () => {
    const ca = encodeURIComponent(certificates.ca);
    expect(await tried({ url: `${server.url}?sslmode=verify-full&sslrootcert=${ca}` })).toEqual(connected);
    expect(await tried({ url: `${server.url}?sslmode=require&channel_binding=require` })).toEqual(refused);
    expect(await tried({ url: `${server.url}?sslmode=disable` })).toEqual(refused);
  });

  test("rejectUnauthorized: false takes any certificate", async () => {
    for (const { url } of [server, stranger]) {
      expect(await tried({ url, tls: { rejectUnauthorized: false } })).toEqual(connected);
    }
  });

  test("verify-full knows the host, verify-ca only the authority", async () => {
    const { elsewhere, ca } = certificates;
    const other = await postgres.start({ tls: elsewhere });
    onTestFinished(other.stop);
    expect(await tried({ url: other.url, tls: { mode: "verify-full", ca } })).toEqual(refused);
    expect(await tried({ url: other.url, tls: { mode: "require", ca } })).toEqual(refused);
    expect(await tried({ url: other.url, tls: { mode: "verify-ca", ca } })).toEqual(connected);
  });

  test("a client certificate opens what wants one", async () => {
    const sealed = Object.assign(new URL(server.url), { pathname: "/sealed" }).href;
    const { ca, client } = certificates;
    const missing = expect.objectContaining({ code: "CONNECT_FAILED", sqlState: "3D000" });
    // The certificate is looked at before the database, which does not exist.
    expect(await tried({ url: sealed, tls: { ca, ...client } })).toEqual(missing);
    expect(await tried({ url: sealed, tls: { ca } })).not.toEqual(missing);
    expect(await tried({ url: sealed, tls: { ca } })).toEqual(refused);
  });
});
