// Whatever happens to a server or on the way there: every caller gets a result or a documented
// error in bounded time, what was acknowledged is stored, and everything heals by itself.

import { createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { serverEngines } from "./engines/index.js";
import { freePort } from "./servers/port.js";
import { mariadb, mysql, postgres } from "./servers/index.js";
import { inProcess } from "./support/elsewhere/index.js";
import { counter, increment, verification, withRateLimit } from "./support/rows.js";
import {
  connect,
  databasesAt,
  eventually,
  open,
  openBehindProxy,
  signal,
} from "./support/server-database.js";

/** Bounds for a hang, not for slowness. */
const SOON = 10_000;

/** @param {number} length @param {(n: number) => any} make */
const times = (length, make) => Array.from({ length }, (_, n) => make(n));

/** @param {any} adapter @param {string} name @param {string} [value] */
const write = (adapter, name, value) =>
  adapter.create({ model: "verification", data: verification(name, value) });

/** @param {any} adapter @param {string} name */
const read = (adapter, name) =>
  adapter.findOne({ model: "verification", where: [{ field: "identifier", value: name }] });

/** @param {any} adapter @param {string} name @param {string} value */
const change = (adapter, name, value) =>
  adapter.updateMany({
    model: "verification",
    where: [{ field: "identifier", value: name }],
    update: { value },
  });

/** @param {any} adapter */
const count = (adapter) => adapter.count({ model: "verification" });

/** Whatever it ends with, and when. @param {Promise<any>} promise */
async function outcome(promise) {
  const begun = performance.now();
  const [{ value, reason }] = /** @type {any[]} */ (await Promise.allSettled([promise]));
  return { value, error: reason, code: reason?.code, milliseconds: performance.now() - begun };
}

/**
 * Opens that many connections, and leaves them idle.
 *
 * @param {any} adapter
 * @param {number} connections
 */
async function fillPool(adapter, connections) {
  let open = 0;
  const all = signal();
  await Promise.all(
    times(connections, (n) =>
      adapter.transaction(async (/** @type {any} */ inside) => {
        await write(inside, `filler ${n}`);
        open += 1;
        if (open === connections) all();
        await all.given;
        await inside.deleteMany({ model: "verification", where: [{ field: "identifier", value: `filler ${n}` }] });
      }),
    ),
  );
}

/**
 * A transaction that has written, and stays open until it is told to end.
 *
 * @param {any} adapter
 * @param {string} [name] of what it writes
 */
async function holdTransaction(adapter, name = "held") {
  const begun = signal();
  const end = signal();
  const ended = adapter.transaction(async (/** @type {any} */ inside) => {
    await write(inside, name);
    begun();
    await end.given;
  });
  await Promise.race([begun.given, ended]);
  return () => {
    end();
    return ended;
  };
}

const lost = { name: "NativeAdapterError", code: "CONNECTION_LOST", retryable: false };
const unknown = { ...lost, message: expect.stringContaining("not known") };

const servers = { PostgreSQL: postgres, MySQL: mysql, MariaDB: mariadb };
const rows = serverEngines.map((engine) => /** @type {const} */ ([engine.name, engine]));

describe.each(rows)("%s", (name, engine) => {
  describe("a connection that is cut", () => {
    test("before a write reaches the server: the caller is told that it is not known, and only one", async () => {
      const { adapter, proxy, stored, expectClean } = await openBehindProxy(engine);
      await write(adapter, "first");
      proxy.cutBeforeRequest("second");
      await expect(write(adapter, "second")).rejects.toMatchObject(unknown);
      await write(adapter, "third");
      expect(Object.keys(await stored())).toEqual(["first", "third"]);
      await expectClean();
    });

    test("before the answer to a write: the same, and the write is there once", async () => {
      const { adapter, proxy, stored, expectClean } = await openBehindProxy(engine);
      await write(adapter, "first");
      proxy.cutBeforeAnswer("second");
      await expect(write(adapter, "second")).rejects.toMatchObject(unknown);
      await write(adapter, "third");
      expect(Object.keys(await stored())).toEqual(["first", "second", "third"]);
      await expectClean();
    });

    test("around a read: it is read again", async () => {
      const { adapter, proxy } = await openBehindProxy(engine);
      await write(adapter, "marked", "value");
      for (const cut of [proxy.cutBeforeRequest, proxy.cutBeforeAnswer]) {
        const done = cut("marked");
        expect(await read(adapter, "marked")).toMatchObject({ value: "value" });
        await done;
      }
      expect(proxy.connections.made).toBe(3);
    });

    test("twice in a row around a read: the caller is told", async () => {
      const { adapter, proxy } = await openBehindProxy(engine);
      await write(adapter, "marked");
      proxy.cutBeforeRequest("marked");
      proxy.cutBeforeRequest("marked");
      await expect(read(adapter, "marked")).rejects.toMatchObject({ code: "CONNECTION_LOST" });
      expect(await read(adapter, "marked")).toBeTruthy();
    });

    test.each([
      ["by its end", false],
      ["by a reset", true],
    ])("%s, while statements are at work: each caller is told", async (_, reset) => {
      const opened = await openBehindProxy(engine);
      const { adapter, url, proxy, waiting, expectClean, kill } = opened;
      await write(adapter, "locked", "before");
      const outside = await connect(url);
      await outside.query("BEGIN");
      await outside.query("UPDATE verification SET value = 'outside'");
      const alone = outcome(change(adapter, "locked", "alone"));
      const inTransaction = outcome(
        adapter.transaction((inside) => change(inside, "locked", "in a transaction")),
      );
      await eventually(async () => expect(await waiting()).toHaveLength(2));
      const stuck = await waiting();
      proxy.cut({ reset });
      for (const { error, milliseconds } of [await alone, await inTransaction]) {
        expect(error).toMatchObject(lost);
        expect(milliseconds).toBeLessThan(SOON);
      }
      // The server would find out when it has something to say.
      await kill(stuck);
      await outside.query("COMMIT");
      await expectClean();
      expect(await read(adapter, "locked")).toMatchObject({ value: "outside" });
    });

    test("between the statements of a transaction: it ends, and leaves nothing", async () => {
      const { adapter, proxy, stored, expectClean } = await openBehindProxy(engine);
      const attempt = adapter.transaction(async (inside) => {
        await write(inside, "before");
        proxy.cut();
        await expect(write(inside, "after")).rejects.toMatchObject(lost);
        await expect(write(inside, "later")).rejects.toMatchObject({ code: "TRANSACTION_CLOSED" });
        await expect(read(inside, "before")).rejects.toMatchObject({
          code: "TRANSACTION_CLOSED",
          message: expect.stringContaining("connection of the transaction was lost"),
        });
      });
      await expect(attempt).rejects.toMatchObject({ code: "TRANSACTION_CLOSED" });
      await write(adapter, "another");
      expect(Object.keys(await stored())).toEqual(["another"]);
      await expectClean();
    });

    test("before a transaction begins: it begins on another one", async () => {
      const { adapter, proxy, stored } = await openBehindProxy(engine);
      await fillPool(adapter, 3);
      proxy.cut();
      await adapter.transaction((inside) => write(inside, "there"));
      expect(Object.keys(await stored())).toEqual(["there"]);
    });

    test.each(/** @type {const} */ ([
      ["before the server gets it", "cutBeforeRequest", []],
      ["before the server's answer", "cutBeforeAnswer", ["there"]],
    ]))("at COMMIT, %s: the caller is told that it is not known", async (_, cut, expected) => {
      const { adapter, proxy, stored, expectClean } = await openBehindProxy(engine);
      const done = proxy[cut]("COMMIT");
      const attempt = adapter.transaction((inside) => write(inside, "there"));
      await expect(attempt).rejects.toMatchObject({
        ...unknown,
        message: expect.stringMatching(/^commit lost its connection.*not known/),
      });
      await done;
      await expectClean();
      expect(Object.keys(await stored())).toEqual(expected);
      await write(adapter, "another");
    });
  });

  describe.each([
    ["by their end", { reset: false }],
    ["by a reset", { reset: true }],
  ])("idle connections that were all cut, %s:", (_, how) => {
    test("a read succeeds, and whoever comes next", async () => {
      const { adapter, proxy, stored } = await openBehindProxy(engine);
      await fillPool(adapter, 5);
      proxy.cut(how);
      expect(await count(adapter)).toBe(0);
      await Promise.all(times(5, (n) => write(adapter, `${n}`)));
      expect(Object.keys(await stored())).toHaveLength(5);
    });

    test("a write may be lost, and then no other one is", async () => {
      const { adapter, proxy, stored } = await openBehindProxy(engine);
      await fillPool(adapter, 5);
      proxy.cut(how);
      const { code } = await outcome(write(adapter, "first"));
      expect(["CONNECTION_LOST", undefined]).toContain(code);
      for (const n of times(5, (n) => n)) await write(adapter, `${n}`);
      expect(Object.keys(await stored()).filter((name) => name !== "first")).toHaveLength(5);
    });
  });

  test("idle connections that the server ended: no write is lost", async () => {
    const { adapter, connections, kill, stored } = await openBehindProxy(engine);
    await fillPool(adapter, 5);
    const ended = await connections();
    expect(ended).toHaveLength(5);
    await kill(ended);
    await eventually(async () => expect(await connections()).toEqual([]));
    const { code } = await outcome(write(adapter, "first"));
    expect(["CONNECTION_LOST", undefined]).toContain(code);
    for (const n of times(5, (n) => n)) await write(adapter, `${n}`);
    expect(Object.keys(await stored()).filter((name) => name !== "first")).toHaveLength(5);
  });

  describe("a network that passes nothing on", () => {
    test("ends what is under way with STATEMENT_TIMEOUT, and no connection of it is used again", async () => {
      const opened = await openBehindProxy(engine, { statementTimeoutMs: 500 });
      const { adapter, proxy, expectClean } = opened;
      await fillPool(adapter, 3);
      const frozen = signal();
      const inTransaction = outcome(
        adapter.transaction(async (inside) => {
          await write(inside, "in a transaction");
          proxy.freeze();
          frozen();
          await write(inside, "never");
        }),
      );
      await frozen.given;
      const calls = [outcome(write(adapter, "alone")), outcome(count(adapter)), inTransaction];
      for (const { error, milliseconds } of await Promise.all(calls)) {
        expect(error).toMatchObject({ code: "STATEMENT_TIMEOUT", retryable: false });
        expect(error.message).toMatch(/no answer from the server for 2500 ms.*not known/);
        expect(milliseconds).toBeGreaterThan(2_400);
        expect(milliseconds).toBeLessThan(SOON);
      }
      const { made } = proxy.connections;
      proxy.thaw();
      expect(await read(adapter, "in a transaction")).toBe(null);
      expect(await read(adapter, "never")).toBe(null);
      expect(proxy.connections.made).toBe(made + 1);
      await expectClean();
    });

    test("ends an attempt to connect with CONNECT_FAILED", async () => {
      const { adapter, proxy } = await openBehindProxy(engine, { connectTimeoutMs: 200 });
      proxy.freeze();
      const { error, milliseconds } = await outcome(count(adapter));
      expect(error).toMatchObject({
        code: "CONNECT_FAILED",
        retryable: true,
        message: expect.stringContaining("within 200 ms (connectTimeoutMs)"),
      });
      expect(milliseconds).toBeLessThan(SOON);
      proxy.thaw();
      expect(await count(adapter)).toBe(0);
    });
  });

  describe("the pool", () => {
    test("says who has its connections when none becomes free", async () => {
      const options = { maxConnections: 1, acquireTimeoutMs: 100 };
      const { adapter, stored } = await openBehindProxy(engine, options);
      const end = await holdTransaction(adapter);
      for (const attempt of [
        write(adapter, "stuck"),
        count(adapter),
        adapter.transaction((inside) => write(inside, "stuck")),
      ]) {
        await expect(attempt).rejects.toMatchObject({
          code: "POOL_TIMEOUT",
          retryable: true,
          message: expect.stringMatching(/waited 100 ms .*: 1 busy, and a transaction has held one for \d+ ms/),
        });
      }
      await end();
      await write(adapter, "another");
      expect(Object.keys(await stored())).toEqual(["another", "held"]);
    });

    test("answers 500 callers by 5 connections", async () => {
      const { adapter, proxy, stored } = await openBehindProxy(engine, { maxConnections: 5 });
      const work = [
        (/** @type {number} */ n) => write(adapter, `${n}`),
        () => count(adapter),
        (/** @type {number} */ n) => adapter.transaction((inside) => write(inside, `${n}`)),
        (/** @type {number} */ n) => read(adapter, `${n}`),
      ];
      await Promise.all(times(500, (n) => work[n % 4](n)));
      expect(Object.keys(await stored())).toHaveLength(250);
      expect(proxy.connections).toEqual({ made: 5, open: 5 });
    });

    test("refuses at once whoever comes after maxWaiting others", async () => {
      const options = { maxConnections: 2, maxWaiting: 3 };
      const { adapter } = await openBehindProxy(engine, options);
      const ends = [await holdTransaction(adapter, "one"), await holdTransaction(adapter, "other")];
      const calls = times(10, () => outcome(count(adapter)));
      const refused = await Promise.all(times(7, () => Promise.race(calls)));
      expect(refused[0].error).toMatchObject({
        code: "OVERLOADED",
        retryable: true,
        message: expect.stringContaining("maxWaiting"),
      });
      for (const end of ends) await end();
      const codes = (await Promise.all(calls)).map(({ code }) => code);
      expect(codes.filter((code) => code === undefined)).toHaveLength(3);
      expect(codes.filter((code) => code === "OVERLOADED")).toHaveLength(7);
    });

    test("counts as waiting only whoever has to wait", async () => {
      const { adapter } = await openBehindProxy(engine, { maxConnections: 8, maxWaiting: 1 });
      // None of its connections is there yet.
      expect(await Promise.all(times(8, () => count(adapter)))).toEqual(times(8, () => 0));
    });

    test("serves its callers in turn", async () => {
      const { adapter } = await openBehindProxy(engine, { maxConnections: 1 });
      const served = times(10, () => 0);
      let apart = 0;
      const caller = async (/** @type {number} */ n) => {
        for (; served[n] < 30; served[n] += 1) {
          await count(adapter);
          apart = Math.max(apart, Math.max(...served) - Math.min(...served));
        }
      };
      await Promise.all(times(10, caller));
      expect(apart).toBeLessThan(6);
    });

    test("connects to nothing before the first call, and asks nothing in between", async () => {
      const { adapter, proxy } = await openBehindProxy(engine);
      expect(proxy.connections.made).toBe(0);
      await count(adapter);
      const before = proxy.requests;
      for (let n = 0; n < 10; n += 1) await count(adapter);
      expect(proxy.requests).toBe(before + 10);
      expect(proxy.connections).toEqual({ made: 1, open: 1 });
    });

    test("under light load few connections stay in use, and the others are closed", async () => {
      const { adapter, connections } = await openBehindProxy(engine, { idleTimeoutMs: 500 });
      await fillPool(adapter, 5);
      expect(await connections()).toHaveLength(5);
      await eventually(async () => {
        await count(adapter);
        expect(await connections()).toHaveLength(1);
      });
    });

    test("keeps minConnections, from the first call on and after a loss", async () => {
      const { adapter, proxy, connections } = await openBehindProxy(engine, {
        minConnections: 3,
        idleTimeoutMs: 200,
      });
      expect(proxy.connections.made).toBe(0);
      await count(adapter);
      await eventually(async () => expect(await connections()).toHaveLength(3));
      await fillPool(adapter, 6);
      await eventually(async () => expect(await connections()).toHaveLength(3));
      const before = await connections();
      proxy.cut();
      await count(adapter);
      await eventually(async () => expect(await connections()).toHaveLength(3));
      expect((await connections()).filter((id) => before.includes(id))).toEqual([]);
    });

    test("replaces connections after maxLifetimeMs, one by one, and never one at work", async () => {
      const { adapter, proxy, connections } = await openBehindProxy(engine, { maxLifetimeMs: 1_000 });
      await fillPool(adapter, 10);
      const end = await holdTransaction(adapter);
      const first = await connections();
      /** @type {Set<number>} */
      const seen = new Set();
      await eventually(async () => {
        for (let left = first.length; left > 1; ) {
          left = proxy.connections.open;
          seen.add(left);
          await new Promise((turned) => setImmediate(turned));
        }
      });
      // All of one age, and yet they did not end at the same time.
      expect(seen.size).toBeGreaterThan(3);
      await eventually(async () => expect(await connections()).toHaveLength(1));
      expect(first).toContain((await connections())[0]);
      await end();
      expect(await count(adapter)).toBe(1);
      await eventually(async () => expect(first).not.toContain((await connections())[0]));
    });
  });

  describe("locks of others", () => {
    test.each([
      ["a table", ({ server }) => server.lockTable, ({ server }) => server.unlockTable],
      ["a row", () => "BEGIN; UPDATE verification SET value = value WHERE identifier = 'locked'", () => "COMMIT"],
    ])("%s: a documented error in time, and nothing is written later", async (_, lock, unlock) => {
      const opened = await openBehindProxy(engine, { statementTimeoutMs: 500 });
      const { adapter, url, proxy, stored, waiting, expectClean } = opened;
      await write(adapter, "locked", "before");
      await fillPool(adapter, 2);
      const outside = await connect(url);
      await outside.query(lock(opened));
      const attempts = [
        outcome(change(adapter, "locked", "alone")),
        outcome(
          adapter.transaction(async (inside) => {
            await change(inside, "locked", "in a transaction");
          }),
        ),
      ];
      await eventually(async () => expect(await waiting()).toHaveLength(2));
      for (const { error, milliseconds } of await Promise.all(attempts)) {
        expect(["STATEMENT_TIMEOUT", "DATABASE_LOCKED"]).toContain(error?.code);
        expect(error.retryable).toBe(true);
        expect(milliseconds).toBeLessThan(SOON);
      }
      // Nobody is left who would write when the lock is gone.
      expect(await waiting()).toEqual([]);
      await outside.query(unlock(opened));
      await expectClean();
      expect(await stored()).toEqual({ locked: "before" });
      await change(adapter, "locked", "after");
      expect(await stored()).toEqual({ locked: "after" });
      expect(proxy.connections.made).toBe(2);
    });
  });

  describe("conflicts", () => {
    /** Two transactions that take the same two rows in opposite order. @param {any} database */
    const cross = (database, options = {}) => {
      let attempts = 0;
      let arrived = 0;
      const both = signal();
      const transaction = (/** @type {string[]} */ ...names) =>
        database.withTransaction(async (/** @type {any} */ inside) => {
          attempts += 1;
          await change(inside, names[0], names.join());
          arrived += 1;
          if (arrived === 2) both();
          await both.given;
          await change(inside, names[1], names.join());
        }, options);
      const ended = Promise.all([outcome(transaction("a", "b")), outcome(transaction("b", "a"))]);
      return ended.then((outcomes) => ({ outcomes, attempts }));
    };

    /** Each of the two may leave as long as the other one stays. @param {any} database */
    const skew = (database, options = {}) => {
      let attempts = 0;
      let arrived = 0;
      const both = signal();
      const transaction = (/** @type {string} */ own, /** @type {string} */ other) =>
        database.withTransaction(
          async (/** @type {any} */ inside) => {
            attempts += 1;
            const stays = (await read(inside, other)).value !== "gone";
            arrived += 1;
            if (arrived === 2) both();
            await both.given;
            if (stays) await change(inside, own, "gone");
          },
          { isolation: "serializable", ...options },
        );
      const ended = Promise.all([outcome(transaction("a", "b")), outcome(transaction("b", "a"))]);
      return ended.then((outcomes) => ({ outcomes, attempts }));
    };

    const kinds = [
      { kind: "a deadlock", collide: cross, codes: ["DEADLOCK"] },
      {
        kind: "a serialization failure",
        collide: skew,
        codes: ["SERIALIZATION_FAILURE", "DEADLOCK"],
      },
    ];
    describe.each(kinds)("$kind of two transactions", ({ kind, collide, codes }) => {
      test("one of them is undone, and may be made again", async () => {
        const { database, adapter, stored, expectClean } = await openBehindProxy(engine);
        for (const name of ["a", "b"]) await write(adapter, name);
        const { outcomes, attempts } = await collide(database);
        const failed = outcomes.filter(({ error }) => error);
        expect(failed).toHaveLength(1);
        expect(codes).toContain(failed[0].code);
        expect(failed[0].error).toMatchObject({ retryable: true });
        expect(attempts).toBe(2);
        const values = Object.values(await stored());
        if (kind === "a deadlock") expect(values[0]).toBe(values[1]);
        else expect(values.toSorted()).toEqual(["", "gone"]);
        await expectClean();
      });

      test("with retries, both succeed", async () => {
        const { database, adapter, stored, expectClean } = await openBehindProxy(engine);
        for (const name of ["a", "b"]) await write(adapter, name);
        const { outcomes, attempts } = await collide(database, { retries: 5 });
        expect(outcomes.map(({ error }) => error)).toEqual([undefined, undefined]);
        expect(attempts).toBeGreaterThan(2);
        const values = Object.values(await stored());
        if (kind === "a deadlock") expect(values[0]).toBe(values[1]);
        else expect(values.toSorted()).toEqual(["", "gone"]);
        await expectClean();
      });
    });

    test("a deadlock of a single call with others is none of the caller's business", async () => {
      const { adapter, url, waiting, stored } = await openBehindProxy(engine);
      // The server undoes whoever has less to lose, or whoever notices.
      for (const name of ["a", "b", ...times(20, (n) => `more ${n}`)]) await write(adapter, name);
      const outside = await connect(url);
      await outside.query("BEGIN");
      await outside.query("UPDATE verification SET value = 'outside' WHERE identifier <> 'a'");
      const where = [{ field: "identifier", operator: "in", value: ["a", "b"] }];
      const update = { value: "inside" };
      const changed = adapter.updateMany({ model: "verification", where, update });
      await eventually(async () => expect(await waiting()).toHaveLength(1));
      await outside.query("UPDATE verification SET value = 'outside' WHERE identifier = 'a'");
      await outside.query("COMMIT");
      expect(await changed).toBe(2);
      expect(await stored()).toMatchObject({ a: "inside", b: "inside", "more 0": "outside" });
    });
  });

  describe("the first connection", () => {
    test("that fails is not tried again unless asked for, and says where it was to lead", async () => {
      const port = await freePort();
      const options = { password: "open:sesame?", port };
      const { adapter } = open(`${engine.name === "PostgreSQL" ? "postgres" : "mysql"}://u@127.0.0.1`, options);
      const { error, milliseconds } = await outcome(count(adapter));
      expect(error).toMatchObject({
        code: "CONNECT_FAILED",
        retryable: true,
        message: expect.stringContaining(`127.0.0.1:${port}`),
      });
      expect(`${error.message} ${error.cause} ${JSON.stringify(error)}`).not.toContain("sesame");
      expect(milliseconds).toBeLessThan(SOON);
    });

    test("is tried again for connectRetryMs, at longer intervals", async () => {
      let attempts = 0;
      const server = createServer((socket) => {
        attempts += 1;
        socket.on("error", () => {}).destroy();
      });
      const port = await freePort();
      server.listen(port, "127.0.0.1");
      onTestFinished(() => void server.close());
      const { adapter } = open(`${engine.name === "PostgreSQL" ? "postgres" : "mysql"}://u@127.0.0.1`, {
        port,
        connectRetryMs: 500,
      });
      const { error, milliseconds } = await outcome(count(adapter));
      expect(error).toMatchObject({ code: "CONNECT_FAILED", retryable: true });
      expect(attempts).toBeGreaterThan(3);
      expect(attempts).toBeLessThan(15);
      expect(milliseconds).toBeLessThan(SOON);
    });

    test("is there when the server is, for whoever asked for it", async () => {
      const { adapter, proxy } = await openBehindProxy(engine, { connectRetryMs: 20_000 });
      let refused = 0;
      const { port } = proxy;
      proxy.refuse();
      const absent = createServer((socket) => {
        refused += 1;
        socket.on("error", () => {}).destroy();
      });
      await new Promise((listening) => absent.listen(port, "127.0.0.1", () => listening(undefined)));
      const counted = count(adapter);
      await eventually(() => expect(refused).toBeGreaterThan(2));
      await new Promise((closed) => absent.close(closed));
      await proxy.accept();
      expect(await counted).toBe(0);
    });

    test.each([
      ["a wrong password", { password: "wrong horse" }, {}],
      ["an unknown database", { pathname: "/nowhere" }, {}],
      ["TLS that the server does not have", {}, { tls: "verify-full" }],
    ])("by %s fails for good", async (_, parts, options) => {
      const { url } = await openBehindProxy(engine);
      const { href } = Object.assign(new URL(url), parts);
      const { adapter } = open(href, { connectRetryMs: 20_000, ...options });
      const { error, milliseconds } = await outcome(count(adapter));
      expect(error).toMatchObject({
        code: "CONNECT_FAILED",
        retryable: false,
        message: expect.stringContaining(`127.0.0.1:${new URL(url).port}`),
      });
      expect(`${error.message} ${error.cause} ${JSON.stringify(error)}`).not.toMatch(/sesame|horse/);
      expect(milliseconds).toBeLessThan(SOON);
    });
  });

  describe("close()", () => {
    test("while the server is away: every call ends, and so does it", async () => {
      const opened = await openBehindProxy(engine, { maxConnections: 3, statementTimeoutMs: 200 });
      const { database, adapter, proxy } = opened;
      await fillPool(adapter, 3);
      proxy.freeze();
      const calls = times(9, (n) => outcome(n % 2 ? write(adapter, `${n}`) : count(adapter)));
      const closed = outcome(database.close());
      await expect(count(adapter)).rejects.toMatchObject({ code: "CLOSED" });
      proxy.refuse();
      for (const { code } of await Promise.all(calls)) {
        expect(["STATEMENT_TIMEOUT", "CONNECT_FAILED", "CONNECTION_LOST"]).toContain(code);
      }
      const { error, milliseconds } = await closed;
      expect(error).toBe(undefined);
      expect(milliseconds).toBeLessThan(2 * SOON);
    });

    test("waits for calls and transactions, and leaves no connection", async () => {
      const { database, adapter, connections, stored } = await openBehindProxy(engine);
      const end = await holdTransaction(adapter);
      const calls = times(20, (n) => write(adapter, `${n}`));
      const closed = database.close();
      await Promise.all(calls);
      await end();
      await closed;
      expect(Object.keys(await stored())).toHaveLength(21);
      await eventually(async () => expect(await connections()).toEqual([]));
    });

    test("is not needed: a process with an open pool ends by itself", async () => {
      const { proxy } = await openBehindProxy(engine);
      const other = inProcess(
        async ({ nativeAdapter, data: url }) => {
          const adapter = nativeAdapter({ url, tls: false, minConnections: 2 })({});
          return adapter.count({ model: "verification" });
        },
        proxy.url,
      );
      expect(await other.result()).toBe(0);
    });
  });

  test("consumeOne and incrementOne are exact across processes, and nothing passes its guard", async () => {
    const { url, adapter } = await openBehindProxy(engine);
    const tokens = times(200, String);
    await Promise.all(tokens.map((token) => write(adapter, token)));
    await adapter.create({ model: "rateLimit", data: counter });
    await adapter.create({ model: "rateLimit", data: { ...counter, key: "guarded" } });
    /** @type {import("./support/elsewhere/main.js").Task} */
    const compete = async ({ nativeAdapter, tell, told, data: { url, authOptions, increment } }) => {
      const adapter = nativeAdapter(url)(authOptions);
      const guarded = {
        ...increment,
        where: [
          { field: "key", value: "guarded" },
          { field: "count", operator: "lt", value: 100 },
        ],
      };
      const taken = [];
      let passed = 0;
      // In rounds, so that all are at it at the same time.
      for (let round = 0; round < 10; round += 1) {
        tell("ready");
        await told();
        await Promise.all(
          Array.from({ length: 20 }, async (_, n) => {
            const token = `${round * 20 + n}`;
            const where = [{ field: "identifier", value: token }];
            if (await adapter.consumeOne({ model: "verification", where })) taken.push(token);
            await adapter.incrementOne(increment);
            if (await adapter.incrementOne(guarded)) passed += 1;
          }),
        );
      }
      return { taken, passed };
    };
    const others = times(3, () => inProcess(compete, { url, authOptions: withRateLimit, increment }));
    for (let round = 0; round < 10; round += 1) {
      for (const other of others) await other.told();
      for (const other of others) other.tell("go");
    }
    const results = await Promise.all(others.map((other) => other.result()));
    const taken = results.flatMap((result) => result.taken);
    expect(taken.toSorted((a, b) => a - b)).toEqual(tokens);
    // Otherwise they did not compete.
    expect(results.filter((result) => result.taken.length === 0)).toEqual([]);
    expect(results.reduce((sum, { passed }) => sum + passed, 0)).toBe(100);
    const counters = await adapter.findMany({ model: "rateLimit", sortBy: { field: "key", direction: "asc" } });
    expect(counters.map(({ key, count }) => [key, count])).toEqual([["counter", 600], ["guarded", 100]]);
  });
});
