// Transactions: all or nothing, savepoints inside, and nobody else sees them before their end.

import { describe, expect, test } from "vitest";
import { everyEngineEitherWay, openApplication, openDatabase, userNames } from "./support/database.js";
import { counter, credentials, increment, user, withRateLimit } from "./support/rows.js";

/** Stands for whatever goes wrong in the code of an application. */
class Mishap extends Error {}

const fails = async () => {
  throw new Mishap();
};

describe.each(everyEngineEitherWay)("%s", (_, engine) => {
  test("a transaction whose callback resolves is committed, and passes its result on", async () => {
    const { adapter } = await openDatabase(engine);
    const result = await adapter.transaction(async (inside) => {
      await inside.create({ model: "user", data: user("ada") });
      await inside.create({ model: "user", data: user("grace") });
      expect(await userNames(inside)).toEqual(["ada", "grace"]);
      return "done";
    });
    expect(result).toBe("done");
    expect(await userNames(adapter)).toEqual(["ada", "grace"]);
  });

  test("a transaction whose callback rejects leaves nothing, and its error is the one that surfaces", async () => {
    const { adapter } = await openDatabase(engine);
    const ada = await adapter.create({ model: "user", data: user("ada") });
    const byId = [{ field: "id", value: ada.id }];
    const mishap = new Mishap();
    const attempt = adapter.transaction(async (inside) => {
      await inside.create({ model: "user", data: user("grace") });
      await inside.update({ model: "user", where: byId, update: { name: "nobody" } });
      await inside.delete({ model: "user", where: byId });
      throw mishap;
    });
    await expect(attempt).rejects.toBe(mishap);
    expect(await adapter.findMany({ model: "user" })).toEqual([ada]);
  });

  test("a statement that fails undoes itself only: the transaction goes on where that is caught", async () => {
    const { adapter } = await openDatabase(engine);
    await adapter.transaction(async (inside) => {
      await inside.create({ model: "user", data: user("ada") });
      const twin = inside.create({ model: "user", data: { ...user("grace"), email: user("ada").email } });
      await expect(twin).rejects.toMatchObject({ code: "UNIQUE_VIOLATION" });
      await inside.create({ model: "user", data: user("grace") });
    });
    expect(await userNames(adapter)).toEqual(["ada", "grace"]);
  });

  test("a nested transaction that fails undoes only its own part", async () => {
    const { adapter } = await openDatabase(engine);
    await adapter.transaction(async (outer) => {
      await outer.create({ model: "user", data: user("before") });
      await outer.transaction(async (inner) => {
        await inner.create({ model: "user", data: user("kept") });
        const innermost = inner.transaction(async (deepest) => {
          await deepest.create({ model: "user", data: user("lost") });
          await fails();
        });
        await expect(innermost).rejects.toThrow(Mishap);
      });
      await outer.create({ model: "user", data: user("after") });
    });
    expect(await userNames(adapter)).toEqual(["after", "before", "kept"]);
  });

  test("nested transactions that succeeded are undone with the one around them", async () => {
    const { adapter } = await openDatabase(engine);
    const attempt = adapter.transaction(async (outer) => {
      await outer.transaction((inner) => inner.create({ model: "user", data: user("ada") }));
      await fails();
    });
    await expect(attempt).rejects.toThrow(Mishap);
    expect(await userNames(adapter)).toEqual([]);
  });

  test("nested transactions side by side do not undo each other", async () => {
    const { adapter } = await openDatabase(engine);
    await adapter.transaction(async (outer) => {
      const nested = (/** @type {string} */ name, end = async () => {}) =>
        outer.transaction(async (inner) => {
          await inner.create({ model: "user", data: user(name) });
          await end();
        });
      const results = await Promise.allSettled([
        nested("first"),
        nested("lost", fails),
        nested("second"),
        nested("lost too", fails),
        nested("third"),
      ]);
      expect(results.map(({ status }) => status)).toEqual([
        ...["fulfilled", "rejected", "fulfilled", "rejected", "fulfilled"],
      ]);
    });
    expect(await userNames(adapter)).toEqual(["first", "second", "third"]);
  });

  test("transactions at the same time all succeed, and none loses what another wrote", async () => {
    const { adapter } = await openDatabase(engine, { authOptions: withRateLimit });
    await adapter.create({ model: "rateLimit", data: counter });
    const addOne = () =>
      adapter.transaction(async (inside) => {
        await inside.findOne(increment);
        await inside.incrementOne(increment);
      });
    await Promise.all(Array.from({ length: 20 }, addOne));
    expect(await adapter.findOne(increment)).toMatchObject({ count: 20 });
  });

  test("nobody outside sees what is not committed", async () => {
    const { adapter } = await openDatabase(engine);
    /** @type {Promise<string[]> | undefined} */
    let seen;
    const attempt = adapter.transaction(async (inside) => {
      await inside.create({ model: "user", data: user("ada") });
      seen = userNames(adapter);
      // Where a read has a connection of its own, it answers before the end.
      if (!engine.private) expect(await seen).toEqual([]);
      await fails();
    });
    await expect(attempt).rejects.toThrow(Mishap);
    expect(await seen).toEqual([]);
  });

  test("a write from outside waits for the transaction to end, and then succeeds", async () => {
    const { adapter } = await openDatabase(engine, { options: engine.oneWriter });
    /** @type {string[]} */
    const order = [];
    let outside;
    await adapter.transaction(async (inside) => {
      await inside.create({ model: "user", data: user("inside") });
      outside = adapter.create({ model: "user", data: user("outside") }).then(() => order.push("outside"));
      for (const name of ["more", "and more"]) await inside.create({ model: "user", data: user(name) });
      order.push("inside");
    });
    await outside;
    expect(order).toEqual(["inside", "outside"]);
    expect(await userNames(adapter)).toEqual(["and more", "inside", "more", "outside"]);
  });

  test("a write through the outer adapter inside a transaction says who it waited for", async () => {
    const options = { ...engine.oneWriter, acquireTimeoutMs: 50 };
    const { adapter } = await openDatabase(engine, { options });
    await adapter.transaction(async (inside) => {
      await inside.create({ model: "user", data: user("ada") });
      const stuck = adapter.create({ model: "user", data: user("stuck") });
      await expect(stuck).rejects.toMatchObject({
        code: "POOL_TIMEOUT",
        retryable: true,
        message: expect.stringMatching(/a transaction has held (it|one) for \d+ ms/),
      });
    });
    await adapter.create({ model: "user", data: user("grace") });
    expect(await userNames(adapter)).toEqual(["ada", "grace"]);
  });

  test("a transaction holds nobody up before its first write", async () => {
    const options = { ...engine.oneWriter, acquireTimeoutMs: 50 };
    const { adapter } = await openDatabase(engine, { options });
    await adapter.transaction(async (inside) => {
      expect(await userNames(inside)).toEqual([]);
      await inside.transaction(async (nested) => {
        await adapter.create({ model: "user", data: user("ada") });
        expect(await userNames(nested)).toEqual(["ada"]);
        await nested.create({ model: "user", data: user("grace") });
        await expect(nested.transaction(fails)).rejects.toThrow();
      });
      expect(await userNames(inside)).toEqual(["ada", "grace"]);
    });
    expect(await userNames(adapter)).toEqual(["ada", "grace"]);
  });

  test("savepoints that were set before the first write undo it", async () => {
    const { adapter } = await openDatabase(engine);
    await adapter.transaction(async (inside) => {
      const nested = inside.transaction(async (nested) => {
        await nested.create({ model: "user", data: user("undone") });
        await fails();
      });
      await expect(nested).rejects.toThrow();
      await inside.create({ model: "user", data: user("kept") });
    });
    expect(await userNames(adapter)).toEqual(["kept"]);
  });

  const endings = [
    { ending: "committed", end: async () => {}, remaining: ["ada"] },
    { ending: "rolled back", end: fails, remaining: [] },
  ];
  for (const { ending, end, remaining } of endings) {
    test(`the adapter of a transaction that was ${ending} does nothing any more`, async () => {
      const { adapter } = await openDatabase(engine);
      /** @type {any} */
      let late;
      const attempt = adapter.transaction(async (inside) => {
        late = inside;
        await inside.create({ model: "user", data: user("ada") });
        await end();
      });
      await attempt.catch(() => {});
      await expectClosed(late);
      expect(await userNames(adapter)).toEqual(remaining);
    });

    test(`the adapter of a nested transaction that was ${ending} does nothing any more`, async () => {
      const { adapter } = await openDatabase(engine);
      await adapter.transaction(async (outer) => {
        /** @type {any} */
        let late;
        const nested = outer.transaction(async (inner) => {
          late = inner;
          await inner.create({ model: "user", data: user("ada") });
          await end();
        });
        await nested.catch(() => {});
        await expectClosed(late);
      });
      expect(await userNames(adapter)).toEqual(remaining);
    });
  }

  test("what a nested transaction does after the end of the one around it is refused", async () => {
    const { adapter } = await openDatabase(engine);
    /** @type {(value?: unknown) => void} */
    let end = () => {};
    const ended = new Promise((resolve) => {
      end = resolve;
    });
    await adapter.transaction(async (outermost) => {
      /** @type {Promise<unknown> | undefined} */
      let nested;
      await outermost.transaction(async (outer) => {
        await new Promise((started) => {
          nested = outer.transaction(async (inner) => {
            await inner.create({ model: "user", data: user("in time") });
            started(undefined);
            await ended;
            await inner.create({ model: "user", data: user("late") });
          });
        });
      });
      end();
      await expect(nested).rejects.toMatchObject({ code: "TRANSACTION_CLOSED" });
    });
    expect(await userNames(adapter)).toEqual(["in time"]);
  });

  test("statements that take long see the transaction's own rows, and are undone with it", async () => {
    const { adapter } = await openDatabase(engine);
    const named = [{ field: "name", operator: /** @type {const} */ ("contains"), value: "9" }];
    const expected = Array.from({ length: engine.scan }, (_, n) => `${n}`).filter((n) => n.includes("9"));
    const attempt = adapter.transaction(async (inside) => {
      for (let n = 0; n < engine.scan; n += 1) await inside.create({ model: "user", data: user(n) });
      expect(await inside.count({ model: "user", where: named })).toBe(expected.length);
      const found = await inside.findMany({ model: "user", where: named, limit: engine.scan });
      expect(found.map(({ name }) => name).toSorted()).toEqual(expected.toSorted());
      const update = { emailVerified: true };
      expect(await inside.updateMany({ model: "user", where: named, update })).toBe(expected.length);
      expect(await inside.deleteMany({ model: "user", where: named })).toBe(expected.length);
      expect(await inside.count({ model: "user" })).toBe(engine.scan - expected.length);
      await fails();
    });
    await expect(attempt).rejects.toThrow(Mishap);
    expect(await adapter.count({ model: "user" })).toBe(0);
  });

  describe("sign-up", () => {
    /** @type {[string, any][]} */
    const failures = [
      ["a hook refuses the account", { databaseHooks: { account: { create: { before: fails } } } }],
      [
        "the database refuses the account",
        { account: { additionalFields: { proof: { type: "string", required: true } } } },
      ],
    ];
    test.each(failures)("leaves no user when %s", async (_, authOptions) => {
      const { auth, adapter } = await openApplication(engine, authOptions);
      await expect(auth.api.signUpEmail({ body: credentials("ada") })).rejects.toThrow();
      for (const model of ["user", "account", "session"]) expect(await adapter.count({ model })).toBe(0);
    });
  });

  describe("withTransaction", () => {
    test("auth.api takes part: all of it is kept, or none", async () => {
      const { auth, database, adapter } = await openApplication(engine);
      const signUpAnd = (/** @type {string} */ name, end = async () => {}) =>
        database.withTransaction(async (inside) => {
          const { user } = await auth.api.signUpEmail({ body: credentials(name) });
          const where = [{ field: "id", value: user.id }];
          await inside.update({ model: "user", where, update: { name: `${name} in person` } });
          await end();
        });
      await signUpAnd("ada");
      await expect(signUpAnd("grace", fails)).rejects.toThrow(Mishap);
      expect(await userNames(adapter)).toEqual(["ada in person"]);
      expect(await adapter.count({ model: "session" })).toBe(1);
    });

    test("one inside another joins it", async () => {
      const { auth, database, adapter } = await openApplication(engine);
      const attempt = database.withTransaction(async () => {
        await database.withTransaction(() => auth.api.signUpEmail({ body: credentials("ada") }));
        await fails();
      });
      await expect(attempt).rejects.toThrow(Mishap);
      expect(await userNames(adapter)).toEqual([]);
    });
  });
});

/** @param {any} late the adapter of a transaction that has ended */
async function expectClosed(late) {
  const attempts = await Promise.allSettled([
    late.create({ model: "user", data: user("late") }),
    late.findMany({ model: "user" }),
    late.count({ model: "user" }),
    late.updateMany({ model: "user", where: [], update: { name: "late" } }),
    late.deleteMany({ model: "user", where: [] }),
    late.transaction(async () => {}),
  ]);
  for (const attempt of attempts) {
    expect(attempt).toMatchObject({ reason: { code: "TRANSACTION_CLOSED", retryable: false } });
  }
}
