// How whatever takes part is made from what Better Auth calls its `database`.

import { getAdapter } from "better-auth/db/adapter";
import { nameAndVersion } from "./machine.js";

/**
 * @typedef {import("./operations.js").Contestant} Contestant
 * @typedef {import("better-auth").BetterAuthOptions} BetterAuthOptions
 */

/**
 * What takes part beside this package, on a database of its kind.
 *
 * @typedef {object} Peer
 * @property {string[]} packages
 * @property {(place: string) => Promise<{ database: any, close: () => Promise<void> | void }>} open
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

/** @param {string} name @param {Peer} peer @param {string} place of its database */
export async function peerContestant(name, { packages, open }, place) {
  const { database, close } = await open(place);
  const versions = ["better-auth", ...packages].map(nameAndVersion);
  return contestant({ name, versions, database, close });
}
