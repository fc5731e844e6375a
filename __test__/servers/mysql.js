// MySQL itself. Debian has it in its unstable suite alone, which is built for a newer libc.

import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "./cache.js";
import { unpack } from "./debian.js";
import { args, firstSql, serve } from "./mysql-protocol.js";
import { entries, findFolder, run } from "./program.js";

/** Its size decides how quickly a data directory is copied. */
const LOG = { "innodb-redo-log-capacity": "8M" };

const SETTINGS = {
  ...LOG,
  mysqlx: "OFF",
  "performance-schema": "OFF",
  "secure-file-priv": "NULL",
};

/** What comes before its options. */
async function mysqld() {
  const bin = findFolder("mysqld", ["/usr/sbin"]);
  if (bin !== undefined) {
    const installed = [join(bin, "mysqld"), "--no-defaults"];
    // MariaDB answers to that name too.
    if (!/mariadb/i.test(await run([...installed, "--version"]))) return installed;
  }
  const { root, libraries } = await unpack(["mysql-server-core"], { suite: "sid" });
  const folders = {
    basedir: join(root, "usr"),
    "plugin-dir": join(root, "usr/lib/mysql/plugin"),
    "lc-messages-dir": join(root, "usr/share/mysql"),
    "character-sets-dir": join(root, "usr/share/mysql/charsets"),
  };
  const program = join(root, "usr/sbin/mysqld");
  return [...inItsOwnLibc(libraries), program, "--no-defaults", ...args(folders)];
}

/** What starts a program with the loader of its own libc. @param {string[]} libraries */
function inItsOwnLibc(libraries) {
  const [loader] = libraries.flatMap(entries).filter((path) => /\/ld-linux[^/]*$/.test(path));
  return [loader, "--library-path", libraries.join(":")];
}

/** What runs a client program, such as mysqldump. */
export async function clients() {
  const bin = findFolder("mysqldump");
  if (bin !== undefined && !/mariadb/i.test(await run([join(bin, "mysqldump"), "--version"]))) {
    return { program: (/** @type {string} */ name) => [join(bin, name)], env: {} };
  }
  const { root, libraries } = await unpack(["mysql-client-core"], { suite: "sid" });
  const start = inItsOwnLibc(libraries);
  return { program: (/** @type {string} */ name) => [...start, join(root, "usr/bin", name)], env: {} };
}

/** What runs: a program, and a data directory to copy. */
async function prepare() {
  const command = await mysqld();
  const version = await run([...command, "--version"]);
  const recipe = [version, LOG, firstSql];
  const made = await cached("mysql-data", recipe, async (folder) => {
    const data = join(folder, "data");
    const sql = join(folder, "first.sql");
    await writeFile(sql, firstSql);
    const where = { datadir: data, "init-file": sql, "innodb-flush-method": "nosync" };
    await run([...command, "--initialize-insecure", ...args({ ...LOG, ...where })]);
    // The server's identity: each copy makes its own.
    await rm(join(data, "auto.cnf"), { force: true });
  });
  return { scheme: "mysql", command, data: join(made, "data"), settings: SETTINGS };
}

export async function install() {
  await Promise.all([prepare(), clients()]);
}

/** @param {import("./mysql-protocol.js").Options} [options] */
export async function start(options = {}) {
  return serve(await prepare(), options);
}
