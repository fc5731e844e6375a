// The compiled addon, and the one place where its failures become errors.

import * as binding from "../binding.js";
import { NativeAdapterError } from "./errors.js";

export { binding };

/**
 * Returns what a native call gave, or throws the failure it reported.
 *
 * @template T
 * @param {T | { failure: import("./errors.js").Failure }} outcome
 * @returns {T}
 */
export function unwrap(outcome) {
  const failure = /** @type {any} */ (outcome)?.failure;
  if (failure === undefined) return /** @type {T} */ (outcome);
  const cause = failure.cause === undefined ? undefined : new Error(failure.cause);
  throw new NativeAdapterError({ ...failure, cause });
}
