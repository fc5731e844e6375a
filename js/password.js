// Better Auth's password hasher, for `emailAndPassword: { password }`.

import { invalidInput } from "./errors.js";
import { binding, unwrap } from "./native.js";

// In UTF-16 code units as given, which is what Better Auth's `maxPasswordLength` (128 by default)
// counts too. Checked before anything else touches the text: normalising 1 MiB of combining marks
// takes minutes.
const MAX_LENGTH = 4096;

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {asserts value is string}
 */
function assertString(name, value) {
  if (typeof value !== "string") {
    throw invalidInput(`${name} must be a string, not ${value === null ? "null" : typeof value}`);
  }
}

// Better Auth normalises with the Unicode tables of the Node it runs on. Those of a Rust crate
// are another version's, and a character that one of them does not know yet would lock its user
// out; so it is done here, on input that is already bounded.
/** @param {string} password */
function normalize(password) {
  return password.normalize("NFKC");
}

/**
 * @param {string} password
 * @returns {Promise<string>}
 */
async function hash(password) {
  assertString("password", password);
  if (password.length > MAX_LENGTH) {
    throw invalidInput(`password is longer than ${MAX_LENGTH} characters`);
  }
  return unwrap(await binding.hashPassword(normalize(password)));
}

/**
 * @param {{ hash: string, password: string }} input
 * @returns {Promise<boolean>}
 */
async function verify(input) {
  const { hash, password } = input ?? {};
  assertString("hash", hash);
  assertString("password", password);
  // Nothing that long was ever hashed here, so it is a wrong password. An error instead would
  // tell accounts that exist from those that do not on sign-in routes without a limit.
  if (password.length > MAX_LENGTH) return false;
  return unwrap(await binding.verifyPassword(hash, normalize(password)));
}

export const password = { hash, verify };
