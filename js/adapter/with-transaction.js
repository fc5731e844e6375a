// Transactions of the application: Better Auth joins them, and those that others got in the way of
// may be tried again.

import { getCurrentAdapter, runWithTransaction } from "@better-auth/core/context";
import { setTimeout } from "node:timers/promises";
import { invalidInput, NativeAdapterError } from "../errors.js";

const ISOLATIONS = {
  "read committed": "readCommitted",
  "repeatable read": "repeatableRead",
  serializable: "serializable",
};

/** What the database undid because of others; everything in it can be done again. */
const CONFLICTS = new Set(["DEADLOCK", "SERIALIZATION_FAILURE", "DATABASE_LOCKED"]);

/**
 * @template T
 * @param {any} adapter
 * @param {(adapter: any) => Promise<T>} callback
 * @param {{ retries?: number, isolation?: string }} [options]
 * @returns {Promise<T>}
 */
export async function retryingTransaction(adapter, callback, options = {}) {
  const { retries, isolation } = readOptions(options);
  // Better Auth calls `transaction` with the callback alone.
  const begins = {
    ...adapter,
    transaction: (/** @type {any} */ work) => adapter.transaction(work, isolation),
  };
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await runWithTransaction(begins, async () => callback(await getCurrentAdapter(adapter)));
    } catch (error) {
      const again = error instanceof NativeAdapterError && CONFLICTS.has(error.code);
      if (!again || attempt >= retries) throw error;
    }
    // Longer each time, and never for all callers alike.
    await setTimeout(Math.min(5 * 2 ** attempt, 500) * (0.5 + Math.random() / 2));
  }
}

/** @param {{ retries?: number, isolation?: string }} options */
function readOptions({ retries = 0, isolation, ...rest }) {
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) {
    throw invalidInput(`withTransaction has no option "${unknown}"; it has retries and isolation`);
  }
  if (!Number.isInteger(retries) || retries < 0 || retries > 1_000) {
    throw invalidInput("the option retries of withTransaction must be a whole number from 0 to 1000");
  }
  return { retries, isolation: isolationOf("withTransaction", isolation) };
}

/**
 * The core's name of an isolation level.
 *
 * @param {string} owner of the option
 * @param {string | undefined} isolation
 */
export function isolationOf(owner, isolation) {
  if (isolation === undefined) return undefined;
  if (!Object.hasOwn(ISOLATIONS, isolation)) {
    const known = Object.keys(ISOLATIONS).map((name) => `"${name}"`).join(", ");
    throw invalidInput(`the option isolation of ${owner} must be one of ${known}`);
  }
  return ISOLATIONS[/** @type {keyof typeof ISOLATIONS} */ (isolation)];
}
