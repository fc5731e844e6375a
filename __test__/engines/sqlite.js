// SQLite's databases, by the driver libsql.

import Driver from "libsql";

/** What Better Auth knows better-sqlite3 by; it takes libsql's own object for something else. @param {Driver.Database} driver @returns {any} */
const known = (driver) => ({ aggregate: true, prepare: (/** @type {string} */ sql) => driver.prepare(sql), close: () => {} });

/** @type {import("./index.js").BuiltIn} */
export function builtIn(url) {
  const driver = new Driver(url.slice("sqlite:".length));
  driver.exec("PRAGMA foreign_keys = ON");
  return { database: known(driver), close: async () => void driver.close() };
}
