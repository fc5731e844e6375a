// Filters: Better Auth's where clauses, split into a shape and the values it is called with.

import { BetterAuthError } from "@better-auth/core/error";
import { invalidInput } from "../errors.js";
import { encodeFilter } from "./values.js";

/**
 * @typedef {import("./models.js").Field} Field
 * @typedef {import("@better-auth/core/db/adapter").Where} Where
 */

/** @type {ReadonlySet<string>} */
const OPERATORS = new Set([
  "eq",
  "ne",
  "lt",
  "lte",
  "gt",
  "gte",
  "in",
  "not_in",
  "contains",
  "starts_with",
  "ends_with",
]);

/**
 * A clause as the database knows it; everything but its value.
 *
 * @typedef {object} Clause
 * @property {string} column
 * @property {import("./models.js").Kind} kind
 * @property {string} operator
 * @property {boolean} or
 * @property {boolean} insensitive
 * @property {boolean} null
 * @property {boolean} unique Whether no two rows have the same value.
 */

/**
 * @typedef {object} Filter
 * @property {string} key Equal for filters of equal shape.
 * @property {Clause[]} clauses
 * @property {unknown[]} values One per clause, encoded.
 */

/**
 * @param {Where[] | undefined} where
 * @param {(name: string) => Field} fieldOf
 * @returns {Filter}
 */
export function filterOf(where, fieldOf) {
  /** @type {Filter} */
  const filter = { key: "", clauses: [], values: [] };
  for (const condition of where ?? []) {
    const field = fieldOf(condition.field);
    const clause = clauseOf(condition, field);
    filter.key += `${field.position}${clause.or ? "|" : "&"}${clause.operator}${clause.insensitive ? "~" : ""}${clause.null ? "0" : ""}${clause.kind === field.kind ? "" : "."},`;
    filter.clauses.push(clause);
    filter.values.push(valueOf(condition.value, clause, field));
  }
  return filter;
}

/**
 * @param {Where} condition
 * @param {Field} field
 * @returns {Clause}
 */
function clauseOf({ operator = "eq", connector, mode, value }, field) {
  if (!OPERATORS.has(operator)) {
    throw invalidInput(`a filter on "${field.name}" has the unknown operator "${operator}"`);
  }
  return {
    column: field.column,
    kind: kindFor(value, field),
    operator,
    or: connector === "OR",
    insensitive: mode === "insensitive" && isText(value),
    null: value === null,
    unique: field.unique,
  };
}

/**
 * Columns of 64 bits are compared as what they are, unless with a fraction, which is no integer.
 *
 * @param {unknown} value
 * @param {Field} field
 */
function kindFor(value, { kind }) {
  const values = Array.isArray(value) ? value : [value];
  const isFraction = (/** @type {unknown} */ item) =>
    typeof item !== "bigint" && item !== null && !Number.isInteger(Number(item));
  return kind === "bigInt" && values.some(isFraction) ? "number" : kind;
}

/** @param {unknown} value A string, or a list of nothing else. */
function isText(value) {
  if (Array.isArray(value)) return value.every((item) => typeof item === "string");
  return typeof value === "string";
}

/**
 * @param {unknown} value
 * @param {Clause} clause
 * @param {Field} field
 */
function valueOf(value, { operator }, field) {
  switch (operator) {
    case "in":
      if (!Array.isArray(value)) throw new BetterAuthError("Value must be an array");
      return value.map((item) => encodeFilter(field, item));
    case "not_in":
      return (Array.isArray(value) ? value : [value]).map((item) => encodeFilter(field, item));
    case "contains":
    case "starts_with":
    case "ends_with":
      if (value === null || value === undefined) return encodeFilter(field, value);
      return String(value);
    default:
      return encodeFilter(field, value);
  }
}
