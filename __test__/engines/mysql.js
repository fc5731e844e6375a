// MySQL's and MariaDB's databases, by the driver mysql2.

import mysql from "mysql2/promise";
import { databasesOf } from "./server.js";

/**
 * @param {string} url
 * @param {mysql.ConnectionOptions} [options]
 * @returns {Promise<import("./server.js").Connection>}
 */
export async function connect(url, options) {
  const all = { uri: url, multipleStatements: true, ...options };
  const connection = await mysql.createConnection(all);
  // Without a listener, a connection that is lost while idle would end the process.
  connection.on("error", () => {});
  const { stream } = /** @type {any} */ (connection).connection;
  return {
    query: async (sql, values) => /** @type {any[]} */ ((await connection.query(sql, values))[0]),
    end: () => connection.end(),
    socket: stream,
  };
}

export const createDatabase = databasesOf({
  connect,

  async drop(name, server) {
    // Who is in a transaction there would have it wait.
    const connections = await server.query("SHOW PROCESSLIST");
    const there = connections.filter(({ db }) => db === name);
    // One may have gone by itself.
    await Promise.allSettled(there.map(({ Id }) => server.query(`KILL ${Id}`)));
    await server.query(`DROP DATABASE ${name}`);
  },
});

/** @type {import("./index.js").BuiltIn} */
export function builtIn(url) {
  const pool = mysql.createPool({ uri: url, timezone: "Z" });
  return { database: pool, close: () => pool.end() };
}
