// Transactions on a native handle: nested ones are savepoints, and however the callback ends,
// nothing stays open.

import { NativeAdapterError } from "../errors.js";
import { unwrap } from "../native.js";

/**
 * @typedef {import("../../binding.js").Database} Database
 * @typedef {import("../../binding.js").Transaction} Transaction
 * @typedef {import("./operations.js").Run} Run
 */

/**
 * Runs `callback` in a transaction of its own; it commits when the callback's promise resolves.
 *
 * @template T
 * @param {Database} database
 * @param {(transaction: Nested) => Promise<T>} callback
 * @param {string} [isolation] the server's default where it is not given
 * @returns {Promise<T>}
 */
export async function inTransaction(database, callback, isolation) {
  const handle = unwrap(database.begin(isolation));
  return settle(
    new Nested(handle),
    callback,
    () => step(handle, "Commit", 0),
    () => step(handle, "Rollback", 0),
  );
}

/** A transaction, at some depth of nesting. */
export class Nested {
  #handle;
  #parent;
  /** @type {number} */
  #depth;
  #ended = false;
  /** The nested transactions of one level take turns: savepoints are a stack. */
  #last = Promise.resolve();

  /**
   * @param {Transaction} handle
   * @param {Nested} [parent]
   */
  constructor(handle, parent) {
    this.#handle = handle;
    this.#parent = parent;
    this.#depth = parent ? parent.#depth + 1 : 0;
  }

  /** @type {Run} */
  run = (plan, values) => {
    this.#checkOpen();
    return runOn(this.#handle, plan, values);
  };

  /** What runs afterwards would become part of the transaction around it. */
  end() {
    this.#ended = true;
  }

  #checkOpen() {
    if (this.#ended) {
      throw new NativeAdapterError({
        code: "TRANSACTION_CLOSED",
        message:
          "the transaction has already been committed or rolled back; await everything inside its callback",
      });
    }
    if (this.#parent) this.#parent.#checkOpen();
  }

  /**
   * Runs `callback` in a savepoint: if it fails, only what it did is undone.
   *
   * @template T
   * @param {(transaction: Nested) => Promise<T>} callback
   * @returns {Promise<T>}
   */
  nested(callback) {
    const result = this.#last.then(() => this.#inSavepoint(callback));
    this.#last = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  /**
   * @template T
   * @param {(transaction: Nested) => Promise<T>} callback
   */
  async #inSavepoint(callback) {
    this.#checkOpen();
    const depth = this.#depth + 1;
    await step(this.#handle, "Savepoint", depth);
    return settle(
      new Nested(this.#handle, this),
      callback,
      () => step(this.#handle, "Release", depth),
      async () => {
        await step(this.#handle, "RollbackTo", depth);
        await step(this.#handle, "Release", depth);
      },
    );
  }
}

/**
 * Runs a plan at once where that cannot wait, else off this thread.
 *
 * @param {Database | Transaction} handle
 * @param {import("./plans.js").Plan} plan
 * @param {unknown[]} values
 */
export function runOn(handle, plan, values) {
  return unwrap(handle.runNow(plan.id, values)) ?? handle.run(plan.id, values).then(unwrap);
}

/**
 * @template T
 * @param {Nested} transaction
 * @param {(transaction: Nested) => Promise<T>} callback
 * @param {() => Promise<void>} keep
 * @param {() => Promise<void>} undo
 */
async function settle(transaction, callback, keep, undo) {
  let result;
  try {
    result = await callback(transaction);
  } catch (error) {
    transaction.end();
    // What failed first is what the caller has to hear; a transaction that cannot be rolled back
    // has been, by the database, or its connection is closed.
    await undo().catch(() => {});
    throw error;
  }
  transaction.end();
  await keep();
  return result;
}

/**
 * @param {Transaction} handle
 * @param {"Commit" | "Rollback" | "Savepoint" | "Release" | "RollbackTo"} name
 * @param {number} depth
 */
async function step(handle, name, depth) {
  const named = /** @type {any} */ (name);
  if (unwrap(handle.stepNow(named, depth)) === null) unwrap(await handle.step(named, depth));
}
