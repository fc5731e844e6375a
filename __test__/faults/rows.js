// Rows of the scenarios, by the adapter's public methods.

/** @import { Change } from "./scenarios.js" */

const model = "verification";

/** @param {string} id */
const whereIs = (id) => [{ field: "id", value: id }];

/** @param {any} adapter @param {string} id @param {string} value */
export function createRow(adapter, id, value) {
  const now = new Date();
  const data = { id, identifier: id, value, expiresAt: now, createdAt: now, updatedAt: now };
  return adapter.create({ model, data, forceAllowId: true });
}

/** @param {any} adapter @param {string} id @param {string} value */
export async function updateRow(adapter, id, value) {
  const updated = await adapter.update({ model, where: whereIs(id), update: { value } });
  if (!updated) throw new Error(`there is no "${id}" to update`);
}

/** @param {any} adapter @param {Change} change */
export async function make(adapter, { id, before, after }) {
  if (before === null) await createRow(adapter, id, `${after}`);
  else if (after === null) await adapter.delete({ model, where: whereIs(id) });
  else await updateRow(adapter, id, after);
}

/** Those of the scenarios. @param {any} adapter @returns {Promise<Map<string, string>>} */
export async function valuesById(adapter) {
  const rows = await adapter.findMany({ model, limit: 1_000_000 });
  return new Map(rows.filter((/** @type {any} */ { id }) => !isNeighbours(id)).map((/** @type {any} */ { id, value }) => [id, value]));
}

/** The row that the second process creates as its `n`th. @param {number} n */
export const neighbours = (n) => `neighbour's ${n}`;

/** @param {string} id */
export const isNeighbours = (id) => id.startsWith("neighbour's ");
