// The package's one error class. Rust builds failures, this turns them into throwable errors.

/**
 * @typedef {object} Failure
 * @property {string} code
 * @property {string} message
 * @property {boolean} [retryable]
 * @property {string} [table]
 * @property {string} [column]
 * @property {string} [constraint]
 * @property {string} [sqlState]
 * @property {unknown} [cause]
 */

export class NativeAdapterError extends Error {
  /** @param {Failure} failure */
  constructor(failure) {
    super(
      failure.message,
      failure.cause === undefined ? undefined : { cause: failure.cause },
    );
    this.code = failure.code;
    this.retryable = failure.retryable ?? false;
    this.table = failure.table;
    this.column = failure.column;
    this.constraint = failure.constraint;
    this.sqlState = failure.sqlState;
  }
}
NativeAdapterError.prototype.name = "NativeAdapterError";

/**
 * @param {string} message
 * @param {Partial<Failure>} [details]
 */
export function invalidInput(message, details) {
  return new NativeAdapterError({ code: "INVALID_INPUT", message, ...details });
}
