// The servers that other tests rely on are what they are taken for.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { serverEngines } from "./engines/index.js";
import * as byMysql from "./engines/mysql.js";
import * as byPg from "./engines/postgres.js";
import {
  galera,
  makeCertificates,
  mariadb,
  mysql,
  pgbouncer,
  postgres,
  startProxy,
} from "./servers/index.js";
import { remove } from "./servers/temporary.js";

/** By their names, for `describe.each`. @param {typeof serverEngines} engines */
const named = (engines) => engines.map((engine) => /** @type {const} */ ([engine.name, engine]));

/**
 * @template {{ stop: () => Promise<void> }} Server
 * @param {Promise<Server>} starting
 */
async function forThisTest(starting) {
  const server = await starting;
  onTestFinished(() => server.stop());
  return server;
}

describe.each(named(serverEngines))("the shared server of %s", (name, { create }) => {
  test("is that", async () => {
    const { query, drop } = await create();
    const [{ version }] = await query("SELECT version() AS version");
    expect([version.includes("PostgreSQL"), version.includes("MariaDB")]).toEqual([
      name === "PostgreSQL",
      name === "MariaDB",
    ]);
    await drop();
  });

  test("drops a database in which somebody is at work", async () => {
    const { url, query, drop } = await create();
    await query("CREATE TABLE counter (value INT)");
    const { connect } = url.startsWith("postgres:") ? byPg : byMysql;
    const other = await connect(url);
    await other.query("BEGIN");
    await other.query("INSERT INTO counter VALUES (1)");
    await drop();
    await expect(other.query("COMMIT")).rejects.toThrow();
  });
});

describe.each([
  ["PostgreSQL", { start: postgres.start, connect: byPg.connect }],
  ["MySQL", { start: mysql.start, connect: byMysql.connect }],
  ["MariaDB", { start: mariadb.start, connect: byMysql.connect }],
])("a server of one's own, %s,", (_name, { start, connect }) => {
  test("comes back after a crash, with all that was committed", async () => {
    const server = await forThisTest(start());
    const before = await connect(server.url);
    await before.query("CREATE TABLE counter (value INT)");
    await before.query("INSERT INTO counter VALUES (1)");
    await server.kill();
    await expect(before.query("SELECT 1")).rejects.toThrow();
    await server.restart();
    const after = await connect(server.url);
    expect(await after.query("SELECT value FROM counter")).toEqual([{ value: 1 }]);
    await after.end();
  });

  test("shows its certificate, to whom it matters", async () => {
    const { directory, ca, strangeCa, server: tls } = await makeCertificates();
    onTestFinished(() => remove(directory));
    const server = await forThisTest(start({ tls }));
    const trusting = (/** @type {string} */ file) => ({ ssl: { ca: readFileSync(file, "utf8") } });
    await (await connect(server.url, trusting(ca))).end();
    await expect(connect(server.url, trusting(strangeCa))).rejects.toThrow("certificate");
  });
});

test("a standby has what is written to its primary, and takes no writes", async () => {
  const server = await forThisTest(postgres.start());
  const copy = await forThisTest(postgres.startStandby(server));
  const primary = await byPg.connect(server.url);
  const standby = await byPg.connect(copy.url);
  await primary.query("CREATE TABLE counter AS SELECT 1 AS value");
  await vi.waitFor(
    async () => expect(await standby.query("SELECT value FROM counter")).toEqual([{ value: 1 }]),
    { timeout: 10_000 },
  );
  await expect(standby.query("DELETE FROM counter")).rejects.toThrow("read-only transaction");
});

test("PgBouncer gives a transaction one connection, and the next another", async () => {
  const server = await forThisTest(postgres.start());
  const pooler = await forThisTest(pgbouncer.start(server));
  const [one, other] = [await byPg.connect(pooler.url), await byPg.connect(pooler.url)];
  const process = async (/** @type {typeof one} */ { query }) =>
    (await query("SELECT pg_backend_pid() AS id"))[0].id;
  const first = await process(one);
  await other.query("BEGIN");
  expect(await process(other)).toBe(first);
  expect(await process(one)).not.toBe(first);
});

describe("a proxy", () => {
  async function openCounter() {
    const { url, query, drop } = await serverEngines[0].create();
    onTestFinished(drop);
    await query("CREATE TABLE counter AS SELECT 0 AS value");
    const proxy = await forThisTest(startProxy(url));
    const { query: ask } = await byPg.connect(proxy.url);
    const value = async () => (await query("SELECT value FROM counter"))[0].value;
    return { proxy, ask, value, count: () => ask("UPDATE counter SET value = value + 1") };
  }

  test.each([
    ["before the request", /** @type {const} */ ("cutBeforeRequest"), 0],
    ["before the answer", /** @type {const} */ ("cutBeforeAnswer"), 1],
  ])("cuts at a given moment: %s", async (_moment, cutAt, done) => {
    const { proxy, ask, value, count } = await openCounter();
    const cut = proxy[cutAt]("UPDATE");
    await ask("SELECT 1");
    await expect(count()).rejects.toThrow();
    await cut;
    expect(await value()).toBe(done);
    expect(proxy.connections).toEqual({ made: 1, open: 0 });
  });

  test("holds bytes back", async () => {
    const { proxy, value, count } = await openCounter();
    proxy.freeze();
    const counted = count();
    expect(await value()).toBe(0);
    proxy.thaw();
    await counted;
    expect(await value()).toBe(1);
  });

  test("refuses new connections and keeps those it has", async () => {
    const { proxy, ask } = await openCounter();
    proxy.refuse();
    await expect(byPg.connect(proxy.url)).rejects.toThrow("ECONNREFUSED");
    await ask("SELECT 1");
    await proxy.accept();
    await (await byPg.connect(proxy.url)).end();
    proxy.cut();
    await expect(ask("SELECT 1")).rejects.toThrow();
  });
});

test("a cluster refuses a transaction that conflicts with another server's", async () => {
  const cluster = await galera.startCluster();
  onTestFinished(async () => {
    await Promise.all(cluster.map((server) => server.stop()));
  });
  const [one, other] = await Promise.all(cluster.map(({ url }) => byMysql.connect(url)));
  await one.query("CREATE TABLE counter (id INT PRIMARY KEY, value INT)");
  await one.query("INSERT INTO counter VALUES (1, 0)");
  await other.query("SET SESSION wsrep_sync_wait = 1; SELECT * FROM counter");
  for (const { query } of [one, other]) {
    await query("BEGIN");
    await query("UPDATE counter SET value = value + 1");
  }
  await one.query("COMMIT");
  await expect(other.query("COMMIT")).rejects.toMatchObject({ errno: 1213 });
});

test("no server outlives the process that started it", async () => {
  const start = `
    import { start } from ${JSON.stringify(import.meta.resolve("./servers/postgres.js"))};
    const { url, directory } = await start();
    console.log(JSON.stringify({ url, directory }));
    process.stdin.resume();`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", start]);
  const [said] = await once(child.stdout, "data");
  const { url, directory } = JSON.parse(said);
  await (await byPg.connect(url)).end();
  child.kill("SIGKILL");
  await vi.waitFor(
    async () => {
      await expect(byPg.connect(url)).rejects.toThrow("ECONNREFUSED");
      expect(existsSync(directory)).toBe(false);
    },
    { timeout: 20_000, interval: 100 },
  );
});
