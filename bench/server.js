// What the comparisons on servers have in common: one server, a database for each contestant with
// the same tables and rows, connections of equal number.

import { getAdapter } from "better-auth/db/adapter";
import { getMigrations } from "better-auth/db/migration";
import { NATIVE, OPTIONS, contestant, peerContestant } from "./contestants.js";
import { fill } from "./dataset.js";
import { ownVersion } from "./machine.js";

/**
 * A driver's connection, to look after databases.
 *
 * @typedef {Pick<import("../__test__/engines/server.js").Connection, "query" | "end">} Connection
 */

/**
 * @typedef {object} Kind
 * @property {string} name
 * @property {() => Promise<{ url: string, stop: () => Promise<void> }>} start
 * @property {(url: string) => Promise<Connection>} connect
 * @property {string} version SQL that asks for it.
 * @property {(from: string, to: string) => Copy} copy
 * @property {Record<string, import("./contestants.js").Peer>} peers The built-in adapter comes first.
 * @property {() => Promise<void>} install What only its peers need.
 */

/**
 * How a database gets the content of another.
 *
 * @typedef {object} Copy
 * @property {string} create SQL that makes it, for whoever is connected elsewhere.
 * @property {string[]} [fill] More SQL, once there are tables.
 */

/** Every contestant's; Node's drivers have no other default. */
export const CONNECTIONS = 10;

const CALLERS = 64;

/** @param {Kind} kind @returns {import("./engines.js").Engine} */
export function onServer(kind) {
  const [builtIn, ...others] = Object.keys(kind.peers);
  const peers = [builtIn, ...others];
  return {
    name: kind.name,
    callers: [1, CALLERS],
    names: [NATIVE, ...peers],
    install: kind.install,
    promises: [
      ...Object.entries({ find: 2.5, join: 1.5, list: 3 }).map(([what, least]) => ({
        promise: `${what} at ${CALLERS} callers at least ${least} times as fast as the ${builtIn}`,
        kinds: [what],
        callers: CALLERS,
        peers: [builtIn],
        least,
      })),
      {
        promise: `find and join at ${CALLERS} callers ahead of everybody`,
        kinds: ["find", "join"],
        callers: CALLERS,
        peers,
        least: 1,
      },
      { promise: `nothing slower than the ${builtIn} at 1 caller`, callers: 1, peers: [builtIn], least: 1 },
      { promise: "create and consumeOne ahead of everybody", kinds: ["create", "consume"], peers, least: 1 },
      {
        promise: `the event loop less late than with the ${builtIn}`,
        callers: CALLERS,
        peers: [builtIn],
        least: 1,
        of: "loopP99",
      },
    ],
    prepare: (users) => prepare(kind, users),
    open: (name, url) => open(kind, name, url),
  };
}

/**
 * @param {Kind} kind
 * @param {number} users
 * @returns {Promise<import("./engines.js").Content>}
 */
async function prepare(kind, users) {
  const { url, stop } = await kind.start();
  const server = await kind.connect(url);
  const [builtIn] = Object.values(kind.peers);
  const at = (/** @type {string} */ name) =>
    Object.assign(new URL(url), { pathname: `/${name}` }).href;
  const original = "bench";
  await server.query(`CREATE DATABASE ${original}`);
  const { database, close } = await builtIn.open(at(original));
  await (await getMigrations({ ...OPTIONS, database })).runMigrations();
  await fill(await getAdapter({ ...OPTIONS, database }), users);
  await close();

  let copies = 0;
  return {
    async copy() {
      const name = `${original}_${copies++}`;
      const { create, fill = [] } = kind.copy(original, name);
      await server.query(create);
      if (fill.length > 0) {
        const { database, close } = await builtIn.open(at(name));
        await (await getMigrations({ ...OPTIONS, database })).runMigrations();
        await close();
        const own = await kind.connect(at(name));
        for (const sql of fill) await own.query(sql);
        await own.end();
      }
      return at(name);
    },
    async release() {
      await server.end();
      await stop();
    },
  };
}

/**
 * @param {Kind} kind
 * @param {string} name
 * @param {string} url
 */
async function open(kind, name, url) {
  if (name === NATIVE) {
    const { nativeAdapter } = await import("../index.js");
    const database = nativeAdapter({ url, tls: false, maxConnections: CONNECTIONS });
    const versions = [ownVersion(), await version(kind, url)];
    return contestant({ name, versions, database, close: () => database.close() });
  }
  return peerContestant(name, kind.peers[name], url);
}

/** @param {Kind} kind @param {string} url */
async function version({ connect, version }, url) {
  const connection = await connect(url);
  const [row] = await connection.query(version);
  await connection.end();
  return String(Object.values(row)[0]);
}
