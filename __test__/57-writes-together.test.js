// SQLite: writes of several callers that commit together. What makes them fast must not be noticed: each
// has the result that it has alone, after its own commit.

import Driver from "libsql";
import { describe, expect, onTestFinished, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { sqliteEngines } from "./engines/index.js";
import { named, openDatabase, userNames } from "./support/database.js";
import { counter, increment, user, verification, withRateLimit } from "./support/rows.js";
import { sqliteFile } from "./support/sqlite-file.js";

const numbers = (/** @type {number} */ count) => Array.from({ length: count }, (_, index) => index);

/** @param {any} adapter @param {(string | number)[]} names */
function createUsers(adapter, names) {
  return Promise.allSettled(names.map((name) => adapter.create({ model: "user", data: user(name) })));
}

describe.each(named(sqliteEngines))("%s", (_, engine) => {
  test("who asks for what is there already is told so, and nobody else", async () => {
    const { adapter } = await openDatabase(engine);
    const results = await createUsers(adapter, ["a", "b", "a", "c", "b", "d"]);
    expect(results.map(({ status }) => status)).toEqual([
      ...["fulfilled", "fulfilled", "rejected", "fulfilled", "rejected", "fulfilled"],
    ]);
    expect(results.map((result) => "reason" in result && result.reason)).toMatchObject({
      2: { code: "UNIQUE_VIOLATION", table: "user", column: "email" },
      4: { code: "UNIQUE_VIOLATION", table: "user", column: "email" },
    });
    expect(await userNames(adapter)).toEqual(["a", "b", "c", "d"]);
  });

  test("each gets the row that it wrote", async () => {
    const { adapter } = await openDatabase(engine);
    const rows = await Promise.all(numbers(200).map((name) => adapter.create({ model: "user", data: user(name) })));
    expect(rows.map(({ name }) => name)).toEqual(numbers(200).map(String));
    expect(new Set(rows.map(({ id }) => id)).size).toBe(200);
    expect(await adapter.count({ model: "user" })).toBe(200);
  });

  test("they are carried out in the order in which they were asked for", async () => {
    const { adapter } = await openDatabase(engine);
    const where = [{ field: "identifier", value: "one" }];
    const written = [
      adapter.create({ model: "verification", data: verification("one", "first") }),
      adapter.update({ model: "verification", where, update: { value: "second" } }),
      adapter.create({ model: "verification", data: verification("two") }),
      adapter.consumeOne({ model: "verification", where }),
      adapter.updateMany({ model: "verification", where, update: { value: "third" } }),
      adapter.deleteMany({ model: "verification", where: [] }),
    ];
    const [created, updated, , consumed, changed, deleted] = await Promise.all(written);
    expect([created.value, updated.value, consumed.value]).toEqual(["first", "second", "second"]);
    expect([changed, deleted]).toEqual([0, 1]);
  });

  test("a counter counts every one of them", async () => {
    const { adapter } = await openDatabase(engine, { authOptions: withRateLimit });
    await adapter.create({ model: "rateLimit", data: counter });
    const counted = await Promise.all(numbers(150).map(() => adapter.incrementOne(increment)));
    expect(counted.map(({ count }) => count)).toEqual(numbers(150).map((number) => number + 1));
  });

  test("a value that cannot be stored fails its own write only", async () => {
    const authOptions = { user: { additionalFields: { size: { type: "number", bigint: true, required: false } } } };
    const { adapter } = await openDatabase(engine, { authOptions: /** @type {any} */ (authOptions) });
    const data = (/** @type {string} */ name, /** @type {any} */ size) => ({ ...user(name), size });
    const sizes = [1, 2n ** 70n, 3];
    const written = sizes.map((size, index) => adapter.create({ model: "user", data: data(`u${index}`, size) }));
    const results = await Promise.allSettled(written);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(await userNames(adapter)).toEqual(["u0", "u2"]);
  });

  test("close() waits for all that was asked for before it", async () => {
    const { database, adapter } = await openDatabase(engine);
    const created = createUsers(adapter, numbers(300));
    await database.close();
    const results = await created;
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(300);
  });
});

/** Beside another driver on the same file. @param {string} script @param {object} [options] */
async function beside(script, options) {
  const file = sqliteFile();
  onTestFinished(file.drop);
  const database = nativeAdapter({ url: file.url, ...options });
  onTestFinished(() => database.close());
  await database.migrate({});
  file.run(script);
  return { ...file, adapter: database({}) };
}

/** What another driver finds. @param {Awaited<ReturnType<typeof beside>>} file */
const identifiers = (file) =>
  file.open((driver) => driver.prepare("SELECT identifier FROM verification ORDER BY rowid").all())
    .map((/** @type {any} */ { identifier }) => identifier);

/** @param {any} adapter @param {string[]} names */
function createVerifications(adapter, names) {
  return names.map((name) => adapter.create({ model: "verification", data: verification(name) }));
}

test("each is told after the commit: another driver sees its row by then", async () => {
  const file = await beside("");
  const driver = new Driver(file.path);
  const found = driver.prepare("SELECT count(*) AS rows FROM verification WHERE identifier = ?");
  const names = numbers(100).map(String);
  const seen = createVerifications(file.adapter, names).map(async (created, index) => {
    await created;
    return /** @type {any} */ (found.get(names[index])).rows;
  });
  expect(await Promise.all(seen)).toEqual(names.map(() => 1));
  driver.close();
});

test("where one ends the transaction, the others are made without it, once", async () => {
  const file = await beside(`CREATE TRIGGER refusal BEFORE INSERT ON verification WHEN NEW.identifier = 'refused'
    BEGIN SELECT RAISE(ROLLBACK, 'not this one'); END`);
  const results = await Promise.allSettled(createVerifications(file.adapter, ["a", "b", "refused", "c"]));
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
  expect(results[2]).toMatchObject({ reason: { code: "CHECK_VIOLATION" } });
  expect(identifiers(file)).toEqual(["a", "b", "c"]);
});

test("where the commit fails for one, the others are made without it, once", async () => {
  // A foreign key that is looked at when a transaction commits.
  const file = await beside(`DROP TABLE verification;
    CREATE TABLE verification (id text PRIMARY KEY, identifier text, expiresAt date, createdAt date, updatedAt date,
      value text REFERENCES user (id) DEFERRABLE INITIALLY DEFERRED)`);
  const { id } = await file.adapter.create({ model: "user", data: user("a") });
  const written = [id, "nobody", id].map((value, index) =>
    file.adapter.create({ model: "verification", data: verification(`v${index}`, value) }),
  );
  const results = await Promise.allSettled(written);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(results[1]).toMatchObject({ reason: { code: "FOREIGN_KEY_VIOLATION" } });
  expect(identifiers(file)).toEqual(["v0", "v2"]);
});

test("behind a lock of somebody else's all wait, and all are made", async () => {
  const file = await beside("");
  const driver = new Driver(file.path);
  driver.exec("BEGIN IMMEDIATE; INSERT INTO verification (id, identifier, value, expiresAt, createdAt, updatedAt) VALUES ('1', 'theirs', '', '', '', '')");
  const names = numbers(100).map(String);
  const created = createVerifications(file.adapter, names);
  // The first look at the lock is by the thread that the driver is on.
  await new Promise(setImmediate);
  driver.exec("COMMIT");
  await Promise.all(created);
  expect(identifiers(file)).toEqual(["theirs", ...names]);
  driver.close();
});

test("who waits for a lock in vain is told so, and nothing of it is there", async () => {
  const file = await beside("", { busyTimeoutMs: 20 });
  const driver = new Driver(file.path);
  driver.exec("BEGIN IMMEDIATE");
  const results = await Promise.allSettled(createVerifications(file.adapter, numbers(100).map(String)));
  const refusal = { status: "rejected", reason: { code: "DATABASE_LOCKED", retryable: true } };
  expect(results).toMatchObject(results.map(() => refusal));
  driver.exec("COMMIT");
  expect(identifiers(file)).toEqual([]);
  driver.close();
});
