// Migrations that do not get to their end, that meet each other, and that may not do what they
// would: nothing is half done without a record, and the next one goes on from there.

import { watch } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { serverEngines } from "./engines/index.js";
import { reader } from "./servers/accounts.js";
import { startProxy } from "./servers/index.js";
import { emptyDatabase, everySharedEngine, named, openDatabase } from "./support/database.js";
import { inProcess } from "./support/elsewhere/index.js";
import { migrateAtOnce } from "./support/migrate-at-once.js";
import { user } from "./support/rows.js";

/** @typedef {import("better-auth").BetterAuthOptions} BetterAuthOptions */

const nothingWrong = { valid: true, errors: [], warnings: [] };

/** A table, columns, indexes and a foreign key more than Better Auth alone. @type {BetterAuthOptions} */
const grown = {
  rateLimit: { storage: "database" },
  user: {
    additionalFields: {
      nickname: { type: "string", required: false, unique: true },
      inviter: { type: "string", required: false, index: true, references: { model: "user", field: "id", onDelete: "set null" } },
    },
  },
};

/** @param {string} url @param {BetterAuthOptions} options @param {"migrate" | "rollback"} way */
const elsewhere = (url, options, way) =>
  inProcess(
    async ({ nativeAdapter, data: { url, options, way } }) => {
      const database = nativeAdapter({ url, tls: false });
      if (way === "migrate") await database.migrate(options);
      else await database.rollback();
      await database.close();
    },
    { url, options, way },
  );

describe.each(named(serverEngines))("%s", (name, unspecific) => {
  const engine = /** @type {typeof serverEngines[number]} */ (unspecific);
  const isPostgres = name === "PostgreSQL";
  /** A statement as it crosses the wire by itself, and not within a script that is recorded. @param {string} statement */
  const sent = (statement) => (isPostgres ? `${statement}\0` : `\x03${statement}`);

  /** A database as an earlier release left it, and what takes it from there to `grown` and back. */
  async function behindProxy() {
    const { url, database, adapter } = await openDatabase(engine);
    const ada = await adapter.create({ model: "user", data: user("ada") });
    const { steps } = await database.plan(grown);
    const proxy = await startProxy(url);
    onTestFinished(() => proxy.stop());
    return {
      proxy,
      database,
      steps,
      /** A transaction leaves nothing; where there is none, the history tells how far it came. */
      async expectRecorded() {
        const { versions } = await database.status(grown);
        expect(versions.some(({ state }) => state === "interrupted")).toBe(!isPostgres);
      },
      async expectWhole() {
        expect(await database.validate(grown)).toEqual(nothingWrong);
        expect(await database.status(grown)).toMatchObject({ inStep: true, pending: [] });
      },
      async expectAsBefore() {
        expect(await database.status({})).toMatchObject({ inStep: true, version: 1 });
        expect(await database.validate({})).toEqual(nothingWrong);
        expect((await database.plan(grown)).statements).toEqual(steps.map(({ up }) => up));
        expect(await adapter.findMany({ model: "user" })).toEqual([ada]);
      },
    };
  }

  /** [a step's place, when] A transaction is the same at each of its statements. @param {number} steps */
  function moments(steps) {
    const places = isPostgres ? [0, steps - 1] : Array.from({ length: steps }, (_, place) => place);
    return places.flatMap((place) => [/** @type {const} */ ([place, "request"]), /** @type {const} */ ([place, "answer"])]);
  }

  test("a migration that is killed at any of its statements is taken to its end by the next", async () => {
    const { proxy, database, steps, expectRecorded, expectWhole, expectAsBefore } = await behindProxy();
    for (const [place, before] of moments(steps.length)) {
      const held = proxy.holdBefore(before, sent(steps[place].up));
      const process = elsewhere(proxy.url, grown, "migrate");
      await held;
      await process.stop();
      proxy.cut();

      await expectRecorded();
      await database.migrate(grown);
      await expectWhole();
      await database.rollback({ to: 1 });
      await expectAsBefore();
    }
  }, 120_000);

  test("so is a way back", async () => {
    const { proxy, database, steps, expectRecorded, expectWhole, expectAsBefore } = await behindProxy();
    for (const [place, before] of moments(steps.length).filter((_, at) => isPostgres || at % 3 === 0)) {
      await database.migrate(grown);
      const held = proxy.holdBefore(before, sent(steps[place].down));
      const process = elsewhere(proxy.url, grown, "rollback");
      await held;
      await process.stop();
      proxy.cut();

      await expectRecorded();
      // Forwards again is a way out too.
      if (place % 2 === 0) {
        await database.migrate(grown);
        await expectWhole();
      }
      await database.rollback({ to: 1 });
      await expectAsBefore();
    }
  }, 120_000);
});

test("SQLite: a migration that is killed at any moment is there wholly or not at all", async () => {
  const seen = new Set();
  for (let writes = 1; writes <= 12; writes += 1) {
    const { url, database, adapter } = await openDatabase(everySharedEngine[0][1]);
    const ada = await adapter.create({ model: "user", data: user("ada") });
    const { steps } = await database.plan(grown);
    const process = inProcess(
      async ({ nativeAdapter, tell, data: { url, options } }) => {
        const database = nativeAdapter(url);
        await database.plan(options);
        tell("begins");
        await database.migrate(options);
        await database.close();
      },
      { url, options: grown },
    );
    await process.told();
    await written(dirname(url.slice("sqlite:".length)), writes, process);
    await process.stop();
    const left = (await database.plan(grown)).steps.length;
    expect([0, steps.length]).toContain(left);
    seen.add(left);
    const { versions } = await database.status(grown);
    expect(versions).toHaveLength(left === 0 ? 2 : 1);
    await database.migrate(grown);
    expect(await database.validate(grown)).toEqual(nothingWrong);
    await database.rollback({ to: 1 });
    expect(await adapter.findMany({ model: "user" })).toEqual([ada]);
  }
}, 120_000);

/**
 * Until something in the folder has changed that often, or the process is done.
 *
 * @param {string} folder
 * @param {number} times
 * @param {ReturnType<typeof inProcess>} process
 */
async function written(folder, times, process) {
  let left = times;
  const watcher = watch(folder);
  const changes = new Promise((enough) => {
    watcher.on("change", () => {
      left -= 1;
      if (left === 0) enough(undefined);
    });
  });
  await Promise.race([changes, process.result().catch(() => {})]);
  watcher.close();
}

describe.each(everySharedEngine)("%s", (_, engine) => {
  test("two releases of an application migrate at once: each gets what it asks for, once", async () => {
    const url = await emptyDatabase(engine);
    /** @type {BetterAuthOptions[]} */
    const releases = [
      { user: { additionalFields: { nickname: { type: "string", required: false, unique: true } } } },
      { user: { additionalFields: { points: { type: "number", required: false, index: true } } }, rateLimit: { storage: "database" } },
    ];
    const taken = (await migrateAtOnce(url, [...releases, ...releases])).flat();
    expect(new Set(taken).size).toBe(taken.length);
    const database = nativeAdapter(url);
    onTestFinished(() => database.close());
    for (const options of releases) expect(await database.validate(options)).toEqual(nothingWrong);
    const { versions } = await database.status(releases[0]);
    expect(versions.map(({ version, state }) => [version, state])).toEqual([[1, "applied"], [2, "applied"]]);
  });
});

describe.each(named(serverEngines))("%s, as somebody who may only read", (name, unspecific) => {
  const engine = /** @type {typeof serverEngines[number]} */ (unspecific);
  const isPostgres = name === "PostgreSQL";

  /** @param {BetterAuthOptions[]} releases that migrated before */
  async function asReader(releases) {
    const { url, query, drop } = await engine.create();
    const admin = nativeAdapter(url);
    for (const options of releases) await admin.migrate(options);
    await admin.close();
    if (isPostgres) await query(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${reader}`);
    onTestFinished(drop);
    const own = nativeAdapter(Object.assign(new URL(url), { username: reader }).href);
    onTestFinished(() => own.close());
    return own;
  }

  test("what is there and what is missing is told; changing it is refused, and says by whom", async () => {
    const database = await asReader([{}]);
    const { statements } = await database.plan(grown);
    expect(statements).not.toEqual([]);
    expect(await database.validate({})).toEqual(nothingWrong);
    expect(await database.status({})).toMatchObject({ inStep: true, version: 1 });
    for (const change of [() => database.migrate(grown), () => database.rollback({ force: true })]) {
      await expect(change()).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    }
    // In step, there is nothing that it would need a right for.
    expect(await database.migrate({})).toMatchObject({ statements: [] });
    expect(await database.status({})).toMatchObject({ inStep: true, version: 1 });
  });

  test("an empty database is told to be one", async () => {
    const database = await asReader([]);
    expect(await database.status({})).toMatchObject({ inStep: false, version: null });
    await expect(database.migrate({})).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    expect(await database.status({})).toMatchObject({ inStep: false, version: null });
  });
});
