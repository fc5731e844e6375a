// An end in good order: what is under way comes to its end, or is cut off after a time; and signals
// end the process as they always do.

import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { sqliteEngines } from "./engines/index.js";
import { everyEngine, everySharedEngine, openDatabase, userNames } from "./support/database.js";
import { inProcess, inThread } from "./support/elsewhere/index.js";
import { turn } from "./support/event-loop.js";
import { user } from "./support/rows.js";

/** @typedef {import("./support/elsewhere/main.js").Task} Task */

const forever = () => new Promise(() => {});

describe.each(everyEngine)("%s", (_, engine) => {
  test("close() tells what it waited for", async () => {
    const { database, adapter } = await openDatabase(engine, { options: engine.oneWriter });
    let writing, closing;
    await adapter.transaction(async (inside) => {
      await inside.create({ model: "user", data: user("ada") });
      writing = adapter.create({ model: "user", data: user("grace") });
      closing = database.close();
      await turn(20);
      await inside.create({ model: "user", data: user("in time") });
    });
    await writing;
    expect(await closing).toEqual({ drained: 2, cut: 0 });
    expect(await database.close()).toEqual({ drained: 0, cut: 0 });
  });

  test("close({ timeoutMs }) cuts off what does not end, and says how much", async () => {
    const { database, adapter } = await openDatabase(engine, { options: engine.oneWriter });
    /** @type {any} */
    let inside;
    const begun = new Promise((resolve) => {
      const endless = adapter.transaction(async (transaction) => {
        inside = transaction;
        await transaction.create({ model: "user", data: user("never") });
        resolve(undefined);
        await forever();
      });
      endless.catch(() => {});
    });
    await begun;
    const waiting = [1, 2].map((n) => adapter.create({ model: "user", data: user(n) }));
    const outcomes = Promise.allSettled(waiting);
    expect(await database.close({ timeoutMs: 30 })).toEqual({ drained: 0, cut: 3 });
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "CLOSED", message: expect.stringContaining("timeoutMs") } });
    }
    await expect(inside.count({ model: "user" })).rejects.toMatchObject({ code: expect.stringMatching(/CLOSED$/) });
    await expect(inside.create({ model: "user", data: user("late") })).rejects.toMatchObject({ code: expect.stringMatching(/CLOSED$/) });
  });

  test("close({ timeoutMs }) ends sooner where nothing is left", async () => {
    const { database, adapter } = await openDatabase(engine);
    const writing = adapter.create({ model: "user", data: user("ada") });
    const { cut } = await database.close({ timeoutMs: 2 ** 31 - 1 });
    expect(cut).toBe(0);
    await writing;
  });
});

describe.each(everySharedEngine)("%s", (_, engine) => {
  test("of a transaction that was cut off nothing stays, and it is in nobody's way", async () => {
    const { url, database, adapter } = await openDatabase(engine);
    await adapter.create({ model: "user", data: user("ada") });
    const other = nativeAdapter(url);
    const begun = new Promise((resolve) => {
      const endless = adapter.transaction(async (inside) => {
        await inside.updateMany({ model: "user", where: [], update: { name: "changed" } });
        resolve(undefined);
        await forever();
      });
      endless.catch(() => {});
    });
    await begun;
    await database.close({ timeoutMs: 0 });
    const beside = other({});
    await beside.updateMany({ model: "user", where: [], update: { image: "seen" } });
    expect(await userNames(beside)).toEqual(["ada"]);
    await other.close();
  });

  const signals = engine.name === "SQLite file" ? ["SIGTERM", "SIGINT"] : ["SIGTERM"];
  test.skipIf(process.platform === "win32").each(signals)(
    "at %s everything is closed, and the process ends by the signal",
    async (signal) => {
      const { url } = await openDatabase(engine);
      /** @type {Task} */
      const task = async ({ nativeAdapter, user, tell, data: { url, signal } }) => {
        const options = { url, shutdownSignals: { timeoutMs: 50 } };
        const databases = [options, options, { ...options, shutdownSignals: true }].map((each) => nativeAdapter(each));
        const [one, other] = databases.map((database) => database({}));
        await one.create({ model: "user", data: user("there") });
        one
          .transaction(async (inside) => {
            await inside.create({ model: "user", data: user("never") });
            tell(process.listenerCount(signal));
            process.kill(process.pid, signal);
            await new Promise(() => setInterval(() => {}, 1_000));
          })
          .catch(() => {});
        await other.count({ model: "user" });
        await new Promise(() => {});
      };
      const child = inProcess(task, { url, signal });
      expect(await child.told()).toBe(1);
      expect(await child.ended()).toEqual({ code: null, signal });
      const reopened = nativeAdapter(url);
      expect(await userNames(reopened({}))).toEqual(["there"]);
      await reopened.close();
    },
  );
});

test("a long statement is cut off in the middle", async () => {
  const [file] = sqliteEngines;
  const { database, adapter } = await openDatabase(file);
  await adapter.transaction(async (inside) => {
    for (let n = 0; n < 5_000; n += 1) await inside.create({ model: "user", data: user(n) });
  });
  // Every row with every row of a thousand patterns: minutes.
  const where = Array.from({ length: 500 }, (_, n) => ({
    field: "name",
    operator: /** @type {const} */ ("contains"),
    value: `x${n}`,
    mode: /** @type {const} */ ("insensitive"),
    connector: /** @type {const} */ ("OR"),
  }));
  const scans = Array.from({ length: 30 }, () => adapter.count({ model: "user", where }));
  const outcomes = Promise.allSettled(scans);
  const { drained, cut } = await database.close({ timeoutMs: 0 });
  expect(drained + cut).toBe(30);
  expect(cut).toBeGreaterThan(0);
  expect((await outcomes).filter(({ status }) => status === "rejected")).toHaveLength(cut);
});

test.skipIf(process.platform === "win32")("SQLite's file is whole after a signal", async () => {
  const [file] = sqliteEngines;
  const { url, database } = await openDatabase(file);
  await database.close();
  const child = inProcess(async ({ nativeAdapter, user, data: url }) => {
    const adapter = nativeAdapter({ url, shutdownSignals: true })({});
    await adapter.create({ model: "user", data: user("there") });
    process.kill(process.pid, "SIGTERM");
    await new Promise(() => setInterval(() => {}, 1_000));
  }, url);
  expect(await child.ended()).toEqual({ code: null, signal: "SIGTERM" });
  expect(readdirSync(dirname(url.slice("sqlite:".length)))).toEqual(["auth.db"]);
});

test.skipIf(process.platform === "win32")("an application that listens to signals ends the process itself", async () => {
  const [, memory] = sqliteEngines;
  const { url } = await memory.create();
  const child = inProcess(async ({ nativeAdapter, data: url }) => {
    const database = nativeAdapter({ url, shutdownSignals: true });
    const closed = new Promise((resolve) => {
      process.on("SIGTERM", () => resolve(undefined));
    });
    process.kill(process.pid, "SIGTERM");
    const held = setInterval(() => {}, 1_000);
    await closed;
    while ((await database.health()).ok) await new Promise((resolve) => setImmediate(resolve));
    clearInterval(held);
    process.exit(3);
  }, url);
  expect(await child.ended()).toEqual({ code: 3, signal: null });
});

test("a worker thread leaves signals to the main thread", async () => {
  const thread = inThread(async ({ nativeAdapter }) => {
    const database = nativeAdapter({ url: "sqlite::memory:", shutdownSignals: true });
    const count = process.listenerCount("SIGTERM");
    await database.close();
    return count;
  });
  expect(await thread.result()).toBe(0);
});

test("what cannot be used is refused", async () => {
  const refused = expect.objectContaining({ code: "INVALID_INPUT" });
  const database = nativeAdapter("sqlite::memory:");
  await expect(database.close({ timeoutMs: -1 })).rejects.toEqual(refused);
  await expect(database.close(/** @type {any} */ ({ timeout: 1 }))).rejects.toEqual(refused);
  expect(() => nativeAdapter(/** @type {any} */ ({ url: "sqlite::memory:", shutdownSignals: 1 }))).toThrow(refused);
  await database.close();
});
