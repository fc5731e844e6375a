// SQLite on a system that has no file locks of open file descriptions: a preloaded library refuses them
// as Linux before 3.15 and some file systems do.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { locksOn } from "./neighbours/system-locks.js";
import { inProcess } from "./support/elsewhere/index.js";
import { sqliteFile } from "./support/sqlite-file.js";

describe.runIf(process.platform === "linux")("without file locks of open file descriptions", () => {
  /** @type {string} */
  let folder;
  /** @type {string} */
  let library;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "better-auth-native-"));
    library = join(folder, "older-system.so");
    const source = fileURLToPath(new URL("neighbours/older-system.c", import.meta.url));
    execFileSync("cc", ["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o", library, source, "-ldl"]);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** @param {import("./support/elsewhere/main.js").Task} task */
  function onOlderSystem(task) {
    const { path, url, drop } = sqliteFile("PRAGMA journal_mode = WAL");
    onTestFinished(drop);
    const there = inProcess(task, { path, url }, [], { LD_PRELOAD: library });
    return { path, there };
  }

  test("the locks are SQLite's own, and several adapters work on one file", async () => {
    const { path, there } = onOlderSystem(async ({ nativeAdapter, user, tell, told, data }) => {
      const [first, second] = [nativeAdapter(data.url), nativeAdapter(data.url)];
      await first.migrate({});
      for (let count = 0; count < 10; count += 1) {
        await [first, second][count % 2]({}).create({ model: "user", data: user(`u${count}`) });
      }
      await second.close();
      tell();
      await told();
      const rows = await first({}).count({ model: "user" });
      await first.close();
      return rows;
    });
    await there.told();
    expect(locksOn(path, "POSIX")).toEqual(["READ 1073741826 to 1073742335"]);
    expect(locksOn(path, "OFDLCK")).toEqual([]);
    there.tell();
    expect(await there.result()).toBe(10);
  });

  test("adapters that open a file at the same time do not take each other for strangers", async () => {
    const { there } = onOlderSystem(async ({ nativeAdapter, data }) => {
      const first = nativeAdapter(data.url);
      await first.query("CREATE TABLE notes (text)");
      for (let round = 0; round < 20; round += 1) {
        const adapters = Array.from({ length: 24 }, () => nativeAdapter(data.url));
        await Promise.all(adapters.map((database) => database.query("INSERT INTO notes VALUES ('kept')")));
        await Promise.all(adapters.map((database) => database.close()));
      }
      const { rows } = await first.query("SELECT count(*) AS notes FROM notes");
      await first.close();
      return rows;
    });
    expect(await there.result()).toEqual([{ notes: 480 }]);
  });

  test("a file that another driver has open in the process is refused, and its locks stay", async () => {
    const { path, there } = onOlderSystem(async ({ nativeAdapter, require, tell, told, data }) => {
      const Driver = require("libsql");
      const driver = new Driver(data.path);
      driver.exec("CREATE TABLE notes (text); BEGIN IMMEDIATE; INSERT INTO notes VALUES ('kept')");
      const refusals = [];
      for (let times = 0; times < 3; times += 1) {
        const refused = nativeAdapter(data.url);
        const error = await refused.migrate({}).catch((/** @type {any} */ error) => error);
        refusals.push({ code: error.code, message: error.message });
        await refused.close();
      }
      tell();
      await told();
      driver.exec("COMMIT");
      return { refusals, notes: driver.prepare("SELECT text FROM notes").all() };
    });
    await there.told();
    // WAL_WRITE_LOCK, and that readers share the file.
    expect(locksOn(`${path}-shm`, "POSIX")).toContain("WRITE 120 to 120");
    expect(locksOn(path, "POSIX")).toEqual(["READ 1073741826 to 1073742335"]);
    there.tell();
    const { refusals, notes } = await there.result();
    const message = expect.stringMatching(/auth\.db is open elsewhere in this process.*database\.kysely\(\)/);
    expect(refusals).toEqual(Array(3).fill({ code: "FILE_OPEN_ELSEWHERE", message }));
    expect(notes).toEqual([{ text: "kept" }]);
  });

  test("a file is opened once the other driver has closed it", async () => {
    const { there } = onOlderSystem(async ({ nativeAdapter, require, user, data }) => {
      const Driver = require("libsql");
      const database = nativeAdapter(data.url);
      const driver = new Driver(data.path);
      driver.exec("CREATE TABLE notes (text)");
      const { code } = await database.migrate({}).catch((/** @type {any} */ error) => error);
      driver.close();
      await database.migrate({});
      await database({}).create({ model: "user", data: user("u") });
      const rows = await database({}).count({ model: "user" });
      await database.close();
      return { code, rows };
    });
    expect(await there.result()).toEqual({ code: "FILE_OPEN_ELSEWHERE", rows: 1 });
  });
});
