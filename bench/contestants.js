// How whatever takes part is made from what Better Auth calls its `database`.

import { getAdapter } from "better-auth/db/adapter";

/**
 * @typedef {import("./operations.js").Contestant} Contestant
 * @typedef {import("better-auth").BetterAuthOptions} BetterAuthOptions
 */

export const NATIVE = "better-auth-native";

/** With the table that rate limits are counted in. @type {BetterAuthOptions} */
export const OPTIONS = { rateLimit: { storage: "database" } };

/**
 * @param {object} parts
 * @param {string} parts.name
 * @param {string[]} parts.versions
 * @param {any} parts.database
 * @param {() => Promise<unknown> | void} parts.close
 * @returns {Promise<Contestant>}
 */
export async function contestant({ name, versions, database, close }) {
  const options = { ...OPTIONS, database };
  return {
    name,
    versions,
    database,
    adapter: await getAdapter(options),
    joining: await getAdapter({ ...options, advanced: { database: { joins: true } } }),
    close,
  };
}
