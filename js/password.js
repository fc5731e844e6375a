// Better Auth's password hasher, for `emailAndPassword: { password }`.

import { totalmem } from "node:os";
import { checkOptions, whole } from "./checks.js";
import { invalidInput } from "./errors.js";
import { binding, unwrap } from "./native.js";

const MIB = 2 ** 20;

/** What one hash takes. */
const LEAST_MEMORY = 32 * MIB;
const MOST_MEMORY_BY_DEFAULT = 1024 * MIB;

// In UTF-16 code units as given, which is what Better Auth's `maxPasswordLength` (128 by default)
// counts too. Checked before anything else touches the text: normalising combining marks takes
// quadratic time, minutes for 1 MiB of them.
const MAX_LENGTH = 4096;

const OPTIONS = {
  threads: whole(1, 1024),
  maxMemory: whole(LEAST_MEMORY, Number.MAX_SAFE_INTEGER),
  maxQueue: whole(0, 1_000_000),
  maxLength: whole(1, 4 * MAX_LENGTH),
};

/** One for all isolates, on one set of threads. */
export const password = hasher({}, false);

/**
 * @param {import("../index.js").PasswordOptions} [options]
 */
export function createPassword(options = {}) {
  if (typeof options !== "object" || options === null) {
    throw invalidInput("createPassword takes an object of options");
  }
  checkOptions("createPassword", /** @type {Record<string, unknown>} */ (options), OPTIONS);
  const created = hasher(options, true);
  created.stats(); // Where it cannot be made at all, that is said here.
  return created;
}

/**
 * @param {import("../index.js").PasswordOptions} options
 * @param {boolean} own Threads, memory and a queue of its own.
 * @returns {import("../index.js").Password}
 */
function hasher({ threads, maxMemory, maxQueue = 1024, maxLength = MAX_LENGTH }, own) {
  /** Opened by its first use: importing the package costs nothing. @type {any} */
  let opened;
  const native = () => {
    const memory = maxMemory ?? defaultMemory();
    return (opened ??= unwrap(binding.openHasher({ threads, memory, waiting: maxQueue }, own)));
  };

  return {
    async hash(password, options) {
      assertString("password", password);
      if (password.length > maxLength) {
        throw invalidInput(`password is longer than ${maxLength} characters`);
      }
      const text = normalize(password);
      return withdrawable(options?.signal, (withdrawal) => native().hash(text, withdrawal));
    },

    async verify(input) {
      const { hash, password, signal } = input ?? {};
      assertString("hash", hash);
      assertString("password", password);
      // Nothing that long was ever hashed here, so it is a wrong password. An error instead would
      // tell accounts that exist from those that do not on sign-in routes without a limit.
      if (password.length > maxLength) return false;
      // Other systems hash what was typed.
      const text = hash.startsWith("$") ? password : normalize(password);
      return withdrawable(signal, (withdrawal) => native().verify(hash, text, withdrawal));
    },

    needsRehash(hash) {
      assertString("hash", hash);
      return unwrap(binding.needsRehash(hash));
    },

    stats: () => unwrap(native().stats()),

    close: async () => unwrap(await native().close()),
  };
}

/**
 * A quarter of what the process may use: the machine's memory or its cgroup's limit.
 */
function defaultMemory() {
  // Not in every runtime that is like Node; 0 and very large numbers say that there is no limit.
  const constrained = process.constrainedMemory?.() || Infinity;
  return Math.min(Math.min(constrained, totalmem()) / 4, MOST_MEMORY_BY_DEFAULT);
}

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
 * What `start` resolves to, or the signal's reason as soon as that is aborted.
 *
 * @param {AbortSignal | undefined} signal
 * @param {(withdrawal?: binding.Withdrawal) => Promise<any>} start
 */
async function withdrawable(signal, start) {
  if (signal === undefined) return unwrap(await start());
  if (!(signal instanceof AbortSignal)) throw invalidInput("signal must be an AbortSignal");
  signal.throwIfAborted();
  const withdrawal = new binding.Withdrawal();
  let abort = () => {};
  const aborted = new Promise((_, reject) => {
    abort = () => {
      withdrawal.withdraw();
      reject(signal.reason);
    };
  });
  signal.addEventListener("abort", abort);
  try {
    return unwrap(await Promise.race([start(withdrawal), aborted]));
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
