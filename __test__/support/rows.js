// Data to write.

import { getAuthTables } from "@better-auth/core/db";

/** @typedef {import("better-auth").BetterAuthOptions} BetterAuthOptions */

/** @param {string | number} name */
export function credentials(name) {
  return { name: `${name}`, email: `${name}@example.com`, password: "correct horse battery staple" };
}

/**
 * A row for the table "user".
 *
 * @param {string | number} name
 */
export function user(name) {
  const now = new Date();
  const { email } = credentials(name);
  return { name: `${name}`, email, emailVerified: false, createdAt: now, updatedAt: now };
}

/**
 * A row for the table "verification".
 *
 * @param {string | number} identifier
 * @param {string} [value]
 */
export function verification(identifier, value = "") {
  const now = new Date();
  return { identifier: `${identifier}`, value, expiresAt: now, createdAt: now, updatedAt: now };
}

/** Where there is something to count. */
export const withRateLimit = { rateLimit: { storage: /** @type {const} */ ("database") } };

/** A row for the table "rateLimit". */
export const counter = { key: "counter", count: 0, lastRequest: 0 };

/** What counts it; without what it adds, what finds it. */
export const increment = {
  model: "rateLimit",
  where: [{ field: "key", value: "counter" }],
  increment: { count: 1 },
};

/**
 * Gives every table of an application that is empty a row with a value in every field.
 *
 * @param {any} adapter
 * @param {BetterAuthOptions} options
 */
export async function fillEveryTable(adapter, options) {
  const tables = getAuthTables(options);
  /** @param {string} model @returns {Promise<string>} the id of a row */
  const rowOf = async (model) => {
    const there = await adapter.findOne({ model, where: [] });
    if (there) return there.id;
    /** @type {Record<string, any>} */
    const data = {};
    for (const [name, { type, references }] of Object.entries(tables[model].fields)) {
      // Nobody is there to whom the first one could refer.
      if (references?.model === model) continue;
      data[name] = references ? await rowOf(references.model) : valueOf(type, `${model} ${name}`);
    }
    return (await adapter.create({ model, data })).id;
  };
  for (const model of Object.keys(tables)) await rowOf(model);
}

/** @param {any} type of a field @param {string} text */
function valueOf(type, text) {
  if (Array.isArray(type)) return type[0];
  /** @type {Record<string, any>} */
  const values = { string: text, number: 7, boolean: true, date: new Date(2_000_000_000_000), json: { text }, "string[]": [text], "number[]": [7] };
  return values[type];
}

/**
 * Every row of an application, by its table.
 *
 * @param {any} adapter
 * @param {BetterAuthOptions} options
 */
export async function everyRow(adapter, options) {
  /** @type {Record<string, any[]>} */
  const rows = {};
  for (const model of Object.keys(getAuthTables(options))) rows[model] = await adapter.findMany({ model });
  return rows;
}
