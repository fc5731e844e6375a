// PgBouncer before a PostgreSQL, in transaction mode: each transaction may get another connection.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { password, user } from "./accounts.js";
import { startDaemon } from "./daemon.js";
import { unpack } from "./debian.js";
import { freePort } from "./port.js";
import { ADMINISTRATOR, answers } from "./postgres.js";
import { findFolder } from "./program.js";
import { temporaryDirectory } from "./temporary.js";

/** @typedef {{ settings?: Record<string, string | number> }} Options as in pgbouncer.ini */

async function program() {
  const bin = findFolder("pgbouncer", ["/usr/sbin"]);
  if (bin !== undefined) return { command: join(bin, "pgbouncer"), env: {} };
  const { root, libraries } = await unpack(["pgbouncer"]);
  const env = { LD_LIBRARY_PATH: libraries.join(":") };
  return { command: join(root, "usr/sbin/pgbouncer"), env };
}

export async function install() {
  await program();
}

/**
 * @param {Pick<import("./daemon.js").Server, "url" | "adminUrl">} server
 * @param {Options} [options]
 * @returns {Promise<import("./daemon.js").Server>}
 */
export async function start(server, { settings = {} } = {}) {
  const { command, env } = await program();
  const directory = await temporaryDirectory();
  const port = await freePort();
  const users = join(directory, "users.txt");
  await writeFile(users, [user, ADMINISTRATOR].map((name) => `"${name}" "${password}"\n`).join(""));
  const { hostname, port: serverPort } = new URL(server.url);
  const all = {
    listen_addr: "127.0.0.1",
    listen_port: port,
    unix_socket_dir: directory,
    auth_type: "scram-sha-256",
    auth_file: users,
    admin_users: ADMINISTRATOR,
    pool_mode: "transaction",
    ...settings,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`);
  const databases = `[databases]\n* = host=${hostname} port=${serverPort}\n`;
  const config = join(directory, "pgbouncer.ini");
  await writeFile(config, `${databases}[pgbouncer]\n${lines.join("\n")}\n`);
  const through = (/** @type {string} */ url) => {
    return Object.assign(new URL(url), { hostname: "127.0.0.1", port: `${port}` }).href;
  };
  const daemon = await startDaemon({
    command: [command, config],
    directory,
    env,
    answers: () => answers(directory, port, "pgbouncer"),
  });
  return {
    ...daemon,
    port,
    socket: join(directory, `.s.PGSQL.${port}`),
    socketDirectory: directory,
    url: through(server.url),
    adminUrl: through(server.adminUrl),
  };
}
