// PostgreSQL, and standbys that replicate one.

import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import pg from "pg";
import { database, password, reader, urlOf, user } from "./accounts.js";
import { cached } from "./cache.js";
import { startDaemon } from "./daemon.js";
import { unpack } from "./debian.js";
import { freePort } from "./port.js";
import { entries, findFolder, run } from "./program.js";
import { privateCopy, temporaryDirectory } from "./temporary.js";

/**
 * @typedef {object} Options
 * @property {Record<string, string | number | boolean>} [settings] as in postgresql.conf
 * @property {string[]} [hba] lines that come before pg_hba.conf's own
 * @property {{ cert: string, key: string, ca?: string }} [tls] files; without them it refuses TLS
 */

export const ADMINISTRATOR = "postgres";

/** Every login is checked; the superuser's too. */
const HBA = [
  "local all all scram-sha-256",
  "host all all 127.0.0.1/32 scram-sha-256",
  `host replication ${ADMINISTRATOR} 127.0.0.1/32 scram-sha-256`,
];

/** Nothing has to survive the machine. */
const SETTINGS = {
  fsync: false,
  full_page_writes: false,
  // Its workers are in databases that are to be dropped.
  autovacuum: false,
  listen_addresses: "127.0.0.1",
  max_connections: 200,
};

/** What `postgres --single` runs, a line at a time. */
const FIRST_SQL = `ALTER ROLE ${ADMINISTRATOR} PASSWORD '${password}'
CREATE ROLE ${user} LOGIN CREATEDB PASSWORD '${password}'
CREATE ROLE ${reader} LOGIN PASSWORD '${password}'
CREATE DATABASE ${database} OWNER ${user}
`;

/** Where the programs are, and what they need in their environment. */
async function programs() {
  const bin = findFolder("initdb", versions("/"));
  if (bin !== undefined) return { bin, env: {} };
  const { root, libraries } = await unpack(["postgresql"]);
  return { bin: versions(root)[0], env: { LD_LIBRARY_PATH: libraries.join(":") } };
}

/** Debian's folders for programs, the newest version first. @param {string} root */
function versions(root) {
  return entries(join(root, "usr/lib/postgresql"))
    .toSorted((one, other) => Number(basename(other)) - Number(basename(one)))
    .map((version) => join(version, "bin"));
}

/** What runs a client program, such as pg_dump. */
export async function clients() {
  const { bin, env } = await programs();
  return { program: (/** @type {string} */ name) => [join(bin, name)], env };
}

/** A data directory to copy. */
async function template() {
  const { bin, env } = await programs();
  const version = await run([join(bin, "postgres"), "--version"], { env });
  const options = ["-U", ADMINISTRATOR, "--locale=C", "-E", "UTF8", "--no-sync"];
  const folder = await cached("postgres-data", [version, options, FIRST_SQL], async (made) => {
    const data = join(made, "data");
    await run([join(bin, "initdb"), "-D", data, ...options], { env });
    const alone = ["--single", "-D", data, "-F", "postgres"];
    await run([join(bin, "postgres"), ...alone], { env, input: FIRST_SQL });
  });
  return join(folder, "data");
}

export async function install() {
  await template();
}

/** @param {Options} [options] */
export async function start(options = {}) {
  const from = await template();
  const directory = await temporaryDirectory();
  await run(["cp", "-a", from, join(directory, "data")]);
  return serve(directory, options);
}

/**
 * A hot standby: it replicates the primary, and answers what only reads.
 *
 * @param {import("./daemon.js").Server} primary
 * @param {Options} [options]
 */
export async function startStandby(primary, options = {}) {
  const { bin, env } = await programs();
  const directory = await temporaryDirectory();
  const slot = `standby_${basename(directory).replaceAll(/\W/g, "_").toLowerCase()}`;
  const from = ["-d", primary.adminUrl, "-C", "-S", slot, "-X", "stream", "-c", "fast"];
  const to = ["-D", join(directory, "data"), "-R", "--no-sync"];
  await run([join(bin, "pg_basebackup"), ...from, ...to], { env });
  return serve(directory, options);
}

/**
 * Runs what is in the directory's data.
 *
 * @param {string} directory
 * @param {Options} options
 * @returns {Promise<import("./daemon.js").Server>}
 */
async function serve(directory, { settings = {}, hba = [], tls }) {
  const { bin, env } = await programs();
  const port = await freePort();
  const hbaFile = join(directory, "pg_hba.conf");
  await writeFile(hbaFile, [...hba, ...HBA, ""].join("\n"));
  const all = {
    ...SETTINGS,
    port,
    unix_socket_directories: directory,
    hba_file: hbaFile,
    ...(tls && (await tlsSettings(directory, tls))),
    ...settings,
  };
  const given = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const daemon = await startDaemon({
    command: [join(bin, "postgres"), "-D", join(directory, "data"), ...given],
    directory,
    env,
    answers: () => answers(directory, port, database),
    // PostgreSQL's fast and immediate shutdowns; SIGTERM would wait for its clients.
    shutDownSignal: "SIGINT",
    stopSignal: "SIGQUIT",
    remains: /pre-existing shared memory block|lock file "postmaster.pid" already exists/,
  });
  return {
    ...daemon,
    port,
    socket: join(directory, `.s.PGSQL.${port}`),
    socketDirectory: directory,
    url: urlOf("postgres", user, port),
    adminUrl: urlOf("postgres", ADMINISTRATOR, port),
  };
}

/**
 * @param {string} directory where the server may read them, and nobody else
 * @param {NonNullable<Options["tls"]>} tls
 */
async function tlsSettings(directory, { cert, key, ca }) {
  const own = (/** @type {string} */ file) => privateCopy(file, directory);
  return {
    ssl: "on",
    ssl_cert_file: await own(cert),
    ssl_key_file: await own(key),
    ...(ca && { ssl_ca_file: await own(ca) }),
  };
}

/**
 * By the Unix socket, which no setting for TLS concerns.
 *
 * @param {string} directory with the socket
 * @param {number} port
 * @param {string} database
 */
export async function answers(directory, port, database) {
  const where = { host: directory, port, database, connectionTimeoutMillis: 5_000 };
  const client = new pg.Client({ ...where, user: ADMINISTRATOR, password });
  try {
    await client.connect();
  } finally {
    await client.end();
  }
}
