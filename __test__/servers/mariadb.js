// MariaDB.

import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cached } from "./cache.js";
import { unpack } from "./debian.js";
import { args, firstSql, serve } from "./mysql-protocol.js";
import { findFolder, run } from "./program.js";

/** Its size decides how quickly a data directory is copied. */
const LOG = { "innodb-log-file-size": "8M" };

/** As Debian configures it; without configuration it takes latin1. */
const CHARACTERS = { "character-set-server": "utf8mb4", "collation-server": "utf8mb4_general_ci" };

/** The folder above the programs, MariaDB's own `basedir`, and what they need to run. */
async function programs() {
  const bin = findFolder("mariadbd", ["/usr/sbin"]);
  if (bin !== undefined) return { base: dirname(bin), daemon: join(bin, "mariadbd"), env: {} };
  const { root, libraries } = await unpack(["mariadb-server-core", "mariadb-client-core"]);
  const base = join(root, "usr");
  const env = { LD_LIBRARY_PATH: libraries.join(":") };
  return { base, daemon: join(base, "sbin/mariadbd"), env };
}

/** What runs a client program, such as mariadb-dump. */
export async function clients() {
  const bin = findFolder("mariadb-dump");
  if (bin !== undefined) return { program: (/** @type {string} */ name) => [join(bin, name)], env: {} };
  // As galera.js has it, so that it is unpacked once.
  const { root, libraries } = await unpack(["galera-4", "mariadb-server", "rsync"]);
  const env = { LD_LIBRARY_PATH: libraries.join(":") };
  return { program: (/** @type {string} */ name) => [join(root, "usr/bin", name)], env };
}

/** What runs: a program, and a data directory to copy. */
export async function prepare() {
  const { base, daemon, env } = await programs();
  const version = await run([daemon, "--no-defaults", "--version"], { env });
  const settings = { basedir: base, ...LOG, ...CHARACTERS };
  const made = await cached("mariadb-data", [version, settings, firstSql], async (folder) => {
    const sql = join(folder, "first.sql");
    await writeFile(sql, firstSql);
    const all = {
      ...settings,
      datadir: join(folder, "data"),
      "extra-file": sql,
      "auth-root-authentication-method": "normal",
      "skip-test-db": true,
      // Also where the machine does not know its own name.
      force: true,
      "innodb-flush-method": "nosync",
    };
    await run([join(base, "bin/mariadb-install-db"), "--no-defaults", ...args(all)], { env });
  });
  return {
    scheme: "mariadb",
    command: [daemon, "--no-defaults"],
    env,
    data: join(made, "data"),
    settings,
  };
}

export async function install() {
  await prepare();
}

/** @param {import("./mysql-protocol.js").Options} [options] */
export async function start(options = {}) {
  return serve(await prepare(), options);
}
