// What an option may be, and the errors for those that are something else.

import { invalidInput } from "./errors.js";

/** @typedef {{ expected: string, fits: (value: any) => boolean }} Check */

/** @type {Check} */
export const MILLISECONDS = {
  expected: "a whole number of milliseconds, less than 2^31",
  fits: (value) => typeof value === "number" && value >= 0 && value === (value | 0),
};
/** @type {Check} */
export const TEXT = { expected: "a string", fits: (value) => typeof value === "string" };
/** @type {Check} */
export const FLAG = { expected: "true or false", fits: (value) => typeof value === "boolean" };

/** @type {Check} */
export const OBJECT = {
  expected: "an object",
  fits: (value) => typeof value === "object" && value !== null,
};
/** @type {Check} */
export const FUNCTION = { expected: "a function", fits: (value) => typeof value === "function" };
/** @type {Check} */
export const NAMES = {
  expected: "a list of names",
  fits: (value) => Array.isArray(value) && value.every((item) => typeof item === "string"),
};
/** @type {Check} */
export const SIGNAL = { expected: "an AbortSignal", fits: (value) => value instanceof AbortSignal };

/** @param {...string} choices @returns {Check} */
export const oneOf = (...choices) => ({
  expected: choices.map((choice) => `"${choice}"`).join(" or "),
  fits: (value) => choices.includes(value),
});

/** @param {number} least @param {number} most @returns {Check} */
export const whole = (least, most) => ({
  expected: `a whole number from ${least} to ${most}`,
  fits: (value) => Number.isInteger(value) && value >= least && value <= most,
});

/**
 * @param {string} owner The function whose options these are.
 * @param {Record<string, unknown>} options
 * @param {Record<string, Check>} checks
 * @param {{ where?: string, also?: string[] }} [known] Where it has these and no others, and which
 *   it has besides.
 */
export function checkOptions(owner, options, checks, { where = "", also = [] } = {}) {
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(checks, name)) {
      const known = [...also, ...Object.keys(checks)].join(", ");
      throw invalidInput(`${owner} has no option "${name}"${where}; it has ${known}`);
    }
    const { expected, fits } = checks[name];
    if (value !== undefined && !fits(value)) {
      throw invalidInput(`the option ${name} of ${owner} must be ${expected}`);
    }
  }
}

/**
 * The options of betterAuth, for a method that needs them.
 *
 * @template Options
 * @param {string} method
 * @param {Options | undefined} options
 * @returns {Options}
 */
export function authOptionsFor(method, options) {
  if (options) return options;
  throw invalidInput(
    `${method}() has to know the tables: call it after betterAuth({ database }), or pass it the options of betterAuth`,
  );
}
