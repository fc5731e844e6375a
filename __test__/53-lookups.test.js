// Look-ups by a key, many at once: servers answer them together, and each caller gets what is its
// own.

import { describe, expect, onTestFinished, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { serverEngines } from "./engines/index.js";
import { startProxy } from "./servers/proxy.js";
import { everyEngine, named } from "./support/database.js";
import { user } from "./support/rows.js";

const COUNT = 100;
const numbers = Array.from({ length: COUNT }, (_, n) => n);
const email = (/** @type {string | number} */ n) => user(n).email;

/** @typedef {{ findOne: (query: any) => Promise<any> }} Finder */

/** @param {Finder} adapter @param {string} value @param {object} [more] */
const byEmail = (adapter, value, more) =>
  adapter.findOne({ model: "user", where: [{ field: "email", value }], ...more });

/**
 * Users, each with a session and two accounts, and an adapter that has looked one up.
 *
 * @param {import("./support/database.js").Engine} engine
 * @param {object} [options]
 */
async function users(engine, options) {
  const { url, query, drop } = await engine.create();
  onTestFinished(drop);
  const open = (/** @type {object} */ others) => {
    const database = nativeAdapter({ url, ...options, ...others });
    onTestFinished(() => database.close());
    return { database, adapter: database({}) };
  };
  const { database, adapter } = open({});
  await database.migrate({});
  await adapter.transaction(async (inside) => {
    for (const n of numbers) {
      const { id } = await inside.create({ model: "user", data: user(n) });
      await inside.create({ model: "session", data: session(n, id) });
      for (const provider of ["google", "github"]) {
        await inside.create({ model: "account", data: account(n, id, provider) });
      }
    }
  });
  await byEmail(adapter, email(0));
  return { url, query: /** @type {(sql: string) => Promise<any>} */ (query), open, database, adapter };
}

/** @param {number} n @param {string} userId */
function session(n, userId) {
  const now = new Date();
  return { userId, token: `token ${n}`, expiresAt: now, createdAt: now, updatedAt: now };
}

/** @param {number} n @param {string} userId @param {string} providerId */
function account(n, userId, providerId) {
  const now = new Date();
  return { userId, accountId: `${n}`, providerId, createdAt: now, updatedAt: now };
}

describe.each(everyEngine)("%s", (_, engine) => {
  test("each gets its own answer, and nobody else's", async () => {
    const { adapter } = await users(engine);
    for (const _ of [1, 2, 3]) {
      const found = await Promise.all(numbers.map((n) => byEmail(adapter, email(n))));
      expect(found.map((user) => user.name)).toEqual(numbers.map(String));
    }
  });

  test("those that are alike, those that find nothing, and those of other kinds", async () => {
    const { adapter } = await users(engine);
    const wanted = numbers.flatMap((n) => {
      const own = email(n);
      return [own, own, own.toUpperCase(), ` ${own}`, `${own} `, `nobody ${own}`, `${own}'"\\%_`, `é${own}`];
    });
    const select = ["email"];
    const [found, selected, sessions] = await Promise.all([
      Promise.all(wanted.map((value) => byEmail(adapter, value))),
      Promise.all(wanted.map((value) => byEmail(adapter, value, { select }))),
      Promise.all(numbers.map((n) => adapter.findOne({ model: "session", where: [{ field: "token", value: `token ${n}` }] }))),
    ]);
    const expected = wanted.map((value) => (numbers.some((n) => email(n) === value) ? value : undefined));
    expect(found.map((user) => user?.email)).toEqual(expected);
    expect(selected).toEqual(expected.map((email) => (email ? { email } : null)));
    expect(sessions.map(({ token }) => token)).toEqual(numbers.map((n) => `token ${n}`));
  });

  test("keys that are empty, long, or of another kind", async () => {
    const { adapter } = await users(engine);
    const keys = ["", "x".repeat(1_024), "x".repeat(100_000), "€".repeat(1_024), "\u{1F600}", null, 7, email(7)];
    const found = await Promise.all(keys.flatMap((key) => numbers.map(() => byEmail(adapter, /** @type {any} */ (key)).catch(() => "refused"))));
    const expected = await Promise.all(keys.map((key) => byEmail(adapter, /** @type {any} */ (key)).catch(() => "refused")));
    expect(found).toEqual(expected.flatMap((one) => numbers.map(() => one)));
    expect(expected.at(-1)).toMatchObject({ name: "7" });
  });

  test("with joined rows, each its own and as many as asked for", async () => {
    const { adapter } = await users(engine);
    const join = (/** @type {number} */ n) => ({ account: { limit: 1 + (n % 2) }, session: true });
    const [found, sessions] = await Promise.all([
      Promise.all(numbers.map((n) => byEmail(adapter, email(n), { join: join(n) }))),
      Promise.all(numbers.map((n) => adapter.findOne({ model: "session", where: [{ field: "token", value: `token ${n}` }], join: { user: true } }))),
    ]);
    for (const n of numbers) {
      expect(found[n].account.map((/** @type {any} */ { accountId }) => accountId)).toEqual(Array(1 + (n % 2)).fill(`${n}`));
      expect(found[n].session).toMatchObject([{ token: `token ${n}` }]);
      expect(sessions[n]).toMatchObject({ token: `token ${n}`, user: { name: `${n}` } });
    }
  });

  test("see what was written before they were asked", async () => {
    const { adapter } = await users(engine);
    const change = async (/** @type {number} */ n) => {
      const where = [{ field: "email", value: email(n) }];
      await adapter.update({ model: "user", where, update: { name: `new ${n}` } });
      expect(await adapter.findOne({ model: "user", where })).toMatchObject({ name: `new ${n}` });
      await adapter.delete({ model: "user", where });
      expect(await adapter.findOne({ model: "user", where })).toBeNull();
    };
    await Promise.all(numbers.map(change));
  });
});

describe.each(named(serverEngines))("%s", (name, engine) => {
  const isPostgres = name === "PostgreSQL";

  // The others have as many as there may be, where the server takes its time to answer.
  test.runIf(isPostgres)("a few connections serve all of them", async () => {
    const { database, adapter } = await users(engine, { maxConnections: 50 });
    await Promise.all(numbers.map((n) => byEmail(adapter, email(n))));
    const [{ open }] = (await database.metrics()).connections;
    expect(open).toBeGreaterThan(1);
    expect(open).toBeLessThan(20);
  });

  test.runIf(!isPostgres)("those that wait are found by a few statements", async () => {
    const { url, open } = await users(engine);
    const proxy = await startProxy(url);
    onTestFinished(() => proxy.stop());
    const { adapter } = open({ url: proxy.url, maxConnections: 1 });
    await byEmail(adapter, email(0));
    const before = proxy.requests;
    const found = await Promise.all(numbers.map((n) => byEmail(adapter, email(n))));
    expect(found.map((user) => user.email)).toEqual(numbers.map(email));
    expect(proxy.requests - before).toBeLessThan(COUNT / 5);
  });

  test("the one connection that a transaction leaves them serves all of them", async () => {
    const { database, adapter } = await users(engine, { maxConnections: 2 });
    await adapter.transaction(async (inside) => {
      await inside.create({ model: "user", data: user("new") });
      const found = await Promise.all(numbers.map((n) => byEmail(adapter, email(n))));
      expect(found.map((user) => user.email)).toEqual(numbers.map(email));
    });
    const [{ opened }] = (await database.metrics()).connections;
    expect(opened).toBe(2);
  });

  test("writers have their turn", async () => {
    const { adapter } = await users(engine, { maxConnections: 1 });
    let written = false;
    const readers = numbers.slice(0, 32).map(async (n) => {
      while (!written) await byEmail(adapter, email(n));
    });
    await adapter.create({ model: "user", data: user("new") });
    written = true;
    await Promise.all(readers);
  });

  test("one that fails takes no other with it", async () => {
    const { query, adapter } = await users(engine, { maxConnections: 1 });
    const people = isPostgres ? '"user"' : "`user`";
    await query(`ALTER TABLE ${people} RENAME TO everybody`);
    await query(isPostgres
      ? `CREATE FUNCTION allowed(email text) RETURNS boolean VOLATILE LANGUAGE plpgsql AS
          $$ BEGIN IF email LIKE '%7@%' THEN RAISE EXCEPTION 'not this one'; END IF; RETURN true; END $$`
      : `CREATE FUNCTION allowed(email varchar(255)) RETURNS boolean NOT DETERMINISTIC READS SQL DATA
          BEGIN IF email LIKE '%7@%' THEN SIGNAL SQLSTATE 'P0001' SET MESSAGE_TEXT = 'not this one'; END IF; RETURN true; END`);
    await query(`CREATE VIEW ${people} AS SELECT * FROM everybody WHERE allowed(email)`);
    await byEmail(adapter, email(0));
    const outcomes = await Promise.allSettled(numbers.map((n) => byEmail(adapter, email(n))));
    for (const [n, outcome] of outcomes.entries()) {
      if (n % 10 === 7) expect(outcome).toMatchObject({ status: "rejected", reason: { code: "INTERNAL", sqlState: "P0001" } });
      else expect(outcome).toMatchObject({ status: "fulfilled", value: { email: email(n) } });
    }
  });

  test("a row that cannot be read fails its own caller alone", async () => {
    const { query, adapter } = await users(engine, { maxConnections: 1 });
    await query(isPostgres
      ? `UPDATE "user" SET "updatedAt" = 'infinity' WHERE email LIKE '%7@%'`
      : "SET sql_mode = ''; UPDATE `user` SET updatedAt = '0000-00-00' WHERE email LIKE '%7@%'");
    const outcomes = await Promise.allSettled(numbers.map((n) => byEmail(adapter, email(n))));
    for (const [n, outcome] of outcomes.entries()) {
      if (n % 10 === 7) expect(outcome).toMatchObject({ status: "rejected", reason: { code: "DECODE_FAILED" } });
      else expect(outcome).toMatchObject({ status: "fulfilled", value: { email: email(n) } });
    }
  });

  test("a connection that breaks again and again has nobody go without an answer", async () => {
    const { url, open } = await users(engine);
    const proxy = await startProxy(url);
    onTestFinished(() => proxy.stop());
    const { database, adapter } = open({ url: proxy.url, connectRetryMs: 10_000 });
    let ended = false;
    /** @type {number[]} */
    const answers = Array(64).fill(0);
    const readers = answers.map(async (_, n) => {
      for (; !ended; answers[n] += 1) expect(await byEmail(adapter, email(n))).toMatchObject({ email: email(n) });
    });
    const everybodyAnswered = async () => {
      const before = [...answers];
      await Promise.race([
        Promise.all(readers),
        expect.poll(() => answers.every((count, n) => count > before[n])).toBe(true),
      ]);
    };
    for (const _ of [1, 2, 3]) {
      await everybodyAnswered();
      proxy.cut();
    }
    await everybodyAnswered();
    expect((await database.metrics()).connections[0].lost).toBeGreaterThanOrEqual(3);
    ended = true;
    await Promise.all(readers);
  });

  test("close() waits for those that are asked together", async () => {
    const { open } = await users(engine);
    const { database, adapter } = open({ maxConnections: 1 });
    await byEmail(adapter, email(0));
    const found = Promise.all(numbers.map((n) => byEmail(adapter, email(n))));
    const closed = database.close();
    expect((await found).map((user) => user.email)).toEqual(numbers.map(email));
    await closed;
  });
});
