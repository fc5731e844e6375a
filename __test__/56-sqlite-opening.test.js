// A SQLite file that cannot be opened or written: the error says why, in the system's words, and
// what to do.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { inMount, inProcess } from "./support/elsewhere/index.js";

/** @typedef {import("./support/elsewhere/main.js").Task} Task */

const directory = mkdtempSync(join(tmpdir(), "better-auth-native-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The path of a new folder. @param {string} name */
function folder(name) {
  const path = join(directory, name);
  mkdirSync(path, { recursive: true });
  return path;
}

/** A database with its tables, closed. @param {string} path */
async function made(path) {
  const database = nativeAdapter(`sqlite:${path}`);
  await database.migrate({});
  await database.close();
  return path;
}

/** What status() and create fail with. @param {string} path */
async function failuresOf(path) {
  const database = nativeAdapter(`sqlite:${path}`);
  const failed = (/** @type {Promise<unknown>} */ use) =>
    use.then(
      () => ({ code: "none", message: "" }),
      ({ code, message }) => ({ code, message }),
    );
  const failures = [
    await failed(database.status({})),
    await failed(database({}).count({ model: "user" })),
  ];
  await database.close();
  return failures;
}

/** @param {any[]} failures @param {string} code @param {RegExp} message */
function expectEach(failures, code, message) {
  expect(failures.length).toBeGreaterThan(0);
  for (const failure of failures) expect(failure).toMatchObject({ code, message: expect.stringMatching(message) });
}

describe.skipIf(process.platform === "win32")("the reason is told of", () => {
  /** @type {[string, () => string, RegExp][]} */
  const places = [
    ["a folder that does not exist", () => join(directory, "missing/auth.db"), /its folder .*\/missing does not exist; create it$/],
    ["a folder that is a file", () => (writeFileSync(join(directory, "file"), ""), join(directory, "file/auth.db")), /not a directory/],
    ["a directory", () => folder("directory"), /it is a directory; name a file in it$/],
    ["a name that is too long", () => join(directory, "x".repeat(300)), /name too long; choose a shorter name$/],
    ["a path that is too long for SQLite", () => join(folder(Array(6).fill("y".repeat(90)).join("/")), "auth.db"), /longer than 504 bytes/],
    ["a link into a folder that does not exist", () => (symlinkSync("nowhere/auth.db", join(directory, "link.db")), join(directory, "link.db")), /its folder .*\/nowhere does not exist/],
    ["a link to itself", () => (symlinkSync("loop.db", join(directory, "loop.db")), join(directory, "loop.db")), /symbolic links/],
  ];
  test.each(places)("%s", async (_, place, reason) => {
    const path = place();
    const failures = await failuresOf(path);
    expectEach(failures, "CONNECT_FAILED", reason);
    for (const { message } of failures) expect(message).toContain(`cannot open ${path}: `);
  });
});

/** As somebody to whom permissions apply. @type {Task} */
const asNobody = async ({ nativeAdapter, user, data: paths }) => {
  if (process.getuid?.() === 0) {
    process.setgid?.(65_534);
    process.setuid?.(65_534);
  }
  /** @type {Record<string, any[]>} */
  const failures = {};
  for (const [name, path] of Object.entries(paths)) {
    const database = nativeAdapter(`sqlite:${path}`);
    const adapter = database({});
    failures[name] = [];
    for (const use of [() => database.migrate({ user: { additionalFields: { more: { type: "string", required: false } } } }), () => adapter.create({ model: "user", data: user("ada") })]) {
      await use().catch(({ code, message }) => failures[name].push({ code, message }));
    }
    await database.close();
  }
  return failures;
};

test.skipIf(process.platform === "win32")("to whom permissions apply, the reason is told of", async () => {
  chmodSync(directory, 0o755);
  const paths = {
    created: join(folder("closed"), "auth.db"),
    existing: await made(join(folder("closed too"), "auth.db")),
    unreadable: await made(join(folder("open"), "unreadable.db")),
    hidden: await made(join(folder("hidden"), "auth.db")),
    log: await made(join(folder("open"), "log.db")),
    readOnly: await made(join(folder("open"), "read-only.db")),
  };
  writeFileSync(`${paths.log}-wal`, "");
  for (const path of [paths.existing, paths.hidden, paths.log]) chmodSync(path, 0o666);
  for (const path of [paths.unreadable, `${paths.log}-wal`]) chmodSync(path, 0o000);
  chmodSync(paths.readOnly, 0o444);
  chmodSync(join(directory, "open"), 0o777);
  for (const name of ["closed", "closed too"]) chmodSync(join(directory, name), 0o555);
  chmodSync(join(directory, "hidden"), 0o000);
  const failures = await inProcess(asNobody, paths).result();
  for (const name of ["closed", "closed too", "hidden"]) chmodSync(join(directory, name), 0o755);

  expectEach(failures.created, "CONNECT_FAILED", /cannot open .*permission denied; let the user of this process/);
  expectEach(failures.existing, "CONNECT_FAILED", /cannot open .*its folder may not be written/);
  expectEach(failures.unreadable, "CONNECT_FAILED", /cannot open .*permission denied/);
  expectEach(failures.hidden, "CONNECT_FAILED", /cannot open .*permission denied/);
  expectEach(failures.log, "CONNECT_FAILED", /cannot open .*permission denied.*-wal/);
  expectEach(failures.readOnly, "READ_ONLY", /read-only: the user of this process may not write its file.*\(.*read-only\.db\)/);
});

/** Lets this process have no more open files, or no bytes in one, and opens a new file. @type {Task} */
const limited = async ({ nativeAdapter, require, data: { url, limit } }) => {
  const { execFileSync } = require("node:child_process");
  // The runtime has its threads by then.
  const memory = nativeAdapter(":memory:");
  await memory.migrate({});
  await memory.close();
  const database = nativeAdapter(url);
  execFileSync("prlimit", ["--pid", `${process.pid}`, `--${limit}:`]);
  return database.migrate({}).catch(({ code, message }) => ({ code, message }));
};

describe.runIf(process.platform === "linux")("a limit of the system's is told of", () => {
  test.each([
    ["open files", "nofile=5", "CONNECT_FAILED", /cannot open .*too many open files; raise the limit of open files/],
    ["a file's size", "fsize=0", "STORAGE_FAILED", /cannot open .*file too large; raise the limit of a file's size/],
  ])("%s", async (what, limit, code, message) => {
    const url = `sqlite:${join(folder("limits"), `${what}.db`)}`;
    expectEach([await inProcess(limited, { url, limit }).result()], code, message);
  });
});

/** Opens a file, and writes rows until that fails. @type {Task} */
const fill = async ({ nativeAdapter, user, data: url }) => {
  const database = nativeAdapter(url);
  const adapter = database({});
  let rows = 0;
  const failed = await (async () => {
    await database.migrate({});
    for (;; rows += 1) await adapter.create({ model: "user", data: { ...user(rows), image: "x".repeat(4_000) } });
  })().catch(({ code, message }) => ({ code, message }));
  const kept = rows > 0 ? await adapter.count({ model: "user" }) : 0;
  await database.close();
  return { rows, kept, failed };
};

describe.runIf(canMount())("a file system of its own", () => {
  const inMountOf = async (/** @type {string} */ options) => {
    const mount = mkdtempSync(join(directory, "mount-"));
    return inMount(options, mount, fill, `sqlite:${join(mount, "auth.db")}`).result();
  };

  test("that is full already is told of at opening", async () => {
    const { failed, rows } = await inMountOf("size=4k");
    expect(rows).toBe(0);
    expectEach([failed], "STORAGE_FAILED", /the disk is full; make room and try again/);
  });

  test("that has no place for another file is told of at opening", async () => {
    const { failed, rows } = await inMountOf("nr_inodes=1");
    expect(rows).toBe(0);
    expectEach([failed], "CONNECT_FAILED", /cannot open .*no space left on device; make room/);
  });

  test("that may only be read is told of at opening", async () => {
    const { failed } = await inMountOf("ro");
    expectEach([failed], "CONNECT_FAILED", /cannot open .*read-only file system; .*a folder that may be written/);
  });

  test("that becomes full is told of, and what was written before is there", async () => {
    const { failed, rows, kept } = await inMountOf("size=2m");
    expect(rows).toBeGreaterThan(0);
    expect(kept).toBe(rows);
    expectEach([failed], "STORAGE_FAILED", /create on "user" failed: .*make room/);
  });
});

/** Whether this process may mount a file system that others do not see. */
function canMount() {
  const tried = spawnSync("unshare", ["-rm", "sh", "-c", `mount -t tmpfs tmpfs "${tmpdir()}"`]);
  return tried.status === 0;
}

/** Uses every kind of database where the working directory is gone. @type {Task} */
const nowhere = async ({ nativeAdapter, user, require, data: { gone, path } }) => {
  const { rmdirSync } = require("node:fs");
  process.chdir(gone);
  rmdirSync(gone);
  const refused = [];
  for (const url of ["sqlite:./auth.db", "file:auth.db"]) {
    try {
      nativeAdapter(url);
    } catch (error) {
      refused.push(error);
    }
  }
  const used = [];
  for (const url of [`sqlite:${path}`, ":memory:"]) {
    const database = nativeAdapter(url);
    await database.migrate({});
    await database({}).create({ model: "user", data: user("ada") });
    await database.backup("copy.db").catch((error) => refused.push(error));
    await database.backup(`${path}-${used.length}.copy`);
    used.push(await database({}).count({ model: "user" }));
    await database.close();
  }
  const server = nativeAdapter("postgres://127.0.0.1:1/none");
  const { code } = await server.status({}).catch((error) => error);
  await server.close();
  return { refused: refused.map(({ code, message }) => ({ code, message })), used, server: code };
};

// Elsewhere it cannot be removed while a process is in it.
test.runIf(process.platform === "linux")("without a working directory, only a relative path cannot be used", async () => {
  const gone = folder("gone");
  const path = join(directory, "there.db");
  const { refused, used, server } = await inProcess(nowhere, { gone, path }).result();
  expect(refused).toHaveLength(4);
  expectEach(refused, "INVALID_INPUT", /(auth|copy)\.db" is a relative path, and the working directory of this process does not exist any more.*give the whole path/);
  expect(used).toEqual([1, 1]);
  expect(server).toBe("CONNECT_FAILED");
});
