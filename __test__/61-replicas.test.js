// Read replicas: what only reads goes there, whoever has written sees what they wrote, and a replica
// that is lost is missed by nobody.

import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { serverEngines } from "./engines/index.js";
import { postgres, startProxy } from "./servers/index.js";
import { named } from "./support/database.js";
import { counter, increment, verification } from "./support/rows.js";
import { connect, databasesAt, eventually, open, openBehindProxy } from "./support/server-database.js";

/** @param {number} length @param {(n: number) => any} make */
const times = (length, make) => Array.from({ length }, (_, n) => make(n));

const model = "verification";
const where = [{ field: "identifier", value: "row" }];

/** What a read says of where it was answered: each place has a row of its own. @param {any} adapter */
const place = async (adapter) => (await adapter.findOne({ model, where })).value;

describe.each(named(serverEngines))("%s", (_, engine) => {
  /**
   * Databases that differ, as a primary and a replica do that is far behind, for ever: where a call
   * went is what it finds.
   *
   * @param {object} [options] of nativeAdapter
   * @param {number} [replicas]
   */
  async function openApart(options, replicas = 1) {
    const primary = await openBehindProxy(engine);
    const others = [];
    for (let n = 0; n < replicas; n += 1) others.push(await openBehindProxy(engine));
    for (const [each, value] of [[primary, "primary"], ...others.map((other, n) => [other, `replica ${n}`])]) {
      await each.adapter.create({ model, data: verification("row", value) });
      await each.adapter.create({ model: "rateLimit", data: counter });
      await each.database.close();
    }
    const urls = others.map(({ proxy }) => proxy.url);
    return { primary, replicas: others, ...open(primary.proxy.url, { replicas: urls, ...options }) };
  }

  test("reads go to a replica, and everything in a transaction to the primary", async () => {
    const { adapter } = await openApart();
    expect(await place(adapter)).toBe("replica 0");
    expect(await adapter.findMany({ model, where })).toMatchObject([{ value: "replica 0" }]);
    const there = [{ field: "value", operator: "starts_with", value: "replica" }];
    expect(await adapter.count({ model, where: there })).toBe(1);
    await adapter.transaction(async (/** @type {any} */ inside) => {
      expect(await place(inside)).toBe("primary");
      expect(await inside.count({ model, where: there })).toBe(0);
    });
    expect(await place(adapter)).toBe("replica 0");
  });

  test("writes go to the primary", async () => {
    const { adapter, primary, replicas } = await openApart({ primaryAfterWriteMs: 0 });
    await adapter.create({ model, data: verification("created") });
    await adapter.updateMany({ model, where, update: { value: "changed" } });
    expect(await adapter.update({ model, where, update: { value: "changed again" } })).toMatchObject({ value: "changed again" });
    expect(await adapter.incrementOne(increment)).toMatchObject({ count: 1 });
    expect(await adapter.consumeOne({ model, where })).toMatchObject({ value: "changed again" });
    expect(await primary.stored()).toEqual({ created: "" });
    expect(await replicas[0].stored()).toEqual({ row: "replica 0" });
  });

  const writes = /** @type {[string, (adapter: any) => Promise<any>][]} */ ([
    ["a write", (adapter) => adapter.create({ model, data: verification("created") })],
    ["a write that found nothing", (adapter) => adapter.deleteMany({ model, where: [{ field: "identifier", value: "nobody" }] })],
    [
      "a transaction",
      (adapter) => adapter.transaction((/** @type {any} */ inside) => inside.create({ model, data: verification("created") })),
    ],
  ]);
  test.each(writes)("after %s its adapter reads from the primary, and others do not", async (_, write) => {
    const { adapter, primary, replicas } = await openApart({ primaryAfterWriteMs: 60_000 });
    const other = open(primary.proxy.url, { replicas: [replicas[0].proxy.url] });
    expect(await place(adapter)).toBe("replica 0");
    await write(adapter);
    expect(await place(adapter)).toBe("primary");
    expect(await place(other.adapter)).toBe("replica 0");
  });

  test("and some time later from the replica again", async () => {
    const { adapter } = await openApart({ primaryAfterWriteMs: 300 });
    await adapter.create({ model, data: verification("created") });
    expect(await place(adapter)).toBe("primary");
    await eventually(async () => expect(await place(adapter)).toBe("replica 0"));
  });

  test("several replicas take turns", async () => {
    const { adapter } = await openApart({}, 3);
    const places = [];
    for (let read = 0; read < 6; read += 1) places.push(await place(adapter));
    expect(places).toEqual(times(6, (n) => `replica ${n % 3}`));
  });

  describe("a replica that is lost", () => {
    test("because its connections end: it is connected to again", async () => {
      const { adapter, replicas } = await openApart();
      expect(await place(adapter)).toBe("replica 0");
      replicas[0].proxy.cut();
      expect(await place(adapter)).toBe("replica 0");
    });

    test("because it cannot be reached: others answer, until it is there again", async () => {
      const { adapter, replicas } = await openApart({}, 2);
      const { proxy } = replicas[0];
      expect([await place(adapter), await place(adapter)]).toEqual(["replica 0", "replica 1"]);
      proxy.refuse();
      proxy.cut();
      const places = await Promise.all(times(20, () => place(adapter)));
      expect(new Set(places)).toEqual(new Set(["replica 1", "primary"]));
      await proxy.accept();
      await eventually(async () => expect(await place(adapter)).toBe("replica 0"));
    });

    test("because it does not answer: the primary does, after statementTimeoutMs", async () => {
      const { adapter, replicas } = await openApart({ statementTimeoutMs: 100 });
      expect(await place(adapter)).toBe("replica 0");
      replicas[0].proxy.freeze();
      expect(await place(adapter)).toBe("primary");
      // Nobody waits for it again.
      const begun = performance.now();
      expect(await place(adapter)).toBe("primary");
      expect(performance.now() - begun).toBeLessThan(1_000);
      replicas[0].proxy.thaw();
      await eventually(async () => expect(await place(adapter)).toBe("replica 0"));
    });

    test("because its tables are not there yet: the primary answers", async () => {
      const { adapter, replicas } = await openApart();
      await replicas[0].query("DROP TABLE verification");
      expect(await place(adapter)).toBe("primary");
    });

    test("and the primary with it: the caller is told", async () => {
      const { adapter, primary, replicas } = await openApart();
      for (const { proxy } of [primary, ...replicas]) {
        proxy.refuse();
        proxy.cut();
      }
      await expect(place(adapter)).rejects.toMatchObject({ code: "CONNECT_FAILED", retryable: true });
    });
  });

  test("a replica's address may be its difference from the primary's", async () => {
    const { primary, replicas } = await openApart();
    const database = new URL(replicas[0].url).pathname.slice(1);
    const { adapter } = open(primary.proxy.url, { replicas: [{ database, port: replicas[0].proxy.port }] });
    expect(await place(adapter)).toBe("replica 0");
  });
});

describe("PostgreSQL's hot standby", () => {
  /** @type {import("./servers/daemon.js").Server} */
  let primary;
  /** @type {import("./servers/daemon.js").Server} */
  let standby;

  beforeAll(async () => {
    primary = await postgres.start();
    standby = await postgres.startStandby(primary, { settings: { max_standby_streaming_delay: 0 } });
  });
  afterAll(async () => {
    await standby?.stop();
    await primary?.stop();
  });

  /** @param {object} [options] of nativeAdapter */
  async function openReplicated(options) {
    const made = await openBehindProxy(databasesAt(primary.url));
    await made.database.close();
    const { pathname } = new URL(made.url);
    const at = (/** @type {string} */ url) => Object.assign(new URL(url), { pathname }).href;
    const proxy = await startProxy(at(standby.url));
    onTestFinished(() => proxy.stop());
    const all = { replicas: [proxy.url], ...options };
    // The standby makes the database in its own time.
    const admin = await vi.waitFor(() => connect(at(standby.adminUrl)), { timeout: 15_000 });
    return {
      query: made.query,
      admin,
      proxy,
      ...open(made.url, all),
      /** A second application. */
      another: () => open(made.url, all),
    };
  }

  /** @param {{ query: (sql: string) => Promise<any[]> }} admin @param {any} primary */
  const caughtUp = async (admin, { query }) => {
    const [{ lsn }] = await query("SELECT pg_current_wal_lsn()::text AS lsn");
    await eventually(async () => {
      const [{ there }] = await admin.query(`SELECT pg_last_wal_replay_lsn() >= '${lsn}' AS there`);
      expect(there).toBe(true);
    });
  };

  /** @param {any} adapter @param {string} name */
  const read = (adapter, name) =>
    adapter.findOne({ model, where: [{ field: "identifier", value: name }] });

  test("answers reads, also those of what was written last; who wrote it does not wait for that", async () => {
    const { adapter, admin, another, ...database } = await openReplicated({ primaryAfterWriteMs: 60_000 });
    await adapter.create({ model, data: verification("first") });
    await caughtUp(admin, database);
    await admin.query("SELECT pg_wal_replay_pause()");
    await adapter.create({ model, data: verification("second") });
    const other = another();
    expect(await read(other.adapter, "first")).toMatchObject({ identifier: "first" });
    expect(await read(other.adapter, "second")).toBe(null);
    expect(await read(adapter, "second")).toMatchObject({ identifier: "second" });
    await admin.query("SELECT pg_wal_replay_resume()");
    await caughtUp(admin, database);
    expect(await read(other.adapter, "second")).toMatchObject({ identifier: "second" });
  });

  test("may cancel what is in its way: the primary answers", async () => {
    const { adapter, admin, query, proxy, ...database } = await openReplicated();
    await query("INSERT INTO verification (id, identifier, value) SELECT n, n, '' FROM generate_series(1, 1000) AS n");
    await caughtUp(admin, { query });
    const cancelled = async () => {
      const [{ conflicts }] = await admin.query(
        "SELECT confl_lock::int AS conflicts FROM pg_stat_database_conflicts WHERE datname = current_database()",
      );
      return conflicts;
    };
    expect(await cancelled()).toBe(0);
    // Reads that overlap with a lock of the primary's, which the standby has to take as well.
    let reading = true;
    const counts = new Set();
    const readers = Promise.all(
      times(8, async () => {
        const slow = [{ field: "identifier", operator: "contains", value: "999" }];
        while (reading) counts.add(await adapter.count({ model, where: slow }));
      }),
    );
    await eventually(async () => {
      await query("BEGIN; LOCK TABLE verification IN ACCESS EXCLUSIVE MODE; COMMIT");
      await caughtUp(admin, { query });
      expect(await cancelled()).toBeGreaterThan(0);
    });
    reading = false;
    await readers;
    expect([...counts]).toEqual([1]);
    await database.database.close();
  });

  test("is killed and started under load: every read is answered, and those later by it again", async () => {
    const { adapter, admin, query, proxy } = await openReplicated();
    await query("INSERT INTO verification (id, identifier, value) VALUES ('1', 'row', 'there')");
    await caughtUp(admin, { query });
    let reading = true;
    let answered = 0;
    const readers = Promise.all(
      times(16, async () => {
        while (reading) {
          expect(await read(adapter, "row")).toMatchObject({ value: "there" });
          answered += 1;
        }
      }),
    );
    const someMore = async () => {
      const before = answered;
      await eventually(() => expect(answered).toBeGreaterThan(before + 100));
    };
    await someMore();
    await standby.kill();
    await someMore();
    await standby.restart();
    const { requests } = proxy;
    await eventually(() => expect(proxy.requests).toBeGreaterThan(requests + 100));
    reading = false;
    await readers;
  });
});
