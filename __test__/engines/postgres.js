// PostgreSQL's databases, by the driver pg.

import pg from "pg";
import { databasesOf } from "./server.js";

/**
 * @param {string} url
 * @param {pg.ClientConfig} [config]
 * @returns {Promise<import("./server.js").Connection>}
 */
export async function connect(url, config) {
  const client = new pg.Client({ connectionString: url, ...config });
  // Without a listener, a connection that is lost while idle would end the process.
  client.on("error", () => {});
  await client.connect();
  const { stream } = /** @type {any} */ (client).connection;
  return {
    query: async (sql, values) => (await client.query(sql, values)).rows,
    end: () => client.end(),
    socket: stream,
  };
}

export const createDatabase = databasesOf({
  connect,
  drop: (name, server) => server.query(`DROP DATABASE ${name} WITH (FORCE)`),
});

/** @type {import("./index.js").BuiltIn} */
export function builtIn(url) {
  const pool = new pg.Pool({ connectionString: url });
  pool.on("error", () => {});
  return { database: pool, close: () => pool.end() };
}
