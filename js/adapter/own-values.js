// The values of a statement of the application's own: what may be one, and its way to the core.

import { invalidInput } from "../errors.js";

/** What a bigint has to fit into: 64 bits, with a sign or without. */
const [LEAST, MOST] = [-(2n ** 63n), 2n ** 64n - 1n];

/**
 * Values cross as they are; what cannot be written as JSON shows only there.
 *
 * @param {{ query: (sql: string, values: unknown[]) => Promise<any> }} handle
 * @param {string} sql
 * @param {readonly unknown[]} values
 */
export function asked(handle, sql, values) {
  check(sql, values);
  try {
    return handle.query(sql, [...values]);
  } catch (cause) {
    throw invalidInput("a value of a statement is an object that cannot be written as JSON", { cause });
  }
}

/** @param {unknown} sql @param {readonly unknown[]} values */
function check(sql, values) {
  if (typeof sql !== "string") throw invalidInput("query() takes the statement as a string");
  if (!Array.isArray(values)) throw invalidInput("query() takes the values as an array");
  for (const [index, value] of values.entries()) {
    const problem = problemOf(value);
    if (problem) throw invalidInput(`value ${index + 1} of a statement ${problem}`);
  }
}

/** @param {unknown} value */
function problemOf(value) {
  switch (typeof value) {
    case "undefined":
      return "is undefined; pass null for NULL";
    case "function":
    case "symbol":
      return `is a ${typeof value}, which no database keeps`;
    case "bigint":
      return value < LEAST || value > MOST ? "is a bigint of more than 64 bits" : undefined;
    case "object":
      if (value instanceof Date && Number.isNaN(value.getTime())) return "is an invalid Date";
      if (value instanceof Uint8Array) return undefined;
      if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
        return "holds bytes but is no Uint8Array; wrap it in one";
      }
      return undefined;
    default:
      return undefined;
  }
}
