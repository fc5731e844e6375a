// Another copy of SQLite in the same process, on the same file: the application's own driver, or this
// package loaded from two places.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { betterAuth } from "better-auth";
import Driver from "libsql";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { SECOND_COPY } from "./neighbours/drivers.js";
import { faultsOf, noFaults, openGround } from "./neighbours/index.js";
import { modes } from "./neighbours/modes.js";
import { canResetLog, canWrite, visit } from "./neighbours/stranger.js";
import { descriptorsOf, locksOn } from "./neighbours/system-locks.js";
import { basics } from "./support/basics.js";
import { inProcess } from "./support/elsewhere/index.js";
import { verification } from "./support/rows.js";
import { sqliteFile } from "./support/sqlite-file.js";

// better-sqlite3 has to be compiled; neighbours/full.js does, and runs all of them for longer.
const neighbours = ["libsql", "node:sqlite", SECOND_COPY];
const everyMode = Object.entries(modes).map(([mode, { description }]) => /** @type {const} */ ([mode, description]));

/** Of runs, in milliseconds: a bound for a hang. */
const BOUND = 120_000;

describe("both write, and nothing that was acknowledged is lost", () => {
  /** @type {Awaited<ReturnType<typeof openGround>>} */
  let ground;
  beforeAll(async () => {
    ground = await openGround();
  });
  afterAll(() => ground.close());

  describe.each(neighbours)("beside %s", (neighbour) => {
    test.each(everyMode)("%s: %s", { timeout: BOUND }, async (mode) => {
      const result = await ground.run({ neighbour, mode, seconds: 1 });
      expect(faultsOf(result)).toEqual(noFaults);
      expect(result.acknowledged.ours).toBeGreaterThanOrEqual(20);
      expect(result.acknowledged.neighbour).toBeGreaterThanOrEqual(20);
    });

    test("with another process, and both killed again and again", { timeout: BOUND }, async () => {
      const result = await ground.run({ neighbour, mode: "reopened", seconds: 2, second: true, kills: true });
      expect(faultsOf(result)).toEqual(noFaults);
      expect(result.kills).toBeGreaterThan(0);
    });
  });
});

/** What drops a process's POSIX locks on a file, or may. @type {[string, (path: string) => void][]} */
const visitors = [
  ["another copy of SQLite opens, reads and closes it", visit],
  ["its files are read", (path) => ["", "-wal", "-shm"].forEach((suffix) => readFileSync(`${path}${suffix}`))],
];

describe.each(visitors)("while this package's transaction has written and %s", (_, visitor) => {
  test("nobody else can write", async () => {
    const { path, database } = await open();
    const other = otherProcess(path);
    await inTransaction(database, async () => {
      expect([canWrite(path), await other.canWrite()]).toEqual([false, false]);
      visitor(path);
      expect([canWrite(path), await other.canWrite()]).toEqual([false, false]);
    });
    expect([canWrite(path), await other.canWrite()]).toEqual([true, true]);
  });

  test("nobody else can end write-ahead logging", async () => {
    const { path, database } = await open();
    await inTransaction(database, async () => {
      visitor(path);
      const driver = new Driver(path);
      expect(() => driver.exec("PRAGMA journal_mode = DELETE")).toThrow("locked");
      driver.close();
    });
    expect(await database({}).count({ model: "verification" })).toBe(2);
  });

  test("nobody else can reset the log", async () => {
    const { path, database } = await open();
    const other = otherProcess(path);
    await inTransaction(database, async () => {
      visitor(path);
      expect([canResetLog(path), await other.canResetLog()]).toEqual([false, false]);
    });
    expect([canResetLog(path), await other.canResetLog()]).toEqual([true, true]);
  });

  test.runIf(process.platform === "linux")("its locks are those of the open file, on the log's index too", async () => {
    const { path, database } = await open();
    const [index, lockedBytes] = [`${path}-shm`, "1073741826 to 1073742335"];
    await inTransaction(database, async () => {
      const before = locksOn(index, "OFDLCK");
      // WAL_WRITE_LOCK, and the one that says that somebody uses the index.
      expect(before).toEqual(expect.arrayContaining(["WRITE 120 to 120", "READ 128 to 128"]));
      expect(locksOn(path, "OFDLCK")).toEqual([`READ ${lockedBytes}`]);
      visitor(path);
      expect(locksOn(index, "OFDLCK")).toEqual(before);
      expect(locksOn(path, "OFDLCK")).toEqual([`READ ${lockedBytes}`]);
      expect([locksOn(path, "POSIX"), locksOn(index, "POSIX")]).toEqual([[], []]);
    });
    expect(locksOn(index, "OFDLCK")).not.toContain("WRITE 120 to 120");
  });
});

describe("while the other copy's transaction has written and this package opens, reads and closes the file", () => {
  test("nobody else can write", async () => {
    const { path, database } = await open();
    const other = otherProcess(path);
    await database.close();
    const driver = writing(path);
    expect(await other.canWrite()).toBe(false);
    await readWithThePackage(path);
    expect(await other.canWrite()).toBe(false);
    driver.exec("COMMIT");
    expect(await other.canWrite()).toBe(true);
    driver.close();
  });

  test("this package waits to write", async () => {
    const { path, database } = await open();
    const driver = writing(path);
    await readWithThePackage(path);
    let committed = false;
    const create = database({}).create({ model: "verification", data: verification("waits") });
    const created = create.then(() => expect(committed).toBe(true));
    driver.exec("INSERT INTO notes VALUES ('second'), ('third')");
    await readWithThePackage(path);
    committed = true;
    driver.exec("COMMIT");
    await created;
    driver.close();
  });

  test.runIf(process.platform === "linux")("its locks stay, and no descriptor is left when it has closed", async () => {
    const { path, database } = await open();
    await database.close();
    const driver = writing(path);
    const locks = () => [locksOn(path, "POSIX"), locksOn(`${path}-shm`, "POSIX")];
    const before = locks();
    expect(before[1]).toContain("WRITE 120 to 120");
    await readWithThePackage(path);
    expect(locks()).toEqual(before);
    const kept = descriptorsOf(path);
    for (let times = 0; times < 20; times += 1) await readWithThePackage(path);
    expect(descriptorsOf(path)).toEqual(kept);
    driver.exec("COMMIT");
    driver.close();
    // What it kept for the other one's sake it closes with what it opens next.
    await readWithThePackage(path);
    expect(descriptorsOf(path)).toEqual([]);
  });
});

/** A database that this package has open, with a table of the application's. */
async function open() {
  const { path, url, drop } = sqliteFile("PRAGMA journal_mode = WAL; CREATE TABLE notes (text)");
  onTestFinished(drop);
  const database = nativeAdapter(url);
  onTestFinished(() => database.close());
  betterAuth({ ...basics, database });
  await database.migrate({});
  return { path, database };
}

/** @param {ReturnType<typeof nativeAdapter>} database @param {() => Promise<void>} work */
function inTransaction(database, work) {
  return database.withTransaction(async (adapter) => {
    await adapter.create({ model: "verification", data: verification("first") });
    await work();
    await adapter.create({ model: "verification", data: verification("second") });
  });
}

/** @param {string} path */
async function readWithThePackage(path) {
  const database = nativeAdapter(`sqlite:${path}`);
  await database({}).count({ model: "verification" });
  await database.close();
}

/** A driver within a transaction. @param {string} path */
function writing(path) {
  const driver = new Driver(path);
  driver.exec("BEGIN IMMEDIATE; INSERT INTO notes VALUES ('first')");
  return driver;
}

/** The same by another process. @param {string} path */
function otherProcess(path) {
  const other = inProcess(
    async ({ require, tell, told, data }) => {
      const stranger = require(data.stranger);
      for (;;) tell(stranger[await told()](data.path));
    },
    { path, stranger: fileURLToPath(new URL("neighbours/stranger.js", import.meta.url)) },
  );
  const ask = (/** @type {"canWrite" | "canResetLog"} */ attempt) => () => {
    other.tell(attempt);
    return other.told();
  };
  return { canWrite: ask("canWrite"), canResetLog: ask("canResetLog") };
}
