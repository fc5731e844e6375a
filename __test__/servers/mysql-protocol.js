// What MySQL and MariaDB have in common.

import { join } from "node:path";
import mysql from "mysql2/promise";
import { database, password, reader, urlOf, user } from "./accounts.js";
import { startDaemon } from "./daemon.js";
import { freePort } from "./port.js";
import { run } from "./program.js";
import { privateCopy, temporaryDirectory } from "./temporary.js";

/** @typedef {Record<string, string | number | boolean>} Settings as options, without "--" */

/**
 * @typedef {object} Options
 * @property {Settings} [settings]
 * @property {{ cert: string, key: string, ca?: string }} [tls] files
 */

const ADMINISTRATOR = "root";

/** What runs when the data directory is made, a statement on each line. */
export const firstSql = `FLUSH PRIVILEGES;
DROP USER IF EXISTS ''@localhost;
CREATE USER ${user}@'%' IDENTIFIED BY '${password}';
GRANT ALL ON *.* TO ${user}@'%';
CREATE USER ${reader}@'%' IDENTIFIED BY '${password}';
GRANT SELECT ON \`test\\_%\`.* TO ${reader}@'%';
CREATE USER ${ADMINISTRATOR}@'%' IDENTIFIED BY '${password}';
GRANT ALL ON *.* TO ${ADMINISTRATOR}@'%' WITH GRANT OPTION;
ALTER USER ${ADMINISTRATOR}@localhost IDENTIFIED BY '${password}';
CREATE DATABASE ${database};
`;

/** Nothing has to survive the machine; what is committed survives a crash of the server. */
const SETTINGS = {
  "bind-address": "127.0.0.1",
  "innodb-buffer-pool-size": "64M",
  "innodb-flush-log-at-trx-commit": 2,
  "innodb-flush-method": "nosync",
  "max-connections": 200,
  "skip-log-bin": true,
  "skip-name-resolve": true,
};

/** @param {Settings} settings */
export const args = (settings) =>
  Object.entries(settings).map(([name, value]) => {
    return value === true ? `--${name}` : `--${name}=${value}`;
  });

/**
 * Runs a copy of a data directory.
 *
 * @param {object} kind
 * @param {string} kind.scheme of its URLs
 * @param {string[]} kind.command
 * @param {NodeJS.ProcessEnv} [kind.env]
 * @param {string[]} [kind.firstly] more options, for the first start alone
 * @param {string} kind.data
 * @param {Settings} kind.settings
 * @param {string} [kind.ready] a query that has rows when it is ready, if a login does not tell
 * @param {Options} [options]
 * @returns {Promise<import("./daemon.js").Server>}
 */
export async function serve(kind, { settings = {}, tls } = {}) {
  const { scheme, ready } = kind;
  const directory = await temporaryDirectory();
  const data = join(directory, "data");
  await run(["cp", "-a", kind.data, data]);
  const port = await freePort();
  const socket = join(directory, "socket");
  const all = {
    datadir: data,
    // In one that others use too, each of them removes at its start what it takes for leftovers of its
    // own: temporary tables of a server that is running, which MariaDB may not survive.
    tmpdir: directory,
    port,
    socket,
    "pid-file": join(directory, "pid"),
    ...SETTINGS,
    ...kind.settings,
    ...(tls && (await tlsSettings(directory, tls))),
    ...settings,
  };
  const daemon = await startDaemon({
    command: [...kind.command, ...args(all)],
    firstly: kind.firstly,
    directory,
    env: kind.env,
    answers: () => answers(socket, ready),
  });
  return {
    ...daemon,
    port,
    socket,
    socketDirectory: directory,
    url: urlOf(scheme, user, port),
    adminUrl: urlOf(scheme, ADMINISTRATOR, port),
  };
}

/**
 * @param {string} directory
 * @param {NonNullable<Options["tls"]>} tls
 */
async function tlsSettings(directory, { cert, key, ca }) {
  return {
    "ssl-cert": await privateCopy(cert, directory),
    "ssl-key": await privateCopy(key, directory),
    ...(ca && { "ssl-ca": await privateCopy(ca, directory) }),
  };
}

/**
 * By the Unix socket, which no setting for TLS concerns.
 *
 * @param {string} socketPath
 * @param {string} [ready]
 */
async function answers(socketPath, ready = "SELECT 1") {
  const connection = await mysql.createConnection({ socketPath, user: ADMINISTRATOR, password });
  try {
    const [rows] = await connection.query(ready);
    if (/** @type {unknown[]} */ (rows).length === 0) throw new Error("It is not ready yet.");
  } finally {
    await connection.end();
  }
}
