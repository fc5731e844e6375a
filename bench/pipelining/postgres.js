// PostgreSQL, whose driver postgres.js pipelines.

import * as server from "../../__test__/servers/postgres.js";
import { load } from "../peers.js";

/** @type {import("./compare.js").Engine} */
export const postgres = {
  name: "PostgreSQL",

  async start(rows) {
    const { url, stop } = await server.start();
    const { default: connectTo } = await load("postgres");
    const owner = connectTo(url);
    await owner`CREATE TABLE session (token text PRIMARY KEY, value integer NOT NULL)`;
    await owner`INSERT INTO session ${owner(rows)}`;
    await owner.end();
    return { url, stop };
  },

  async open(url, connections, depth) {
    const { default: connectTo } = await load("postgres");
    const sql = connectTo(url, { max: connections, max_pipeline: depth });
    return {
      async find(token) {
        const [{ value }] = await sql`SELECT value FROM session WHERE token = ${token}`;
        return value;
      },
      close: () => sql.end(),
    };
  },
};
