// Many callers at once: in one process, on several threads, in several processes.

import { statSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { sqliteEngines } from "./engines/index.js";
import {
  emptyDatabase,
  everyEngine,
  everySharedEngine,
  openApplication,
  openDatabase,
  userNames,
} from "./support/database.js";
import { inProcess, inThread } from "./support/elsewhere/index.js";
import { turn, turnsUntil } from "./support/event-loop.js";
import { counter, credentials, increment, user, verification, withRateLimit } from "./support/rows.js";

/** @param {number} length @param {(n: number) => any} make */
const times = (length, make) => Array.from({ length }, (_, n) => make(n));

describe.each(everyEngine)("%s", (_, engine) => {
  describe("50 callers at once", () => {
    test("consumeOne gives a row to exactly one of them", async () => {
      const { adapter } = await openDatabase(engine);
      await adapter.create({ model: "verification", data: verification("token", "the prize") });
      const query = { model: "verification", where: [{ field: "identifier", value: "token" }] };
      const results = await Promise.all(times(50, () => adapter.consumeOne(query)));
      expect(results.filter(Boolean)).toMatchObject([{ value: "the prize" }]);
      expect(await adapter.count({ model: "verification" })).toBe(0);
    });

    test("incrementOne adds every one of them", async () => {
      const { adapter } = await openCounter(engine);
      const results = await Promise.all(times(50, () => adapter.incrementOne(increment)));
      expect(results.map(({ count }) => count).toSorted((a, b) => a - b)).toEqual(times(50, (n) => n + 1));
    });

    test("incrementOne adds nothing beyond the bound in its filter", async () => {
      const { adapter } = await openCounter(engine);
      const bounded = { ...increment, where: [{ field: "count", operator: "lt", value: 10 }] };
      const results = await Promise.all(times(50, () => adapter.incrementOne(bounded)));
      expect(results.filter(Boolean)).toHaveLength(10);
      expect(await adapter.findOne(increment)).toMatchObject({ count: 10 });
    });

    test("reads, writes and transactions get in each other's way nowhere", async () => {
      const { adapter } = await openDatabase(engine);
      const work = [
        (/** @type {number} */ n) => adapter.create({ model: "user", data: user(`${n} alone`) }),
        (/** @type {number} */ n) =>
          adapter.transaction(async (inside) => {
            await inside.create({ model: "user", data: user(`${n} first`) });
            await inside.create({ model: "user", data: user(`${n} second`) });
          }),
        (/** @type {number} */ n) =>
          adapter
            .transaction(async (inside) => {
              await inside.create({ model: "user", data: user(`${n} never`) });
              throw new Error("on purpose");
            })
            .catch(() => {}),
        // What belongs together is always seen together.
        async () => {
          const names = await userNames(adapter);
          const count = (/** @type {RegExp} */ kind) => names.filter((name) => kind.test(name)).length;
          expect([count(/second/), count(/never/)]).toEqual([count(/first/), 0]);
        },
      ];
      await Promise.all(times(200, (n) => work[n % work.length](n)));
      expect(await adapter.count({ model: "user" })).toBe(150);
    });

    test("statements that take long find and change each row once", async () => {
      const { adapter } = await openDatabase(engine);
      const rows = 2 * engine.scan;
      await fill(adapter, rows);
      const nines = /** @type {const} */ ({ field: "identifier", operator: "contains", value: "9" });
      const where = [nines, { field: "value", operator: "ne", value: "taken" }];
      const expected = times(rows, String).filter((n) => n.includes("9")).length;
      const counts = await Promise.all(times(10, () => adapter.count({ model: "verification", where: [nines] })));
      expect(counts).toEqual(times(10, () => expected));
      const one = await Promise.all(times(10, () => adapter.consumeOne({ model: "verification", where })));
      expect(new Set(one.map(({ identifier }) => identifier)).size).toBe(10);
      const update = { value: "taken" };
      const taken = await Promise.all(times(5, () => adapter.updateMany({ model: "verification", where, update })));
      expect(taken.toSorted((a, b) => a - b)).toEqual([0, 0, 0, 0, expected - 10]);
    });
  });

  test("32 people sign up at once", async () => {
    const { auth, adapter } = await openApplication(engine);
    await Promise.all(times(32, (n) => auth.api.signUpEmail({ body: credentials(n) })));
    for (const model of ["user", "account", "session"]) expect(await adapter.count({ model })).toBe(32);
  });

  test("of 8 who sign up with one address at once, one gets it and the others are told", async () => {
    const { auth, adapter } = await openApplication(engine);
    const attempts = await Promise.allSettled(
      times(8, () => auth.api.signUpEmail({ body: credentials("ada") })),
    );
    const refusals = attempts.filter(({ status }) => status === "rejected");
    expect(refusals).toHaveLength(7);
    for (const refusal of refusals) expect(refusal).toMatchObject({ reason: { statusCode: 422 } });
    for (const model of ["user", "account", "session"]) expect(await adapter.count({ model })).toBe(1);
  });

  test("a long scan leaves the event loop free, and finds what there is", async () => {
    const { adapter } = await openDatabase(engine);
    const rows = 10 * engine.scan;
    await fill(adapter, rows);
    const expected = times(rows, String).filter((n) => n.includes("9999")).length;
    let turned = 0;
    // Each time another statement, of which nobody knows yet that it takes long.
    const where = [{ field: "identifier", operator: /** @type {const} */ ("contains"), value: "9999" }];
    for (let scan = 0; scan < 10; scan += 1) {
      const { turns, result } = await turnsUntil(adapter.count({ model: "verification", where: [...where] }));
      expect(result).toBe(expected);
      turned += turns;
      where.push(...where.slice(0, 1));
    }
    // A thread that does the scans itself turns twice for each.
    expect(turned).toBeGreaterThan(100);
  });
});

describe.each(everySharedEngine)("%s, opened several times", (_, engine) => {
  for (const [places, elsewhere] of /** @type {const} */ ([["processes", inProcess], ["threads", inThread]])) {
    test(`consumeOne, incrementOne and transactions are exact across ${places}`, async () => {
      const { url, adapter } = await openCounter(engine);
      await fill(adapter, 1_000);

      /** In rounds, so that all are at it at the same time. @type {import("./support/elsewhere/main.js").Task} */
      const compete = async ({ nativeAdapter, tell, told, data: { url, authOptions, increment } }) => {
        const database = nativeAdapter(url);
        const adapter = database(authOptions);
        const taken = [];
        for (let n = 0; n < 1_000; n += 1) {
          if (n % 50 === 0) {
            tell("ready");
            await told();
          }
          const where = [{ field: "identifier", value: `${n}` }];
          const row = await adapter.consumeOne({ model: "verification", where });
          if (row) taken.push(n);
          await adapter.incrementOne(increment);
          await adapter.transaction(async (inside) => {
            await inside.findOne(increment);
            await inside.incrementOne(increment);
          });
        }
        await database.close();
        return taken;
      };
      const others = times(2, () => elsewhere(compete, { url, authOptions: withRateLimit, increment }));
      for (let round = 0; round < 20; round += 1) {
        for (const other of others) await other.told();
        for (const other of others) other.tell("go");
      }
      const taken = await Promise.all(others.map((other) => other.result()));

      expect(taken.flat().toSorted((a, b) => a - b)).toEqual(times(1_000, (n) => n));
      expect(await adapter.findOne(increment)).toMatchObject({ count: 4_000 });
      // Otherwise they did not compete.
      expect(taken.filter(({ length }) => length === 0)).toEqual([]);
    });
  }

  describe("while another process is writing", () => {
    const ada = { model: "user", where: [{ field: "email", value: user("ada").email }] };

    /** Another process that has changed Ada in a transaction, until it is told to end it. */
    const hold = async (/** @type {string} */ url) => {
      const other = inProcess(
        async ({ nativeAdapter, tell, told, data: { url, ada } }) => {
          const database = nativeAdapter(url);
          await database({}).transaction(async (inside) => {
            await inside.update({ ...ada, update: { image: "there" } });
            tell("holding");
            await told();
          });
          await database.close();
        },
        { url, ada },
      );
      await other.told();
      return other;
    };

    /** @param {object} [options] */
    const open = async (options) => {
      const opened = await openDatabase(engine, { options });
      await opened.adapter.create({ model: "user", data: user("ada") });
      return { ...opened, other: await hold(opened.url) };
    };

    const change = { ...ada, update: { name: "here" } };
    /** @type {[string, (opened: Awaited<ReturnType<typeof openDatabase>>) => Promise<any>][]} */
    const writes = [
      ["a write", ({ adapter }) => adapter.update(change)],
      ["a transaction", ({ adapter }) => adapter.transaction((inside) => inside.update(change))],
      [
        "a migration",
        async ({ database, adapter }) => {
          await database.migrate({ user: { additionalFields: { nickname: { type: "string", required: false } } } });
          await adapter.update(change);
        },
      ],
    ];
    const changedByBoth = { name: "here", image: "there" };

    test.each(writes)("%s waits without blocking the event loop, and succeeds", async (_, write) => {
      // Longer than this test may take.
      const { other, ...opened } = await open(engine.lockTimeout(60_000));
      expect(await opened.adapter.findOne(ada)).toMatchObject({ name: "ada", image: null });
      let waiting = true;
      const writing = write(opened).finally(() => {
        waiting = false;
      });
      await turn(1_000);
      expect(waiting).toBe(true);
      other.tell("end");
      await writing;
      await other.result();
      expect(await opened.adapter.findOne(ada)).toMatchObject(changedByBoth);
    });

    test.each(writes)("%s that waited for as long as it may fails, and may be made again", async (_, write) => {
      const { other, ...opened } = await open(engine.lockTimeout(50));
      const { turns, result } = await turnsUntil(write(opened).catch((error) => error));
      expect(result).toMatchObject({
        name: "NativeAdapterError",
        code: expect.stringMatching(/^(DATABASE_LOCKED|STATEMENT_TIMEOUT)$/),
        retryable: true,
      });
      expect(turns).toBeGreaterThan(100);
      other.tell("end");
      await other.result();
      await write(opened);
      expect(await opened.adapter.findOne(ada)).toMatchObject(changedByBoth);
    });

    test("its death undoes what it had begun, and whoever waits goes on", async () => {
      const { other, adapter } = await open();
      const writing = adapter.update(change);
      await other.stop();
      await writing;
      expect(await adapter.findOne(ada)).toMatchObject({ name: "here", image: null });
    });
  });

  test("adapters that open a new database at the same time all get it", async () => {
    const url = await emptyDatabase(engine);
    const databases = times(8, () => nativeAdapter(url));
    const names = times(8, String);
    await Promise.all(
      databases.map(async (database, n) => {
        await database.migrate({});
        await database({}).create({ model: "user", data: user(names[n]) });
      }),
    );
    for (const database of databases) expect(await userNames(database({}))).toEqual(names);
    await Promise.all(databases.map((database) => database.close()));
  });
});

const [file] = sqliteEngines;

test("a SQLite file that another program is writing to is opened when it is done", async () => {
  const url = await emptyDatabase(file);
  const other = inProcess(async ({ require, tell, told, data: path }) => {
    const driver = new (require("libsql"))(path);
    driver.exec("CREATE TABLE notes (text); BEGIN IMMEDIATE; INSERT INTO notes VALUES ('kept')");
    tell("writing");
    await told();
    driver.exec("COMMIT");
    driver.close();
  }, url.slice("sqlite:".length));
  await other.told();
  const database = nativeAdapter(url);
  const opening = database.migrate({});
  await turn(1_000);
  other.tell("end");
  await opening;
  await other.result();
  await database({}).create({ model: "user", data: user("here") });
  await database.close();
});

describe("the write-ahead log of SQLite", () => {
  // What 20,000 writes add is a multiple of this.
  const bound = 32 * 2 ** 20;

  /** @type {[string, (adapter: any) => Promise<void>][]} */
  const writers = [
    [
      "one after the other",
      async (adapter) => {
        for (let n = 0; n < 20_000; n += 1) await adapter.create({ model: "verification", data: verification(n) });
      },
    ],
    [
      "all at once",
      async (adapter) => {
        await Promise.all(times(20_000, (n) => adapter.create({ model: "verification", data: verification(n) })));
      },
    ],
    [
      "in transactions",
      async (adapter) => {
        for (let n = 0; n < 200; n += 1) await fill(adapter, 100);
      },
    ],
  ];
  test.each(writers)("stays small under 20,000 writes %s", async (_, write) => {
    const { url, adapter } = await openDatabase(file);
    await write(adapter);
    expect(await adapter.count({ model: "verification" })).toBe(20_000);
    expect(statSync(`${url.slice("sqlite:".length)}-wal`).size).toBeLessThan(bound);
  });
});

/** @param {import("./engines/index.js").Engine} engine */
async function openCounter(engine) {
  const opened = await openDatabase(engine, { authOptions: withRateLimit });
  await opened.adapter.create({ model: "rateLimit", data: counter });
  return opened;
}

/**
 * Rows in the table "verification", numbered from 0.
 *
 * @param {any} adapter
 * @param {number} rows
 */
async function fill(adapter, rows) {
  await adapter.transaction(async (/** @type {any} */ inside) => {
    for (let n = 0; n < rows; n += 1) await inside.create({ model: "verification", data: verification(n) });
  });
}
