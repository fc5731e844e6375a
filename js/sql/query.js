// The application's own SQL: in the transaction that it is called in, else by itself.

import { currentTransaction } from "../adapter/transactions.js";
import { checkOptions, oneOf } from "../checks.js";
import { unwrap } from "../native.js";
import { asked } from "../adapter/own-values.js";

/**
 * @typedef {import("../../binding.js").Database} Database
 * @typedef {import("../adapter/transactions.js").Nested} Nested
 *
 * @typedef {object} Answer
 * @property {string[]} columns None where there are no rows.
 * @property {unknown[]} cells Row after row.
 * @property {number} affected
 * @property {number | string | null} insertId
 */

const OPTIONS = { rowMode: oneOf("object", "array") };

/**
 * @param {Database} native
 * @param {string} sql
 * @param {readonly unknown[]} [values]
 * @param {{ rowMode?: "object" | "array" }} [options]
 */
export async function query(native, sql, values = [], options = {}) {
  checkOptions("query", options, OPTIONS);
  const { columns, cells, affected, insertId } = await run(native, sql, values);
  const rows = options.rowMode === "array" ? arraysOf(columns, cells) : objectsOf(columns, cells);
  return { rows, affectedRows: affected, insertId };
}

/**
 * @param {Database} native
 * @param {string} sql
 * @param {readonly unknown[]} values
 * @param {Nested} [transaction] Where it runs; else in the one that it is called in, if any.
 * @returns {Promise<Answer>}
 */
export async function run(native, sql, values, transaction = currentTransaction(native)) {
  if (transaction) return transaction.query(sql, values);
  return unwrap(await asked(native, sql, values));
}

/**
 * Of two columns of the same name, the last one counts.
 *
 * @param {string[]} columns
 * @param {unknown[]} cells
 * @returns {Record<string, unknown>[]}
 */
export function objectsOf(columns, cells) {
  return arraysOf(columns, cells).map((row) =>
    Object.fromEntries(row.map((cell, index) => [columns[index], cell])),
  );
}

/** @param {string[]} columns @param {unknown[]} cells */
function arraysOf(columns, cells) {
  const width = columns.length;
  const count = width === 0 ? 0 : cells.length / width;
  return Array.from({ length: count }, (_, row) => cells.slice(row * width, (row + 1) * width));
}
