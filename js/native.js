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
  throw withRoomForTheCaller(() => {
    const cause = failure.cause === undefined ? undefined : new Error(failure.cause);
    return new NativeAdapterError({ ...failure, cause });
  });
}

/**
 * An error keeps ten frames of the stack by default. On the way here the package's own and Better
 * Auth's fill them, and those that say where in the application the call came from would be lost.
 *
 * @param {() => Error} makeError
 */
function withRoomForTheCaller(makeError) {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = limit + 10;
  try {
    return makeError();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
