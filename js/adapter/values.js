// Values on their way to the database: checked against their field, and reduced to what crosses
// the border (text, number, boolean, bigint, null, and arrays of these).

import { invalidInput } from "../errors.js";

/** @typedef {import("./models.js").Field} Field */

/**
 * @param {Field} field
 * @param {string} expected
 */
function wrongType(field, expected) {
  return invalidInput(`the field "${field.name}" takes ${expected}`, { column: field.column });
}

/**
 * A value to be stored.
 *
 * @param {Field} field
 * @param {unknown} value
 */
export function encodeData(field, value) {
  if (value === null || value === undefined) return null;
  switch (field.kind) {
    case "date":
      return encodeDate(field, value);
    case "json":
      return encodeJson(field, value);
    case "stringList":
      return encodeList(field, value, (item) => typeof item === "string", "a list of strings");
    case "numberList":
      return encodeList(field, value, Number.isFinite, "a list of finite numbers");
    case "number":
    case "bigInt":
      return encodeNumber(field, value);
    case "boolean":
      return encodeBoolean(field, value);
    case "id":
      return field.numericId ? encodeNumber(field, value) : encodeText(field, value);
    default:
      return encodeText(field, value);
  }
}

/**
 * @param {Field} field
 * @param {unknown} value
 */
function encodeText(field, value) {
  switch (typeof value) {
    case "string":
      return value;
    case "boolean":
    case "bigint":
      return String(value);
    case "number":
      if (Number.isFinite(value)) return String(value);
  }
  throw wrongType(field, "a string");
}

/**
 * @param {Field} field
 * @param {unknown} value
 */
function encodeBoolean(field, value) {
  if (typeof value === "boolean") return value;
  if (value === 0 || value === 1) return value === 1;
  throw wrongType(field, "a boolean");
}

/**
 * A number, or a text that is one.
 *
 * @param {Field} field
 * @param {unknown} value
 */
function encodeNumber(field, value) {
  const number = toNumber(value);
  if (number === undefined || !Number.isFinite(number)) throw wrongType(field, "a finite number");
  if (Math.abs(number) > Number.MAX_SAFE_INTEGER) {
    throw wrongType(field, "numbers up to 2^53 - 1: beyond, a number is rounded");
  }
  return number;
}

/**
 * @param {unknown} value
 * @returns {number | undefined} undefined where it means none
 */
function toNumber(value) {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  return typeof value === "string" && value.trim() !== "" ? Number(value) : undefined;
}

/**
 * Milliseconds since 1970.
 *
 * @param {Field} field
 * @param {unknown} value
 */
function encodeDate(field, value) {
  const milliseconds =
    value instanceof Date
      ? value.getTime()
      : typeof value === "string"
        ? new Date(value).getTime()
        : value;
  if (typeof milliseconds !== "number" || !Number.isFinite(milliseconds)) {
    throw wrongType(field, "a valid date");
  }
  return Math.trunc(milliseconds);
}

/**
 * JSON text. A string that is JSON already is stored as it is, as Better Auth's own adapters do.
 *
 * @param {Field} field
 * @param {unknown} value
 */
function encodeJson(field, value) {
  if (typeof value === "string" && isJson(value)) return value;
  const json = toJson(field, value);
  // What JSON has no form for: a function, a symbol.
  if (json === undefined) throw wrongType(field, "what JSON can hold");
  return json;
}

/**
 * @param {Field} field
 * @param {unknown} value
 * @returns {string | undefined}
 */
function toJson(field, value) {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw invalidInput(`the value of the field "${field.name}" cannot be written as JSON`, {
      column: field.column,
      cause,
    });
  }
}

/**
 * A list, as JSON text.
 *
 * @param {Field} field
 * @param {unknown} value
 * @param {(item: unknown) => boolean} fits
 * @param {string} expected
 */
function encodeList(field, value, fits, expected) {
  if (!Array.isArray(value) || !value.every(fits)) throw wrongType(field, expected);
  return JSON.stringify(value);
}

/** @param {string} text */
function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * A value to be compared with. Strings become what their field holds, as in Better Auth's factory.
 *
 * @param {Field} field
 * @param {unknown} value
 */
export function encodeFilter(field, value) {
  if (value === null) return null;
  if (value === undefined) {
    throw invalidInput(
      `a filter on "${field.name}" has the value undefined; pass null to find rows without one`,
      { column: field.column },
    );
  }
  switch (field.kind) {
    case "boolean":
      return typeof value === "string" ? value === "true" : encodeBoolean(field, value);
    case "number":
    case "bigInt":
      return encodeNumberFilter(field, value);
    case "id":
      return field.numericId ? Number(value) : encodeText(field, value);
    case "date":
      return encodeDate(field, value);
    case "json":
    case "stringList":
    case "numberList":
      return typeof value === "object" ? encodeJson(field, value) : encodeText(field, value);
    default:
      return encodeText(field, value);
  }
}

/**
 * Any 64-bit integer may be looked for, and a number nothing can equal matches nothing.
 *
 * @param {Field} field
 * @param {unknown} value
 */
function encodeNumberFilter(field, value) {
  if (typeof value === "string") {
    const number = value.trim() === "" ? Number.NaN : Number(value);
    return Number.isNaN(number) ? value : number;
  }
  if (typeof value === "bigint") {
    if (BigInt.asIntN(64, value) !== value) throw wrongType(field, "integers of 64 bits");
    return value;
  }
  if (typeof value === "number" || typeof value === "boolean") return value;
  throw wrongType(field, "a number");
}
