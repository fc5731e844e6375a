// What an operator sees: counts that are exact, a text that Prometheus reads, slow statements
// without values, events, health.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { betterAuth } from "better-auth";
import parsePrometheus from "parse-prometheus-text-format";
import { describe, expect, onTestFinished, test } from "vitest";
import { createPassword, nativeAdapter } from "../index.js";
import { serverEngines, sqliteEngines } from "./engines/index.js";
import { basics } from "./support/basics.js";
import { emptyDatabase, everyEngine, everyEngineEitherWay, everySharedEngine, named, openDatabase } from "./support/database.js";
import { inProcess } from "./support/elsewhere/index.js";
import { turn } from "./support/event-loop.js";
import { runGuide } from "./support/guide.js";
import { credentials, user } from "./support/rows.js";
import { eventually, openBehindProxy } from "./support/server-database.js";

/** @param {any} database @param {string} type @returns {Promise<any>} the next event */
const next = (database, type) => new Promise((resolve) => database.on(type, resolve));

const nobody = [{ field: "id", value: "nobody" }];

/** What the counters say of these calls. @param {any} adapter */
async function callsOfAllKinds(adapter) {
  const ada = await adapter.create({ model: "user", data: user("ada") });
  await expect(adapter.create({ model: "user", data: user("ada") })).rejects.toMatchObject({ code: "UNIQUE_VIOLATION" });
  const where = [{ field: "id", value: ada.id }];
  for (let n = 0; n < 3; n += 1) await adapter.findOne({ model: "user", where });
  await Promise.all([1, 2].map(() => adapter.findMany({ model: "session", where: [{ field: "userId", value: ada.id }] })));
  await adapter.count({ model: "user" });
  await adapter.update({ model: "user", where, update: { name: "Ada" } });
  await adapter.updateMany({ model: "user", where, update: { name: "Countess" } });
  await adapter.delete({ model: "session", where: nobody });
  await adapter.deleteMany({ model: "session", where: nobody });
  await adapter.deleteMany({ model: "verification", where: nobody });
  await adapter.consumeOne({ model: "verification", where: nobody });
  await adapter.transaction((/** @type {any} */ inside) => inside.count({ model: "account" }));
  await adapter.transaction((/** @type {any} */ inside) => inside.create({ model: "user", data: user("grace") }));
  const undone = adapter.transaction(async (/** @type {any} */ inside) => {
    await inside.create({ model: "user", data: user("undone") });
    await inside.transaction?.((/** @type {any} */ nested) => nested.count({ model: "account" }));
    throw new Error("on purpose");
  });
  await expect(undone).rejects.toThrow("on purpose");
}

const counted = [
  ["consumeOne", "verification", 1],
  ["count", "account", 2],
  ["count", "user", 1],
  ["create", "user", 4],
  ["delete", "session", 1],
  ["deleteMany", "session", 1],
  ["deleteMany", "verification", 1],
  ["findMany", "session", 2],
  ["findOne", "user", 3],
  ["update", "user", 1],
  ["updateMany", "user", 1],
];

describe.each(everyEngineEitherWay)("%s", (_, engine) => {
  test("every call is counted once, by operation, model and error", async () => {
    const { database, adapter } = await openDatabase(engine);
    await callsOfAllKinds(adapter);
    const { operations, models, errors, transactions } = await database.metrics();
    const calls = operations.map(({ operation, model, calls }) => [operation, model, calls]);
    expect(calls.toSorted((a, b) => `${a}`.localeCompare(`${b}`))).toEqual(counted);
    expect(models).toEqual({ user: 10, session: 4, verification: 2, account: 2 });
    expect(errors).toEqual({ UNIQUE_VIOLATION: 1 });
    expect(transactions).toEqual({ committed: 2, rolledBack: 1 });
    const [create] = operations.filter(({ operation }) => operation === "create");
    expect(create.errors).toEqual({ UNIQUE_VIOLATION: 1 });
    for (const { calls, latencyMs } of operations) {
      expect(latencyMs.buckets.at(-1)).toEqual({ belowMs: 2 ** 26 / 1_000, count: calls });
      expect(latencyMs.p50).toBeLessThanOrEqual(latencyMs.p99);
      expect(latencyMs.p99).toBeLessThanOrEqual(latencyMs.max);
      expect(latencyMs.max).toBeLessThanOrEqual(latencyMs.sum);
      expect(latencyMs.sum).toBeCloseTo(latencyMs.mean * calls, 6);
    }
  });
});

describe.each(everyEngine)("%s", (_, engine) => {
  test("Prometheus reads it", async () => {
    const { database, adapter } = await openDatabase(engine);
    await callsOfAllKinds(adapter);
    await database.cleanup();
    const text = await database.metrics({ format: "prometheus" });
    const families = new Map(parsePrometheus(text).map((/** @type {any} */ family) => [family.name, family]));
    const family = (/** @type {string} */ name) => families.get(`better_auth_native_${name}`);
    for (const { help, type } of families.values()) {
      expect(help).not.toBe("");
      expect(["COUNTER", "GAUGE", "HISTOGRAM"]).toContain(type);
    }
    expect(family("operation_duration_seconds").type).toBe("HISTOGRAM");
    // The parser makes one series of all that a histogram has; so its samples are read one by one.
    const samples = parsePrometheus(text.replaceAll(" histogram\n", " untyped\n"));
    for (const [operation, model, calls] of counted) {
      const of = (/** @type {string} */ suffix) =>
        samples
          .filter((/** @type {any} */ { name }) => name === `better_auth_native_operation_duration_seconds_${suffix}`)
          .flatMap((/** @type {any} */ { metrics }) => metrics)
          .filter((/** @type {any} */ { labels }) => labels.operation === operation && labels.model === model);
      expect(of("count")).toEqual([{ value: `${calls}`, labels: { operation, model } }]);
      const buckets = of("bucket").map((/** @type {any} */ { value, labels }) => [
        labels.le === "+Inf" ? Infinity : Number(labels.le),
        Number(value),
      ]);
      expect(buckets[0][0]).toBe(0.000001);
      expect(buckets.at(-1)).toEqual([Infinity, calls]);
      for (let n = 1; n < buckets.length; n += 1) {
        expect(buckets[n][0]).toBeGreaterThan(buckets[n - 1][0]);
        expect(buckets[n][1]).toBeGreaterThanOrEqual(buckets[n - 1][1]);
      }
      expect(Number(of("sum")[0].value)).toBeGreaterThan(0);
    }
    expect(family("operation_errors_total").metrics).toEqual([
      { value: "1", labels: { operation: "create", model: "user", code: "UNIQUE_VIOLATION" } },
    ]);
    expect(family("transactions_total").metrics).toContainEqual({ value: "2", labels: { outcome: "committed" } });
    expect(family("cleanup_runs_total").metrics).toContainEqual({ value: "1", labels: { outcome: "done" } });
    const [{ open, opened, most }] = (await database.metrics()).connections;
    expect(open).toBeGreaterThan(0);
    expect(opened).toBeGreaterThanOrEqual(open);
    expect(most).toBeGreaterThanOrEqual(open);
    expect(family("connections_max").metrics[0].value).toBe(`${most}`);
  });

  test("slow statements are told without their values, and with how long they waited", async () => {
    /** @type {any[]} */
    const slow = [];
    const options = { ...engine.oneWriter, slowQuery: { thresholdMs: 0, onSlow: (/** @type {any} */ event) => slow.push(event) } };
    const { database, adapter } = await openDatabase(engine, { options });
    let waiting;
    await adapter.transaction(async (inside) => {
      await inside.create({ model: "user", data: user("ada") });
      waiting = adapter.create({ model: "user", data: user("grace") });
      await turn(20);
    });
    await waiting;
    const where = [{ field: "email", operator: /** @type {const} */ ("in"), value: ["secret@example.com", "other@example.com"] }];
    await adapter.findMany({ model: "user", where });
    await eventually(() => expect(slow).toHaveLength(3));
    const [inside, other, found] = slow;
    expect(inside).toMatchObject({ type: "slow", operation: "create", model: "user", at: expect.any(Date) });
    expect(other.waitingMs).toBeGreaterThan(0);
    expect(other.waitingMs).toBeLessThanOrEqual(other.durationMs);
    expect(found.sql).toMatch(/^SELECT .+ FROM .user. WHERE /);
    expect(JSON.stringify(slow)).not.toMatch(/secret|example|ada|grace/);
    const { operations } = await database.metrics();
    expect(operations.reduce((sum, { slow }) => sum + slow, 0)).toBe(3);
  });

  test("a database that is well says so, and one that is closed says that", async () => {
    const { database } = await openDatabase(engine);
    const { ok, version, latencyMs, error } = await database.health();
    expect({ ok, error }).toEqual({ ok: true, error: null });
    expect(version).toMatch(/^\d+\.\d+/);
    expect(latencyMs).toBeGreaterThan(0);
    expect((await database.health()).engine).toBe(
      { MariaDB: "mariadb", MySQL: "mysql", PostgreSQL: "postgres" }[engine.name] ?? "sqlite",
    );
    await database.close();
    expect(await database.health()).toMatchObject({ ok: false, version: null, error: { code: "CLOSED" } });
  });

  test("who listens hears of errors and connections", async () => {
    const url = await emptyDatabase(engine);
    /** @type {any[]} */
    const told = [];
    const note = (/** @type {any} */ event) => told.push(event);
    const database = nativeAdapter({ url, events: { connect: note, error: note } });
    onTestFinished(() => database.close().then(() => {}));
    await database.migrate({});
    const adapter = database({});
    await adapter.create({ model: "user", data: user("ada") });
    await adapter.create({ model: "user", data: user("ada") }).catch(() => {});
    await eventually(() => expect(told.map(({ type }) => type)).toEqual(["connect", "error"]));
    expect(told[0]).toMatchObject({ server: expect.stringContaining(" at "), durationMs: expect.any(Number), at: expect.any(Date) });
    expect(told[1]).toMatchObject({ operation: "create", model: "user", code: "UNIQUE_VIOLATION", table: "user", retryable: false });
    expect(JSON.stringify(told)).not.toContain("ada@");
  });

  test("whoever has stopped listening hears no more", async () => {
    const { database, adapter } = await openDatabase(engine);
    /** @type {string[]} */
    const heard = [];
    const off = database.on("error", () => heard.push("one"));
    database.on("error", () => heard.push("other"));
    const create = () => adapter.create({ model: "user", data: user("ada") }).catch(() => {});
    await create();
    await create();
    await eventually(() => expect(heard).toEqual(["one", "other"]));
    off();
    await create();
    await eventually(() => expect(heard).toEqual(["one", "other", "other"]));
  });
});

describe.each(named(serverEngines))("%s", (_, engine) => {
  test("a connection that breaks and one that comes again are told", async () => {
    const { database, adapter, connections, kill } = await openBehindProxy(engine);
    const events = Promise.all(["connect", "disconnect", "reconnect"].map((type) => next(database, type)));
    await adapter.count({ model: "verification" });
    await kill(await connections());
    await adapter.count({ model: "verification" });
    const [connect, disconnect, reconnect] = await events;
    expect([disconnect.server, reconnect.server]).toEqual([connect.server, connect.server]);
    expect(disconnect.code).toMatch(/^CONNECT/);
    const [{ opened, lost }] = (await database.metrics()).connections;
    expect([opened, lost]).toEqual([2, 1]);
  });
});

describe.each(everySharedEngine.slice(0, 2))("%s", (_, engine) => {
  test("who listens keeps no process alive", async () => {
    const { url } = await openDatabase(engine);
    const listening = inProcess(async ({ nativeAdapter, user, data: url }) => {
      const database = nativeAdapter({ url, slowQuery: { thresholdMs: 0, onSlow() {} } });
      database.on("error", () => {});
      await database({}).create({ model: "user", data: user("ada") });
    }, url);
    await listening.result();
  });
});

test("a server that cannot be reached, or does not answer, is not well", async () => {
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  onTestFinished(() => void silent.close());
  await new Promise((resolve) => silent.once("listening", resolve));
  const { port } = /** @type {import("node:net").AddressInfo} */ (silent.address());
  const waits = nativeAdapter({ engine: "postgres", host: "127.0.0.1", port, connectTimeoutMs: 2_000 });
  expect(await waits.health({ timeoutMs: 20 })).toMatchObject({ ok: false, engine: "postgres", error: { code: "STATEMENT_TIMEOUT" } });
  await waits.close({ timeoutMs: 0 });
  const refused = nativeAdapter({ engine: "mysql", host: "127.0.0.1", port: 1, password: "secret" });
  const health = await refused.health();
  expect(health).toMatchObject({ ok: false, engine: "mysql", error: { code: "CONNECT_FAILED" } });
  expect(JSON.stringify(health)).not.toContain("secret");
  await refused.close();
});

test("the hasher of the application is part of it, until it is closed", async () => {
  const { database } = await openDatabase(sqliteEngines[1], { authOptions: basics });
  const password = createPassword({ threads: 1 });
  const auth = betterAuth({ ...basics, database, emailAndPassword: { enabled: true, password } });
  expect((await database.metrics()).password).toMatchObject({ hashed: 0 });
  await auth.api.signUpEmail({ body: credentials("ada") });
  expect((await database.metrics()).password).toMatchObject({ hashed: 1, waiting: 0 });
  expect(await database.metrics({ format: "prometheus" })).toContain("better_auth_native_password_hashed_total 1\n");
  await password.close();
  expect((await database.metrics()).password).toBeNull();
});

test("labels are escaped", async () => {
  const folder = mkdtempSync(join(tmpdir(), "better-auth-native-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const odd = join(folder, 'a "b" \\c\nd');
  mkdirSync(odd);
  const database = nativeAdapter(`file:${encodeURIComponent(join(odd, "auth.db"))}`);
  await database.migrate({});
  const text = await database.metrics({ format: "prometheus" });
  expect(text).toContain('a \\"b\\" \\\\c\\nd/auth.db"');
  const [{ metrics }] = parsePrometheus(text).filter(({ name }) => name === "better_auth_native_connections_max");
  expect(metrics).toHaveLength(1);
  await database.close();
});

test("what cannot be used is refused", async () => {
  const refused = expect.objectContaining({ code: "INVALID_INPUT" });
  const database = nativeAdapter("sqlite::memory:");
  expect(() => database.on(/** @type {any} */ ("nothing"), () => {})).toThrow(refused);
  expect(() => database.on("slow", /** @type {any} */ (7))).toThrow(refused);
  await expect(database.metrics(/** @type {any} */ ({ format: "xml" }))).rejects.toEqual(refused);
  await expect(database.health(/** @type {any} */ ({ timeout: 1 }))).rejects.toEqual(refused);
  for (const options of [{ slowQuery: { thresholdMs: -1 } }, { slowQuery: 7 }, { events: { nothing() {} } }, { events: { slow: 1 } }]) {
    expect(() => nativeAdapter(/** @type {any} */ ({ url: "sqlite::memory:", ...options }))).toThrow(refused);
  }
  await database.close();
});

test("the examples of docs/observability.md run", async () => {
  expect(await runGuide("observability.md", "server.close();")).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d 0\n$/) });
});
