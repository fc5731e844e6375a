// The application's own SQL: what a driver gives, in Better Auth's transactions, on every engine.

import { AsyncLocalStorage } from "node:async_hooks";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { everyEngine, openApplication, userNames } from "./support/database.js";
import { kindOf, NOTES, notesOf, openWithNotes, placed } from "./support/own-sql.js";
import { turn } from "./support/event-loop.js";
import { credentials, user } from "./support/rows.js";

/** Stands for whatever goes wrong in the code of an application. */
class Mishap extends Error {}

/** Runs a task outside of the transaction that it is called in. */
const outside = AsyncLocalStorage.snapshot();

describe.each(everyEngine)("%s: query()", (_, engine) => {
  test("gives rows as objects, or as arrays where columns have the same name", async () => {
    const { database } = await openWithNotes(engine);
    const sql = placed(engine, "SELECT owner, words FROM notes WHERE owner = ?");
    expect(await database.query(sql, ["nobody"])).toEqual({ rows: [], affectedRows: 0, insertId: null });
    await notesOf(engine, database).add("ada", "hello");
    expect((await database.query(sql, ["ada"])).rows).toEqual([{ owner: "ada", words: "hello" }]);
    const twice = "SELECT owner AS x, words AS x FROM notes";
    expect((await database.query(twice)).rows).toEqual([{ x: "hello" }]);
    const { rows } = await database.query(twice, [], { rowMode: "array" });
    expect(rows).toEqual([["ada", "hello"]]);
  });

  test("counts the rows that a statement inserts, changes and deletes", async () => {
    const { database, notes } = await openWithNotes(engine);
    const first = await notes.add("ada");
    expect(first.affectedRows).toBe(1);
    expect((await notes.add("grace")).insertId).toBe(kindOf(engine) === "postgres" ? null : 2);
    const update = placed(engine, "UPDATE notes SET words = ? WHERE owner <> ?");
    expect((await database.query(update, ["changed", "nobody"])).affectedRows).toBe(2);
    expect((await database.query("DELETE FROM notes WHERE owner = 'ada'")).affectedRows).toBe(1);
    expect((await database.query("SELECT * FROM notes")).affectedRows).toBe(0);
    expect((await database.query("DELETE FROM notes WHERE owner = 'ada'")).affectedRows).toBe(0);
  });

  test("has the database count what is left to it", async () => {
    const { database } = await openWithNotes(engine);
    if (kindOf(engine) === "sqlite") return;
    const sql = "INSERT INTO notes (id, owner) VALUES (DEFAULT, 'ada'), (DEFAULT, 'grace')";
    await database.query(sql);
    const { rows } = await database.query("SELECT id FROM notes ORDER BY id");
    expect(rows).toEqual([{ id: 1 }, { id: 2 }]);
  });

  test("runs statements of one caller, and of many at once", async () => {
    const { notes } = await openWithNotes(engine);
    const owners = Array.from({ length: 40 }, (_, index) => `owner ${index}`);
    await Promise.all(owners.map((owner) => notes.add(owner)));
    expect(await notes.owners()).toEqual(owners.toSorted());
  });

  test("fails with the adapter's codes, and shows no value", async () => {
    const { database, notes } = await openWithNotes(engine);
    await notes.add("ada");
    const twin = notes.add("ada", "s3cr3t");
    await expect(twin).rejects.toMatchObject({ code: "UNIQUE_VIOLATION" });
    const error = await twin.catch((error) => error);
    expect(error.message).toMatch(/^a statement failed: a row with the same .+ exists/);
    expect(`${error.message} ${error.cause?.message}`).not.toContain("s3cr3t");
    const missing = database.query("SELECT * FROM nowhere");
    await expect(missing).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
    const nothing = placed(engine, "INSERT INTO notes (owner) VALUES (?)");
    await expect(database.query(nothing, [null])).rejects.toMatchObject({ code: "NOT_NULL_VIOLATION" });
  });

  test("refuses what is no statement, what is several, and values that nothing takes", async () => {
    const { database, notes } = await openWithNotes(engine);
    const sql = placed(engine, "SELECT owner FROM notes WHERE owner = ?");
    /** @type {[string, unknown[]][]} */
    const wrong = [
      ["SELEC 1", []],
      ["SELECT 1; DELETE FROM notes", []],
      [sql, []],
      [sql, ["a", "b"]],
      [sql, [undefined]],
      [sql, [Symbol("x")]],
      [sql, [() => {}]],
      [sql, [new Date(Number.NaN)]],
      [sql, [2n ** 80n]],
      [sql, [{ big: 1n }]],
      [sql, [new Float64Array(1)]],
    ];
    for (const [statement, values] of wrong) {
      await expect(database.query(statement, values)).rejects.toMatchObject({ code: "INVALID_INPUT" });
    }
    // And none of them has left a connection that is of no use.
    await notes.add("ada");
    expect(await notes.owners()).toEqual(["ada"]);
  });

  test("is counted among the operations", async () => {
    const { database, notes } = await openWithNotes(engine);
    await notes.add("ada");
    await expect(notes.add("ada")).rejects.toThrow();
    const { operations, models } = await database.metrics();
    const own = operations.find(({ operation }) => operation === "query");
    expect(own).toMatchObject({ calls: 3, errors: { UNIQUE_VIOLATION: 1 }, model: "" });
    expect(models).toEqual({});
  });
});

describe.each(everyEngine)("%s: types", (_, engine) => {
  const kind = kindOf(engine);
  const moment = new Date("2026-11-21T08:45:49.123Z");
  const bytes = new Uint8Array([0, 1, 254, 255]);

  /** What goes in comes back, from a column of that type. @type {Record<string, [type: string, given: unknown, got?: unknown][]>} */
  const values = {
    sqlite: [
      ["integer", 42],
      ["integer", 2n ** 60n],
      ["integer", 5n, 5],
      ["integer", true, 1],
      ["real", 0.1],
      ["text", "Grüße 🎉"],
      ["text", moment, moment.toISOString()],
      ["text", { a: [1, null] }, '{"a":[1,null]}'],
      ["text", [1, "b"], '[1,"b"]'],
      ["blob", bytes],
      ["blob", Buffer.from(bytes), bytes],
      ["blob", new Uint8Array(0)],
      ["text", null],
    ],
    postgres: [
      ["integer", 42],
      ["bigint", 42],
      ["bigint", 2n ** 60n],
      ["boolean", true],
      ["double precision", 0.1],
      ["real", 0.1],
      ["numeric(30, 10)", "12345678901234567890.0123456789"],
      ["numeric", -0.00005, "-0.00005"],
      ["text", "Grüße 🎉"],
      ["varchar(9)", 42, "42"],
      ["uuid", "5f1e1d1c-0000-4000-8000-000000000000"],
      ["timestamp", moment],
      ["timestamptz", moment],
      ["date", "2026-11-21"],
      ["date", moment, "2026-11-21"],
      ["time", "08:45:49.5"],
      ["interval", "1 year 2 mons 3 days 04:05:06"],
      ["json", { a: [1, null] }],
      ["jsonb", [1, { b: "c" }]],
      ["jsonb", '"text"', "text"],
      ["text[]", ["a", 'b"\\', null]],
      ["integer[]", [[1, 2], [3, 4]]],
      ["bytea", bytes],
      ["bytea", Buffer.from(bytes), bytes],
      ["text", null],
    ],
    mysql: [
      ["integer", 42],
      ["bigint", 2n ** 60n],
      ["bigint unsigned", 2n ** 64n - 1n],
      ["boolean", true, 1],
      ["double", 0.1],
      ["float", 0.1],
      ["decimal(30, 10)", "12345678901234567890.0123456789"],
      ["varchar(20)", "Grüße 🎉"],
      ["varchar(20) COLLATE utf8mb4_bin", "exact"],
      ["text", "long"],
      ["datetime(3)", moment],
      ["timestamp(3) NULL", moment],
      ["date", "2026-11-21"],
      ["time", "-26:10:11"],
      ["json", { a: [1, null] }, engine.name === "MariaDB" ? '{"a":[1,null]}' : { a: [1, null] }],
      ["blob", bytes],
      ["varbinary(9)", Buffer.from(bytes), bytes],
      ["text", null],
    ],
  };

  test("what goes in comes back, and no number is rounded", async () => {
    const { database } = await openWithNotes(engine);
    for (const [index, [type, given, got = given]] of values[kind].entries()) {
      await database.query(`CREATE TABLE typed_${index} (value ${type})`);
      await database.query(placed(engine, `INSERT INTO typed_${index} VALUES (?)`), [given]);
      const { rows } = await database.query(`SELECT value FROM typed_${index}`);
      expect({ type, value: rows[0].value }).toEqual({ type, value: got });
    }
  });

  test("values are compared as their columns are", async () => {
    const { database, adapter } = await openWithNotes(engine);
    const ada = await adapter.create({ model: "user", data: { ...user("ada"), createdAt: moment } });
    const quote = kind === "mysql" ? "`" : '"';
    const [table, column] = [`${quote}user${quote}`, `${quote}createdAt${quote}`];
    const sql = placed(engine, `SELECT id FROM ${table} WHERE ${column} = ? AND id = ?`);
    expect((await database.query(sql, [moment, ada.id])).rows).toEqual([{ id: ada.id }]);
  });
});

describe.each(everyEngine)("%s: transactions", (_, engine) => {
  /** @param {import("better-auth").BetterAuthOptions} [authOptions] */
  async function application(authOptions) {
    const opened = await openApplication(engine, authOptions);
    await opened.database.query(NOTES(engine));
    return { ...opened, notes: notesOf(engine, opened.database), kysely: opened.database.kysely() };
  }

  /** Rows of the application's and of Better Auth's, by every way. @param {Awaited<ReturnType<typeof application>>} all @param {any} adapter */
  async function writeAll({ auth, notes, kysely }, adapter) {
    await notes.add("by query");
    await auth.api.signUpEmail({ body: credentials("signed-up") });
    await kysely.insertInto("notes").values({ owner: "by kysely" }).execute();
    await adapter.create({ model: "user", data: user("created") });
    await kysely.transaction().execute(async (inside) => {
      await inside.insertInto("notes").values({ owner: "nested" }).execute();
    });
  }

  test("rows of the application and Better Auth's are committed together", async () => {
    const all = await application();
    await all.database.withTransaction((adapter) => writeAll(all, adapter));
    expect(await all.notes.owners()).toEqual(["by kysely", "by query", "nested"]);
    expect(await userNames(all.adapter)).toEqual(["created", "signed-up"]);
  });

  test("and undone together", async () => {
    const all = await application();
    const attempt = all.database.withTransaction(async (adapter) => {
      await writeAll(all, adapter);
      expect(await all.notes.owners()).toHaveLength(3);
      throw new Mishap();
    });
    await expect(attempt).rejects.toThrow(Mishap);
    expect(await all.notes.owners()).toEqual([]);
    expect(await userNames(all.adapter)).toEqual([]);
  });

  test("a hook of a sign-up writes in the sign-up's transaction", async () => {
    /** @type {Awaited<ReturnType<typeof application>>} */
    let all;
    const databaseHooks = {
      user: {
        create: {
          async before(/** @type {any} */ user) {
            await all.notes.add(user.name);
          },
        },
      },
      account: {
        create: {
          async before(/** @type {any} */ account) {
            const sql = placed(engine, "UPDATE notes SET words = ?");
            await all.database.query(sql, [account.providerId]);
            if (fails) throw new Mishap();
          },
        },
      },
    };
    let fails = true;
    all = await application({ databaseHooks });
    const attempt = all.auth.api.signUpEmail({ body: credentials("ada") });
    await expect(attempt).rejects.toThrow();
    expect(await all.notes.owners()).toEqual([]);
    expect(await userNames(all.adapter)).toEqual([]);
    fails = false;
    await all.auth.api.signUpEmail({ body: credentials("ada") });
    expect((await all.database.query("SELECT owner, words FROM notes")).rows).toEqual([
      { owner: "ada", words: "credential" },
    ]);
    expect(await userNames(all.adapter)).toEqual(["ada"]);
  });

  test("a statement that fails undoes itself only", async () => {
    const { database, notes } = await application();
    await database.withTransaction(async () => {
      await notes.add("ada");
      await expect(notes.add("ada")).rejects.toMatchObject({ code: "UNIQUE_VIOLATION" });
      await notes.add("grace");
    });
    expect(await notes.owners()).toEqual(["ada", "grace"]);
  });

  test("statements at once run in their order", async () => {
    const { database, notes } = await application();
    const longer = kindOf(engine) === "mysql" ? "concat(words, ?)" : "words || ?";
    const append = placed(engine, `UPDATE notes SET words = ${longer}`);
    const words = Array.from({ length: 30 }, (_, index) => `,${index}`);
    await database.withTransaction(async () => {
      await notes.add("ada", "");
      await Promise.all(words.map((word) => database.query(append, [word])));
    });
    const { rows } = await database.query("SELECT words FROM notes");
    expect(rows).toEqual([{ words: words.join("") }]);
  });

  test("what runs after the end of its transaction is refused", async () => {
    const { database, notes } = await application();
    /** @type {(value?: unknown) => void} */
    let end = () => {};
    const ended = new Promise((resolve) => {
      end = resolve;
    });
    /** @type {Promise<unknown> | undefined} */
    let late;
    await database.withTransaction(async () => {
      await notes.add("ada");
      late = ended.then(() => notes.add("grace"));
    });
    end();
    await expect(late).rejects.toMatchObject({ code: "TRANSACTION_CLOSED" });
    expect(await notes.owners()).toEqual(["ada"]);
  });

  test("inside, transactions are begun and ended by their callback alone", async () => {
    const { database, notes } = await application();
    const attempt = database.withTransaction(async () => {
      await notes.add("ada");
      for (const sql of ["COMMIT", "ROLLBACK", "BEGIN", "/* x */ commit", "; COMMIT", "SAVEPOINT a"]) {
        await expect(database.query(sql)).rejects.toMatchObject({ code: "INVALID_INPUT" });
      }
      throw new Mishap();
    });
    await expect(attempt).rejects.toThrow(Mishap);
    expect(await notes.owners()).toEqual([]);
  });

  test("transactions of two databases do not take each other's statements", async () => {
    const [one, other] = [await application(), await application()];
    const attempt = one.database.withTransaction(async () => {
      await one.notes.add("ada");
      await other.database.withTransaction(async () => {
        await one.notes.add("grace");
        await other.notes.add("ada");
      });
      throw new Mishap();
    });
    await expect(attempt).rejects.toThrow(Mishap);
    expect(await one.notes.owners()).toEqual([]);
    expect(await other.notes.owners()).toEqual(["ada"]);
  });
});

describe.each(everyEngine)("%s: kysely()", (_, engine) => {
  test("tells counts and ids, and commits and undoes transactions", async () => {
    const { database, notes } = await openWithNotes(engine);
    const kysely = database.kysely();
    const inserted = await kysely.insertInto("notes").values({ owner: "ada" }).executeTakeFirst();
    expect(inserted.numInsertedOrUpdatedRows).toBe(1n);
    expect(inserted.insertId).toBe(kindOf(engine) === "postgres" ? undefined : 1n);
    const { numUpdatedRows } = await kysely.updateTable("notes").set({ words: "x" }).executeTakeFirst();
    expect(numUpdatedRows).toBe(1n);
    await kysely.transaction().execute((inside) => inside.insertInto("notes").values({ owner: "grace" }).execute());
    const attempt = kysely.transaction().execute(async (inside) => {
      await inside.deleteFrom("notes").execute();
      throw new Mishap();
    });
    await expect(attempt).rejects.toThrow(Mishap);
    expect(await notes.owners()).toEqual(["ada", "grace"]);
  });

  test("a transaction inside of another one is a savepoint", async () => {
    const { database, notes } = await openWithNotes(engine);
    const kysely = database.kysely();
    await database.withTransaction(async () => {
      await notes.add("ada");
      const attempt = kysely.transaction().execute(async (inside) => {
        await inside.insertInto("notes").values({ owner: "grace" }).execute();
        throw new Mishap();
      });
      await expect(attempt).rejects.toThrow(Mishap);
      const serializable = kysely.transaction().setIsolationLevel("serializable");
      await expect(serializable.execute(async () => {})).rejects.toMatchObject({ code: "INVALID_INPUT" });
    });
    expect(await notes.owners()).toEqual(["ada"]);
  });

  test("has savepoints, and isolation levels", async () => {
    const { database, notes } = await openWithNotes(engine);
    const kysely = database.kysely();
    const begun = await kysely.startTransaction().setIsolationLevel("serializable").execute();
    const add = (/** @type {any} */ on, /** @type {string} */ owner) => on.insertInto("notes").values({ owner }).execute();
    await add(begun, "ada");
    const inside = await begun.savepoint("a").execute();
    await add(inside, "lost");
    await inside.rollbackToSavepoint("a").execute();
    await add(inside, "grace");
    const released = await inside.releaseSavepoint("a").execute();
    await add(released, "joan");
    await begun.commit().execute();
    expect(await notes.owners()).toEqual(["ada", "grace", "joan"]);
    await expect(add(begun, "late")).rejects.toThrow();
    const dirty = kysely.transaction().setIsolationLevel("read uncommitted");
    await expect(dirty.execute(async () => {})).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });
});

describe.each(everyEngine.filter(([, { name }]) => name === "SQLite file"))("%s: files", (_, engine) => {
  test("a nested transaction that would wait for itself is told so, and undone", async () => {
    const { database, notes } = await openWithNotes(engine);
    const kysely = database.kysely();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const whole = database.withTransaction(async () => {
      await notes.add("outer");
      await kysely.transaction().execute(async () => {
        const inner = kysely.transaction().execute(async () => {});
        // Begun by the handle of the outer one: it waits for the one that it is in.
        await Promise.all([inner, turn(10).then(() => vi.advanceTimersByTime(10_000))]);
      });
    });
    await expect(whole).rejects.toMatchObject({ code: "POOL_TIMEOUT", message: expect.stringMatching(/waits for itself/) });
    expect((await database.query("SELECT * FROM notes")).rows).toEqual([]);
  });

  test("refuses what is empty", async () => {
    const { database } = await openWithNotes(engine);
    for (const sql of [" ", "-- nothing", ";"]) {
      await expect(database.query(sql)).rejects.toMatchObject({ code: "INVALID_INPUT", message: expect.stringMatching(/empty/) });
    }
  });

  test("reads without the turn to write, and refuses another journal", async () => {
    const { database, adapter, notes } = await openWithNotes(engine);
    await notes.add("ada");
    await adapter.transaction(async (/** @type {any} */ inside) => {
      await inside.create({ model: "user", data: user("ada") });
      // Of another task: it waits for nobody.
      expect(await outside(() => notes.owners())).toEqual(["ada"]);
    });
    const journal = database.query("PRAGMA journal_mode = DELETE");
    await expect(journal).rejects.toMatchObject({ code: "INVALID_INPUT" });
    expect((await database.query("PRAGMA journal_mode")).rows).toEqual([{ journal_mode: "wal" }]);
  });
});
