// Databases in a server that all tests share, each for one test, by a driver that is not this
// package's.

import { randomBytes } from "node:crypto";

/**
 * A connection of a driver.
 *
 * @typedef {object} Connection
 * @property {(sql: string, values?: unknown[]) => Promise<any[]>} query
 * @property {() => Promise<void>} end
 * @property {import("node:net").Socket} socket
 */

/**
 * @param {object} driver
 * @param {(url: string) => Promise<Connection>} driver.connect
 * @param {(name: string, server: Pick<Connection, "query">) => Promise<unknown>} driver.drop also
 *   while somebody is connected to it
 * @returns {(server: string) => Promise<Required<import("./index.js").Database>>} what makes an
 *   empty database in the server with that URL
 */
export function databasesOf({ connect, drop }) {
  /** @type {Map<string, ReturnType<typeof session>>} */
  const servers = new Map();

  return async (serverUrl) => {
    const server = servers.get(serverUrl) ?? session(() => connect(serverUrl));
    servers.set(serverUrl, server);
    const name = `test_${randomBytes(8).toString("hex")}`;
    await server.query(`CREATE DATABASE ${name}`);
    const { href: url } = Object.assign(new URL(serverUrl), { pathname: `/${name}` });
    const own = session(() => connect(url));
    return {
      url,
      query: own.query,
      async drop() {
        await own.close();
        await drop(name, server);
      },
    };
  };
}

/**
 * A connection that opens with its first query, and again after it was lost. It keeps the process
 * alive only while it works.
 *
 * @param {() => Promise<Connection>} connect
 */
function session(connect) {
  /** @type {Promise<Connection> | undefined} */
  let opened;
  let queries = 0;

  async function open() {
    const connection = await connect();
    connection.socket.once("close", () => {
      opened = undefined;
    });
    return connection;
  }

  return {
    /** @type {Connection["query"]} */
    async query(sql, values) {
      opened ??= open();
      const { query, socket } = await opened.catch((error) => {
        opened = undefined;
        throw error;
      });
      queries += 1;
      socket.ref();
      try {
        return await query(sql, values);
      } finally {
        queries -= 1;
        if (queries === 0) socket.unref();
      }
    },
    async close() {
      const connection = await opened;
      connection?.socket.ref();
      await connection?.end();
    },
  };
}
