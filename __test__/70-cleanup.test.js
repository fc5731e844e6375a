// The clean-up deletes what has expired and nothing else, beside everybody who works.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { betterAuth } from "better-auth";
import { describe, expect, onTestFinished, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { root } from "../scripts/step.js";
import { serverEngines, sqliteEngines } from "./engines/index.js";
import { basics } from "./support/basics.js";
import { emptyDatabase, everyEngine, everySharedEngine, named, openDatabase } from "./support/database.js";
import { inProcess } from "./support/elsewhere/index.js";
import { runGuide } from "./support/guide.js";
import { user, verification, withRateLimit } from "./support/rows.js";
import { eventually } from "./support/server-database.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ago = (/** @type {number} */ milliseconds) => new Date(Date.now() - milliseconds);

/** @param {number} length @param {(n: number) => any} make */
const times = (length, make) => Array.from({ length }, (_, n) => make(n));

/**
 * Sessions of one user that end at these moments.
 *
 * @param {any} adapter
 * @param {Date[]} moments
 */
async function addSessions(adapter, moments) {
  await adapter.transaction(async (/** @type {any} */ inside) => {
    const { id: userId } = await inside.create({ model: "user", data: user(`${Math.random()}`) });
    for (const expiresAt of moments) {
      const now = new Date();
      const token = `secret-${Math.random()}`;
      await inside.create({ model: "session", data: { userId, token, expiresAt, createdAt: now, updatedAt: now } });
    }
  });
}

const addVerifications = (/** @type {any} */ adapter, /** @type {Date[]} */ moments) =>
  adapter.transaction(async (/** @type {any} */ inside) => {
    for (const [n, expiresAt] of moments.entries()) {
      await inside.create({ model: "verification", data: { ...verification(n), expiresAt } });
    }
  });

const addLimits = (/** @type {any} */ adapter, /** @type {number[]} */ moments) =>
  adapter.transaction(async (/** @type {any} */ inside) => {
    for (const lastRequest of moments) {
      await inside.create({ model: "rateLimit", data: { key: `${Math.random()}`, count: 1, lastRequest } });
    }
  });

const quick = { pauseMs: 0 };
const expired = times(25, (n) => ago(HOUR + n));
const alive = times(5, (n) => ago(-HOUR - n));
const countOf = (/** @type {any} */ adapter, /** @type {string} */ model) => adapter.count({ model });

describe.each(everyEngine)("%s", (_, engine) => {
  test("what has expired goes, in batches, and nothing else", async () => {
    const { database, adapter } = await openDatabase(engine, { authOptions: withRateLimit });
    await addSessions(adapter, [...expired, ...alive, ago(9 * DAY)]);
    await addVerifications(adapter, [...alive, ago(HOUR)]);
    await addLimits(adapter, [Date.now(), Date.now() - DAY]);

    expect(await database.cleanup({ dryRun: true })).toMatchObject({
      deleted: 0,
      tables: [
        { model: "session", expired: 26, deleted: 0 },
        { model: "verification", expired: 1, deleted: 0 },
        { model: "rateLimit", expired: 1, deleted: 0 },
      ],
    });
    expect(await database.cleanup({ olderThanMs: 8 * DAY, ...quick })).toMatchObject({ deleted: 1 });
    expect(await database.cleanup({ tables: ["verification"], ...quick })).toMatchObject({
      deleted: 1,
      tables: [{ model: "verification", table: "verification", expired: null, deleted: 1 }],
    });

    /** @type {any[]} */
    const progress = [];
    const cleaned = await database.cleanup({ batchSize: 7, ...quick, onProgress: (step) => progress.push(step) });
    expect(cleaned).toMatchObject({
      deleted: 26,
      aborted: false,
      tables: [
        { model: "session", expired: 25, deleted: 25 },
        { model: "verification", expired: 0, deleted: 0 },
        { model: "rateLimit", expired: 1, deleted: 1 },
      ],
    });
    const ofSessions = progress.filter(({ model }) => model === "session");
    expect(ofSessions.map(({ deleted, total }) => [deleted, total])).toEqual([0, 7, 14, 21, 25].map((n) => [n, 25]));
    expect(await Promise.all(["session", "verification", "rateLimit"].map((model) => countOf(adapter, model)))).toEqual([5, 5, 1]);
    expect(await database.cleanup(quick)).toMatchObject({ deleted: 0 });
  });

  test("renamed models, plural tables, counted ids, and no index", async () => {
    const authOptions = {
      session: { modelName: "visit", fields: { expiresAt: "ends_at" } },
      verification: { fields: { expiresAt: "ends" } },
      advanced: { database: { generateId: /** @type {const} */ ("serial") } },
      ...withRateLimit,
    };
    const options = { usePlural: true, migrations: { recommendedIndexes: false } };
    const { database, adapter } = await openDatabase(engine, { authOptions, options });
    // Older and newer ones take turns, as their keys do not.
    await addSessions(adapter, expired.flatMap((moment, n) => [moment, ...(n < 5 ? [alive[n]] : [])]));
    await addVerifications(adapter, [...expired, ...alive]);
    await addLimits(adapter, [...times(25, () => 0), Date.now()]);
    const { tables } = await database.cleanup({ batchSize: 4, ...quick });
    expect(tables).toMatchObject([
      { model: "session", table: "visits", deleted: 25 },
      { model: "verification", table: "verifications", deleted: 25 },
      { model: "rateLimit", table: "rateLimits", deleted: 25 },
    ]);
    expect(await Promise.all(["session", "verification", "rateLimit"].map((model) => countOf(adapter, model)))).toEqual([5, 5, 1]);
    expect(await database.cleanup({ tables: ["visits"], ...quick })).toMatchObject({ deleted: 0 });
  });

  test("whoever aborts it is told how far it got", async () => {
    const { database, adapter } = await openDatabase(engine);
    await addSessions(adapter, expired);
    const stop = new AbortController();
    const cleaned = await database.cleanup({
      batchSize: 10,
      signal: stop.signal,
      onProgress: ({ deleted }) => deleted > 0 && stop.abort(),
    });
    expect(cleaned).toMatchObject({ aborted: true, deleted: 10 });
    expect(await countOf(adapter, "session")).toBe(15);
    expect(await database.cleanup({ signal: AbortSignal.abort() })).toMatchObject({ aborted: true, deleted: 0 });
  });

  test("close() ends it after the batch that is under way", async () => {
    const { database, adapter } = await openDatabase(engine);
    await addSessions(adapter, expired);
    let closing;
    const cleaned = await database.cleanup({
      batchSize: 10,
      pauseMs: 600_000,
      onProgress: ({ deleted }) => {
        if (deleted > 0) closing = database.close();
      },
    });
    expect(cleaned).toMatchObject({ aborted: true, deleted: 10 });
    await closing;
    await expect(database.cleanup()).rejects.toMatchObject({ code: "CLOSED" });
  });

  test("it works in the background, and tells of it", async () => {
    const url = await emptyDatabase(engine);
    const database = nativeAdapter({ url, cleanup: { everyMs: 5, batchSize: 10, ...quick } });
    onTestFinished(() => database.close().then(() => {}));
    await database.migrate({});
    /** @type {any[]} */
    const told = [];
    database.on("cleanup", (event) => told.push(event));
    const adapter = database({});
    await addSessions(adapter, [...expired, ...alive]);
    await eventually(async () => expect(await countOf(adapter, "session")).toBe(5));
    await eventually(() => expect(told.reduce((sum, { deleted }) => sum + deleted, 0)).toBe(25));
    const { cleanup } = await database.metrics();
    expect(cleanup).toMatchObject({ failed: 0, deleted: { session: 25 } });
    expect(cleanup.runs).toBeGreaterThan(0);
  });

  test("a failure in the background is an event, and the next run comes all the same", async () => {
    const url = await emptyDatabase(engine);
    const database = nativeAdapter({ url, cleanup: { everyMs: 5 } });
    onTestFinished(() => database.close().then(() => {}));
    /** @type {(event: any) => void} */
    let hear = () => {};
    const heard = new Promise((resolve) => (hear = resolve));
    const off = database.on("error", (event) => event.operation === "cleanup" && hear(event));
    database({});
    expect(await heard).toMatchObject({ operation: "cleanup", code: "SCHEMA_MISMATCH", table: "session" });
    off();
    await database.migrate({});
    await eventually(async () => expect((await database.metrics()).cleanup.runs).toBeGreaterThan(0));
  });
});

describe.each(everySharedEngine)("%s", (_, engine) => {
  test("two processes with timers: one works at a time", async () => {
    const { url, adapter } = await openDatabase(engine);
    /** @type {import("./support/elsewhere/main.js").Task} */
    const task = async ({ nativeAdapter, tell, told, data: url }) => {
      const database = nativeAdapter({ url, cleanup: { everyMs: 3, batchSize: 5, pauseMs: 2 } });
      /** @type {any[]} */
      const runs = [];
      database.on("cleanup", ({ at, durationMs, deleted }) => runs.push({ end: at.getTime(), durationMs, deleted }));
      database({});
      tell();
      await told();
      await database.close();
      const { cleanup } = await database.metrics();
      return { runs, cleanup };
    };
    const processes = [inProcess(task, url), inProcess(task, url)];
    for (const each of processes) await each.told();
    await addSessions(adapter, [...times(300, (n) => ago(HOUR + n)), ...alive]);
    await eventually(async () => expect(await countOf(adapter, "session")).toBe(5));
    for (const each of processes) each.tell();
    const results = await Promise.all(processes.map((each) => each.result()));
    const runs = results.flatMap(({ runs }, process) => runs.map((/** @type {any} */ run) => ({ ...run, process })));
    expect(results.reduce((sum, { cleanup }) => sum + (cleanup.deleted.session ?? 0), 0)).toBe(300);
    expect(results.some(({ cleanup }) => cleanup.skipped > 0)).toBe(true);
    expect(results.every(({ cleanup }) => cleanup.failed === 0)).toBe(true);
    const inOrder = runs.toSorted((a, b) => a.end - b.end);
    for (const [n, { end, durationMs, process }] of inOrder.entries()) {
      const before = inOrder.slice(0, n).filter((run) => run.process !== process);
      // Clocks tell whole milliseconds.
      for (const other of before) expect(end - durationMs).toBeGreaterThanOrEqual(other.end - 2);
    }
  });
});

// The timer is the same for all.
describe.each(everySharedEngine.slice(0, 2))("%s", (_, engine) => {
  test("the timer keeps no process alive, and close() stops it", async () => {
    const { url, adapter } = await openDatabase(engine);
    await addSessions(adapter, expired);
    /** @type {import("./support/elsewhere/main.js").Task} */
    const forgets = async ({ nativeAdapter, data: url }) => {
      nativeAdapter({ url, cleanup: { everyMs: 1 } })({});
      await nativeAdapter({ url, cleanup: { everyMs: 1, pauseMs: 600_000, batchSize: 1 } })({}).count({ model: "user" });
    };
    /** @type {import("./support/elsewhere/main.js").Task} */
    const closes = async ({ nativeAdapter, turn, data: url }) => {
      const database = nativeAdapter({ url, cleanup: { everyMs: 1, pauseMs: 600_000, batchSize: 1 } });
      const adapter = database({});
      while ((await adapter.count({ model: "session" })) === 25) await turn(1);
      await database.close();
      return (await database.metrics()).cleanup;
    };
    expect(await inProcess(closes, url).result()).toMatchObject({ running: 0, last: { aborted: true, deleted: 1 } });
    await inProcess(forgets, url).result();
  });
});

describe.each(named(serverEngines))("%s", (_, engine) => {
  test("rows that somebody has locked are left for the next time, and nobody waits", async () => {
    const { url, database, adapter } = await openDatabase(engine);
    await addSessions(adapter, expired);
    const other = nativeAdapter(url);
    onTestFinished(() => other.close().then(() => {}));
    const [one] = await adapter.findMany({ model: "session", limit: 1, sortBy: { field: "expiresAt", direction: "asc" } });
    await other({}).transaction(async (inside) => {
      await inside.update({ model: "session", where: [{ field: "id", value: /** @type {any} */ (one).id }], update: { ipAddress: "::1" } });
      expect(await database.cleanup({ batchSize: 5, ...quick })).toMatchObject({ deleted: 24, aborted: false });
      // All of one batch.
      expect(await database.cleanup({ batchSize: 1, ...quick })).toMatchObject({ deleted: 0 });
    });
    expect(await database.cleanup(quick)).toMatchObject({ deleted: 1 });
  });
});

describe("what it may delete", () => {
  const [file] = sqliteEngines;

  test("a row of the rate limit counts as long as the longest window", async () => {
    const authOptions = {
      rateLimit: { ...withRateLimit.rateLimit, window: 10, customRules: { "/a": { window: 2 * 3_600, max: 1 }, "/b": /** @type {const} */ (false) } },
    };
    const { database, adapter } = await openDatabase(file, { authOptions });
    await addLimits(adapter, [Date.now() - HOUR, Date.now() - 3 * HOUR]);
    expect(await database.cleanup(quick)).toMatchObject({ deleted: 1 });
    // A function may name any window: a day is allowed it.
    const withFunction = { rateLimit: { ...withRateLimit.rateLimit, customRules: { "/a": () => ({ window: 1, max: 1 }) } } };
    await addLimits(adapter, [Date.now() - 3 * HOUR, Date.now() - 2 * DAY]);
    expect(await database.cleanup(quick, withFunction)).toMatchObject({ deleted: 1 });
  });

  test("sessions that the application keeps after their end stay", async () => {
    const secondaryStorage = { get: async () => null, set: async () => {}, delete: async () => {} };
    const authOptions = { secondaryStorage, session: { storeSessionInDatabase: true, preserveSessionInDatabase: true } };
    const { database, adapter } = await openDatabase(file, { authOptions });
    await addSessions(adapter, expired);
    expect(await database.cleanup(quick)).toMatchObject({ deleted: 0, tables: [] });
    expect(await database.cleanup({ tables: ["session"], ...quick })).toMatchObject({ deleted: 25 });
  });

  test("a session that is signed in stays signed in", async () => {
    const { database } = await openDatabase(file, { authOptions: basics });
    const auth = betterAuth({ ...basics, database });
    const { token } = await auth.api.signUpEmail({ body: { name: "Ada", email: "ada@example.com", password: "correct horse" } });
    await database.cleanup(quick);
    const { internalAdapter } = await auth.$context;
    expect(await internalAdapter.findSession(/** @type {string} */ (token))).not.toBeNull();
  });

  test("what cannot be used is refused", async () => {
    const database = nativeAdapter("sqlite::memory:");
    const refused = { code: "INVALID_INPUT" };
    await expect(database.cleanup()).rejects.toMatchObject(refused);
    await expect(database.cleanup({ tables: ["user"] }, {})).rejects.toMatchObject(refused);
    await expect(database.cleanup({ batchSize: 0 }, {})).rejects.toMatchObject(refused);
    await expect(database.cleanup(/** @type {any} */ ({ batch: 1 }), {})).rejects.toMatchObject(refused);
    await expect(database.cleanup({}, {})).rejects.toMatchObject({ code: "SCHEMA_MISMATCH", table: "session" });
    for (const cleanup of [{ everyMs: 0 }, { jitter: 2 }, 7]) {
      const bad = () => nativeAdapter({ url: "sqlite::memory:", cleanup: /** @type {any} */ (cleanup) });
      expect(bad).toThrow(expect.objectContaining(refused));
    }
    await database.close();
  });
});

test("npx better-auth-native cleanup", async () => {
  const [file] = sqliteEngines;
  const { url, adapter } = await openDatabase(file);
  await addSessions(adapter, [...expired, ...alive]);
  const cwd = join(url.slice("sqlite:".length), "..");
  /** @param {...string} args @returns {Promise<{ code: number, stdout: string, stderr: string }>} */
  const run = (...args) =>
    new Promise((resolve) => {
      const env = { ...process.env, FORCE_COLOR: undefined };
      const command = [join(root, "js/cli/main.js"), "cleanup", "--url", url, ...args];
      execFile(process.execPath, command, { cwd, env }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      );
    });
  expect(await run("--dry-run")).toMatchObject({ code: 2, stdout: expect.stringMatching(/session +25\n/) });
  expect(await run("--dry-run", "--older-than", "1d")).toMatchObject({ code: 0 });
  expect(await run("--older-than", "soon")).toMatchObject({ code: 1, stderr: expect.stringContaining("INVALID_INPUT") });
  const plain = await run("--batch-size", "10", "--pause", "1ms", "--tables", "session");
  expect(plain).toMatchObject({ code: 0, stdout: expect.stringContaining("session: 25 of 25") });
  expect(plain.stdout).not.toContain("\x1b");
  const json = await run("--json");
  expect(JSON.parse(json.stdout)).toMatchObject({ deleted: 0, aborted: false });
  expect(await countOf(adapter, "session")).toBe(5);
}, 60_000);

test("the examples of docs/cleanup.md run", async () => {
  expect(await runGuide("cleanup.md")).toMatchObject({ code: 0, stdout: expect.stringContaining("session: 0 of 0") });
});
