// Copies of SQLite databases that are in use, and dumps of the others as docs/backup.md has them.

import { execFile } from "node:child_process";
import { chmodSync, closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { serverEngines, sqliteEngines } from "./engines/index.js";
import { mariadb, mysql, postgres } from "./servers/index.js";
import { named, openDatabase } from "./support/database.js";
import { everyPlugin } from "./support/plugins.js";
import { user, verification } from "./support/rows.js";

function folder() {
  const path = mkdtempSync(join(tmpdir(), "better-auth-native-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Rows of 100 KB, so that the copy takes several steps. @param {any} adapter */
async function fill(adapter, from = 0, count = 60) {
  for (let number = from; number < from + count; number += 1) {
    await adapter.create({ model: "verification", data: verification(number, "x".repeat(100_000)) });
  }
}

/** What a copy holds. @param {string} path */
async function contentOf(path) {
  const database = nativeAdapter(`sqlite:${path}`);
  const adapter = database({});
  expect(await database.validate({})).toMatchObject({ valid: true });
  const rows = await adapter.findMany({ model: "verification", limit: 1_000, sortBy: { field: "id", direction: "asc" } });
  await database.close();
  return rows;
}

const byId = { field: "id", direction: /** @type {const} */ ("asc") };

describe.each(named(sqliteEngines))("%s", (_, engine) => {
  test("is copied while others write, as it was when the copying began", async () => {
    const { database, adapter } = await openDatabase(engine);
    await fill(adapter);
    const before = await adapter.findMany({ model: "verification", limit: 1_000, sortBy: byId });
    const path = join(folder(), "copy.db");
    /** @type {number[]} */
    const copied = [];
    /** @type {Promise<unknown>[]} */
    const writes = [];
    const { pages } = await database.backup(path, {
      onProgress(progress) {
        copied.push(progress.copied);
        expect(progress.total).toBeGreaterThanOrEqual(progress.copied);
        writes.push(fill(adapter, 1_000 + writes.length, 1));
      },
    });
    await Promise.all(writes);
    expect(writes.length).toBeGreaterThan(3);
    expect(copied).toEqual(copied.toSorted((one, other) => one - other));
    expect(pages * 4_096).toBe(statSync(path).size);
    expect(await contentOf(path)).toEqual(before);
    expect(await adapter.count({ model: "verification" })).toBe(60 + writes.length);
    if (process.platform !== "win32") expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("nothing is overwritten unless that is asked for", async () => {
    const { database, adapter } = await openDatabase(engine);
    const dir = folder();
    const path = join(dir, "copy.db");
    writeFileSync(path, "something else");
    const refused = { code: "INVALID_INPUT" };
    await expect(database.backup(path)).rejects.toMatchObject({ ...refused, message: expect.stringContaining("overwrite") });
    await expect(database.backup(dir, { overwrite: true })).rejects.toMatchObject(refused);
    expect(readFileSync(path, "utf8")).toBe("something else");
    await fill(adapter, 0, 1);
    await database.backup(path, { overwrite: true });
    expect(await contentOf(path)).toHaveLength(1);
    await database.backup(path, { overwrite: true });
    // Somebody has it open.
    writeFileSync(`${path}-wal`, "");
    await expect(database.backup(path, { overwrite: true })).rejects.toMatchObject(refused);
    expect(readdirSync(dir).toSorted()).toEqual(["copy.db", "copy.db-wal"]);
  });

  test("of what was stopped or has failed, nothing is left", async () => {
    const { database, adapter } = await openDatabase(engine);
    await fill(adapter);
    const dir = folder();
    const path = join(dir, "copy.db");
    const stopped = new AbortController();
    const reason = new Error("enough");
    const aborted = database.backup(path, { signal: stopped.signal, onProgress: () => stopped.abort(reason) });
    await expect(aborted).rejects.toBe(reason);
    expect(readdirSync(dir)).toEqual([]);
    await expect(database.backup(path, { signal: stopped.signal })).rejects.toBe(reason);
    const thrown = new Error("the callback's own");
    const throwing = database.backup(path, { onProgress: () => { throw thrown; } });
    await expect(throwing).rejects.toBe(thrown);
    const nowhere = database.backup(join(dir, "no", "such", "folder.db"));
    await expect(nowhere).rejects.toMatchObject({ code: "STORAGE_FAILED" });
    // Somebody is quicker.
    const overtaken = database.backup(path, { onProgress: () => writeFileSync(path, "mine") });
    await expect(overtaken).rejects.toMatchObject({ code: "INVALID_INPUT" });
    expect(readdirSync(dir)).toEqual(["copy.db"]);
    expect(readFileSync(path, "utf8")).toBe("mine");
    await expect(database.backup("")).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(database.backup(path, /** @type {any} */ ({ onStep() {} }))).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });

  test("several at once, and close() waits for them", async () => {
    const { database, adapter } = await openDatabase(engine);
    await fill(adapter, 0, 20);
    const dir = folder();
    const copies = ["one.db", "two.db"].map((name) => database.backup(join(dir, name)));
    const closed = database.close();
    await Promise.all(copies);
    await closed;
    for (const name of readdirSync(dir)) expect(await contentOf(join(dir, name))).toHaveLength(20);
    expect(readdirSync(dir)).toHaveLength(2);
    await expect(database.backup(join(dir, "three.db"))).rejects.toMatchObject({ code: "CLOSED" });
  });
});

test("a file is not copied onto itself, and its damage not into a copy", async () => {
  const { url, database, adapter } = await openDatabase(sqliteEngines[0]);
  const path = url.slice("sqlite:".length);
  await expect(database.backup(path, { overwrite: true })).rejects.toMatchObject({
    code: "INVALID_INPUT",
    message: expect.stringContaining("itself"),
  });
  await fill(adapter);
  await database.close();
  const file = openSync(path, "r+");
  // The head of an index's page, where there is a page of ours for certain.
  for (let page = 2; page < 20; page += 1) writeSync(file, Buffer.alloc(64, 0xa5), 0, 64, page * 4_096);
  closeSync(file);
  const damaged = nativeAdapter(url);
  onTestFinished(() => damaged.close());
  const dir = folder();
  await expect(damaged.backup(join(dir, "copy.db"))).rejects.toMatchObject({ code: "STORAGE_FAILED" });
  expect(readdirSync(dir)).toEqual([]);
});

/** The commands of a section of the guide. @param {string} title */
function commandsOf(title) {
  const guide = readFileSync(new URL("../docs/backup.md", import.meta.url), "utf8");
  const [section] = guide.split(`\n## ${title}\n`)[1].split("\n## ");
  return [...section.matchAll(/```sh\n([^]*?)```/g)].map(([, commands]) => commands);
}

const tools = { PostgreSQL: postgres, MySQL: mysql, MariaDB: mariadb };

describe.each(named(serverEngines))("%s", (name, engine) => {
  test("backup() names the tool that does it", async () => {
    const { database } = await openDatabase(engine);
    await expect(database.backup("copy.db")).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringMatching(/pg_dump|mysqldump/),
    });
  });

  test("the guide's commands dump and restore it", async () => {
    const extras = { migrations: { userSearch: true, updatedAtTriggers: true, caseInsensitiveEmail: true } };
    const { url, database, adapter } = await openDatabase(engine, { options: extras, authOptions: everyPlugin });
    for (const who of ["Ada O'Brien", "Grace \\ \"Hopper\"", "🦊"]) {
      await adapter.create({ model: "user", data: { ...user(who), email: `${who.length}@example.com` } });
    }
    const dir = folder();
    const { program, env } = await tools[/** @type {keyof typeof tools} */ (name)].clients();
    for (const tool of ["pg_dump", "pg_restore", "psql", "mysqldump", "mysql", "mariadb-dump", "mariadb"]) {
      const script = `#!/bin/sh\nexec ${program(tool).map((part) => `'${part}'`).join(" ")} "$@"\n`;
      writeFileSync(join(dir, tool), script);
      chmodSync(join(dir, tool), 0o755);
    }
    const { hostname, port, username, password, pathname } = new URL(url);
    const config = `[client]\nhost = ${hostname}\nport = ${port}\nuser = ${username}\npassword = "${decodeURIComponent(password)}"\n`;
    writeFileSync(join(dir, "client.cnf"), config, { mode: 0o600 });
    const users = await adapter.findMany({ model: "user", sortBy: byId });

    for (const commands of commandsOf(name)) {
      const restored = await engine.create();
      onTestFinished(restored.drop);
      const target = basename(new URL(restored.url).pathname);
      const script = commands.replaceAll(" auth >", ` ${pathname.slice(1)} >`).replaceAll(" restored <", ` ${target} <`);
      await promisify(execFile)("sh", ["-ec", script], {
        cwd: dir,
        env: { ...process.env, ...env, PATH: `${dir}:${process.env.PATH}`, DATABASE_URL: url, RESTORED_URL: restored.url },
      });
      const copy = nativeAdapter({ url: restored.url, ...extras });
      expect(await copy.validate(everyPlugin)).toEqual({ valid: true, errors: [], warnings: [] });
      expect(await copy.plan(everyPlugin)).toMatchObject({ statements: [], version: 1 });
      expect(await copy(everyPlugin).findMany({ model: "user", sortBy: byId })).toEqual(users);
      expect(await copy.searchUsers("o'brien")).toHaveLength(1);
      await copy.close();
    }
    await expect(database.validate(everyPlugin)).resolves.toMatchObject({ valid: true });
  });
});
