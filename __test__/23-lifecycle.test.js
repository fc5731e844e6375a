// From opening to closing: nothing is lost, nothing is left behind, and nobody is kept waiting.

import { existsSync, readdirSync } from "node:fs";
import { dirname } from "node:path";
import { betterAuth } from "better-auth";
import { describe, expect, test, vi } from "vitest";
import { nativeAdapter } from "../index.js";
import { sqliteEngines } from "./engines/index.js";
import { basics } from "./support/basics.js";
import {
  emptyDatabase,
  everyEngine,
  everySharedEngine,
  openDatabase,
  userNames,
} from "./support/database.js";
import { inProcess, inThread } from "./support/elsewhere/index.js";
import { turn } from "./support/event-loop.js";
import { credentials, user } from "./support/rows.js";

/** @typedef {import("./support/elsewhere/main.js").Task} Task */

/** @param {number} length @param {(n: number) => any} make */
const times = (length, make) => Array.from({ length }, (_, n) => make(n));

/** Writes 100 users. @type {Task} */
const writeUsers = async ({ nativeAdapter, user, data: { url, name } }) => {
  const database = nativeAdapter(url);
  const adapter = database({});
  await adapter.transaction(async (inside) => {
    for (let n = 0; n < 50; n += 1) await inside.create({ model: "user", data: user(`${name} ${n}`) });
  });
  for (let n = 50; n < 100; n += 1) await adapter.create({ model: "user", data: user(`${name} ${n}`) });
  await database.close();
};

describe.each(everyEngine)("%s", (_, engine) => {
  describe("close()", () => {
    test("waits for what was called before, and refuses what is called after", async () => {
      const { database, adapter } = await openDatabase(engine);
      const calls = () => [
        adapter.create({ model: "user", data: user("ada") }),
        adapter.findMany({ model: "user" }),
        adapter.count({ model: "user" }),
        adapter.updateMany({ model: "user", where: [], update: { emailVerified: true } }),
        adapter.transaction((inside) => inside.create({ model: "user", data: user("grace") })),
        adapter.deleteMany({ model: "session", where: [] }),
        database.migrate({}),
        database.plan({}),
      ];
      const before = Promise.allSettled(calls());
      const closing = database.close();
      const after = Promise.allSettled(calls());
      expect((await before).filter(({ status }) => status === "rejected")).toEqual([]);
      for (const refused of await after) {
        expect(refused).toMatchObject({ status: "rejected", reason: { code: "CLOSED" } });
      }
      await closing;
    });

    test("waits for the first use, which opens the database", async () => {
      const database = nativeAdapter(await emptyDatabase(engine));
      const migrating = database.migrate({});
      await database.close();
      expect((await migrating).statements).not.toEqual([]);
    });

    test("waits for an open transaction, which goes on to its end", async () => {
      const { database, adapter } = await openDatabase(engine);
      /** @type {string[]} */
      const order = [];
      let closing;
      await adapter.transaction(async (inside) => {
        closing = database.close().then(() => order.push("closed"));
        await turn(100);
        await inside.create({ model: "user", data: user("ada") });
        expect(await userNames(inside)).toEqual(["ada"]);
        order.push("ended");
      });
      await closing;
      expect(order).toEqual(["ended", "closed"]);
    });

    test("of a database that was never used does nothing", async () => {
      const database = nativeAdapter(await emptyDatabase(engine));
      database({});
      await database.close();
    });
  });

  test("one database serves applications with different options", async () => {
    const database = nativeAdapter(await emptyDatabase(engine));
    const others = {
      user: { modelName: "person", fields: { name: "fullName" } },
      session: { modelName: "visit" },
      account: { modelName: "way_in" },
      verification: { modelName: "proof" },
      advanced: { database: { generateId: /** @type {const} */ ("uuid") } },
    };
    const applications = [{}, others].map((options) => betterAuth({ ...basics, ...options, database }));
    for (const { options } of applications) await database.migrate(options);

    for (const [n, auth] of applications.entries()) {
      await auth.api.signUpEmail({ body: credentials(n) });
      const { user: found } = await auth.api.signInEmail({ body: credentials(n) });
      expect(found.name).toBe(`${n}`);
    }
    const adapters = await Promise.all(applications.map(async ({ $context }) => (await $context).adapter));
    expect(await Promise.all(adapters.map(userNames))).toEqual([["0"], ["1"]]);
    await database.close();
  });
});

describe.each(everySharedEngine)("%s", (_, engine) => {
  test("what was written before close() is there for the next who opens it", async () => {
    const { url, database, adapter } = await openDatabase(engine);
    const writing = Promise.all(times(100, (n) => adapter.create({ model: "user", data: user(n) })));
    await database.close();
    await writing;
    const reopened = nativeAdapter(url);
    expect(await reopened({}).count({ model: "user" })).toBe(100);
    await reopened.close();
  });

  test("databases side by side keep apart", async () => {
    const opened = await Promise.all(times(5, () => openDatabase(engine)));
    await Promise.all(opened.map(({ adapter }, n) => adapter.create({ model: "user", data: user(n) })));
    for (const [n, { adapter }] of opened.entries()) expect(await userNames(adapter)).toEqual([`${n}`]);
    await opened[0].database.close();
    await opened[1].adapter.create({ model: "user", data: user("still open") });
  });

  test("4 threads load the package at once and use one database", async () => {
    const { url, adapter } = await openDatabase(engine);
    const threads = times(4, (n) => inThread(writeUsers, { url, name: `thread ${n}` }));
    await Promise.all(threads.map((thread) => thread.result()));
    expect(await adapter.count({ model: "user" })).toBe(400);
  });

  test("the package loaded twice in one thread works twice", async () => {
    const { url, adapter } = await openDatabase(engine);
    vi.resetModules();
    const again = await import("../index.js");
    expect(again.nativeAdapter).not.toBe(nativeAdapter);
    const database = again.nativeAdapter(url);
    await database({}).create({ model: "user", data: user("ada") });
    expect(await userNames(adapter)).toEqual(["ada"]);
    await database.close();
  });

  describe("a thread that is terminated", () => {
    /** [when, what it was doing] @type {[string, Task][]} */
    const doing = [
      [
        "in a transaction",
        async ({ nativeAdapter, user, tell, told, data: { url } }) => {
          await nativeAdapter(url)({}).transaction(async (inside) => {
            await inside.create({ model: "user", data: user("there") });
            tell("in it");
            await told();
          });
        },
      ],
      [
        "waiting for its turn",
        async ({ nativeAdapter, user, turn, tell, data: { url } }) => {
          const adapter = nativeAdapter(url)({});
          await adapter.transaction(async (inside) => {
            await inside.create({ model: "user", data: user("there") });
            for (let n = 0; n < 20; n += 1) adapter.create({ model: "user", data: user(n) }).catch(() => {});
            adapter.transaction(async () => {}).catch(() => {});
            await turn(10);
            tell("waiting");
            await new Promise(() => {});
          });
        },
      ],
      [
        "in the middle of a scan",
        async ({ nativeAdapter, user, tell, data: { url, rows } }) => {
          await nativeAdapter(url)({}).transaction(async (inside) => {
            for (let n = 0; n < rows; n += 1) await inside.create({ model: "user", data: user(`there ${n}`) });
            const where = [{ field: "name", operator: /** @type {const} */ ("contains"), value: "9" }];
            for (;;) {
              const scan = inside.count({ model: "user", where });
              tell("scanning");
              await scan;
            }
          });
        },
      ],
    ];
    test.each(doing)("%s leaves no part of it, and nobody waits for it", async (_, task) => {
      const { url, adapter } = await openDatabase(engine);
      for (let round = 0; round < 5; round += 1) {
        const thread = inThread(task, { url, rows: engine.scan });
        await thread.told();
        const waiting = adapter.create({ model: "user", data: user(`here ${round}`) });
        await thread.stop();
        await waiting;
      }
      // What it had asked for outside its transaction may be there, as after any lost connection.
      const names = await userNames(adapter);
      expect(names.filter((name) => /here/.test(name))).toEqual(times(5, (round) => `here ${round}`));
    });
  });

  describe("a process ends by itself", () => {
    /** [after what, the process] @type {[string, Task][]} */
    const lives = [
      [
        "reads and writes",
        async ({ nativeAdapter, user, data: url }) => {
          const adapter = nativeAdapter(url)({});
          await adapter.create({ model: "user", data: user("there") });
          await adapter.transaction((inside) => inside.findMany({ model: "user" }));
        },
      ],
      [
        "writes nobody awaited",
        async ({ nativeAdapter, user, data: url }) => {
          const adapter = nativeAdapter(url)({});
          adapter.create({ model: "user", data: user("there") });
        },
      ],
      [
        "a transaction that never ends",
        async ({ nativeAdapter, user, data: url }) => {
          const adapter = nativeAdapter(url)({});
          await adapter.create({ model: "user", data: user("there") });
          await new Promise((resolve) => {
            adapter.transaction(async (inside) => {
              await inside.create({ model: "user", data: user("never") });
              resolve(undefined);
              await new Promise(() => {});
            });
          });
        },
      ],
      [
        "hashing a password",
        async ({ nativeAdapter, password, user, data: url }) => {
          await nativeAdapter(url)({}).create({ model: "user", data: user("there") });
          await password.hash("correct horse battery staple");
        },
      ],
    ];
    test.each(lives)("after %s, without close()", async (_, task) => {
      const { url, adapter } = await openDatabase(engine);
      await inProcess(task, url).result();
      expect(await userNames(adapter)).toEqual(["there"]);
    });

    test("and at process.exit(), whatever is under way", async () => {
      const { url } = await openDatabase(engine);
      /** @type {Task} */
      const task = async ({ nativeAdapter, password, user, turn, tell, data: url }) => {
        const adapter = nativeAdapter(url)({});
        adapter.transaction(async (inside) => {
          for (let n = 0; ; n += 1) await inside.create({ model: "user", data: user(`never ${process.pid} ${n}`) });
        });
        for (let n = 0; n < 100; n += 1) {
          adapter.count({ model: "user" });
          adapter.create({ model: "user", data: user(`${process.pid} ${n}`) });
          password.hash("correct horse battery staple");
        }
        await turn(10);
        process.exit(7);
      };
      const processes = times(2, () => inProcess(task, url));
      for (const each of processes) await expect(each.result()).rejects.toThrow("exit code 7");
    });
  });

  test("a transaction that everybody has forgotten is rolled back", async () => {
    const { url, adapter } = await openDatabase(engine);
    const forgetful = inProcess(
      async ({ nativeAdapter, user, turn, data: url }) => {
        const adapter = nativeAdapter(url)({});
        await adapter.count({ model: "user" });
        await new Promise((resolve) => {
          adapter.transaction(async (inside) => {
            await inside.create({ model: "user", data: user("never") });
            resolve(undefined);
            await new Promise(() => {});
          });
        });
        let waiting = true;
        const written = adapter.create({ model: "user", data: user("there") }).then(() => {
          waiting = false;
        });
        while (waiting) {
          await turn(10);
          globalThis.gc?.();
        }
        await written;
      },
      url,
      ["--expose-gc"],
    );
    await forgetful.result();
    expect(await userNames(adapter)).toEqual(["there"]);
  });
});

describe("SQLite", () => {
  const [file] = sqliteEngines;
  const pathOf = (/** @type {string} */ url) => url.slice("sqlite:".length);

  test("nothing is opened before the first operation", async () => {
    const url = await emptyDatabase(file);
    const database = nativeAdapter(url);
    betterAuth({ ...basics, database });
    expect(existsSync(pathOf(url))).toBe(false);
    await database.migrate();
    expect(existsSync(pathOf(url))).toBe(true);
    await database.close();
  });

  test("after close() the database is one file", async () => {
    const { url, database, adapter } = await openDatabase(file);
    await Promise.all(times(5_000, (n) => adapter.create({ model: "user", data: user(n) })));
    await database.close();
    expect(readdirSync(dirname(pathOf(url)))).toEqual(["auth.db"]);
  });

  test("a write that gave up waiting does not open it again after close()", async () => {
    const { url, database, adapter } = await openDatabase(file);
    const hasty = nativeAdapter({ url, acquireTimeoutMs: 10 });
    await adapter.transaction(async (inside) => {
      await inside.create({ model: "user", data: user("first") });
      const write = hasty({}).create({ model: "user", data: user("late") });
      await expect(write).rejects.toMatchObject({ code: "POOL_TIMEOUT" });
      await hasty.close();
    });
    // Whoever waits for a turn gets it in the order they came: the other's is over after this.
    await adapter.transaction((inside) => inside.create({ model: "user", data: user("in time") }));
    await database.close();
    expect(readdirSync(dirname(pathOf(url)))).toEqual(["auth.db"]);
  });

  test.runIf(process.platform === "linux")("200 databases, closed or forgotten, leave no files, threads or memory", async () => {
    const url = await emptyDatabase(file);
    const process = inProcess(
      async ({ nativeAdapter, user, turn, require, data: url }) => {
        const { readdirSync, readFileSync } = require("node:fs");
        const left = async () => {
          // What is collected in one turn lets go of something else in the next.
          for (let n = 0; n < 10; n += 1) {
            globalThis.gc?.();
            await turn(1);
          }
          return {
            files: readdirSync("/proc/self/fd").length,
            threads: readdirSync("/proc/self/task").length,
            megabytes: Number(/VmRSS:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024,
          };
        };
        const openAndLeave = async (/** @type {number} */ rounds) => {
          for (let round = 0; round < rounds; round += 1) {
            const database = nativeAdapter(url);
            await database.migrate({});
            const adapter = database({});
            await Promise.all([
              adapter.create({ model: "user", data: user(round) }),
              adapter.findMany({ model: "user" }),
              adapter.transaction((inside) => inside.deleteMany({ model: "user", where: [] })),
              adapter.transaction(async () => Promise.reject(new Error("on purpose"))).catch(() => {}),
            ]);
            if (round % 2 === 0) await database.close();
          }
        };
        // What stays for good, such as the threads that work and the memory of the allocator, is there
        // afterwards.
        await openAndLeave(400);
        const before = await left();
        await openAndLeave(200);
        return { before, after: await left() };
      },
      url,
      ["--expose-gc"],
    );
    const { before, after } = await process.result();
    expect(after.files).toBeLessThanOrEqual(before.files);
    // The runtime keeps idle threads for ten seconds, as many as had work at once; one that stayed
    // per database would be 200.
    expect(after.threads).toBeLessThanOrEqual(before.threads + 16);
    expect(after.megabytes).toBeLessThan(before.megabytes + 16);
  });
});
