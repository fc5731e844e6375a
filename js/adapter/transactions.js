// Transactions on a native handle: nested ones are savepoints, and however the callback ends,
// nothing stays open.

import { NativeAdapterError } from "../errors.js";
import { unwrap } from "../native.js";
import { cellsOf } from "./cells.js";

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
  const lane = laneOf(unwrap(database.begin(isolation)), database.runsInline);
  return settle(
    new Nested(lane),
    callback,
    () => lane.step("Commit", 0),
    () => lane.step("Rollback", 0),
  );
}

/** A transaction, at some depth of nesting. */
export class Nested {
  #lane;
  #parent;
  /** @type {number} */
  #depth;
  #ended = false;
  /** The nested transactions of one level take turns: savepoints are a stack. */
  #last = Promise.resolve();

  /**
   * @param {TransactionLane} lane
   * @param {Nested} [parent]
   */
  constructor(lane, parent) {
    this.#lane = lane;
    this.#parent = parent;
    this.#depth = parent ? parent.#depth + 1 : 0;
  }

  /** @type {Run} */
  run = (plan, values) => {
    this.#checkOpen();
    return this.#lane.run(plan, values);
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
    const lane = this.#lane;
    await lane.step("Savepoint", depth);
    // Its savepoint has gone with that of an outer transaction that ended first.
    const end = (/** @type {"Release" | "RollbackTo"} */ name) => {
      this.#checkOpen();
      return lane.step(name, depth);
    };
    return settle(
      new Nested(lane, this),
      callback,
      () => end("Release"),
      async () => {
        await end("RollbackTo");
        await end("Release");
      },
    );
  }
}

/**
 * Runs plans on a database or a transaction: at once where that cannot wait, else off this thread.
 *
 * @param {Database | Transaction} handle
 * @param {boolean} inline Whether anything ever runs at once.
 * @returns {Run}
 */
export function runsOn(handle, inline) {
  /** @type {Run} */
  const later = (plan, values) => handle.run(plan.id, values).then(received);
  if (!inline) return later;
  return (plan, values) => {
    const outcome = handle.runNow(plan.id, values);
    return outcome === null ? later(plan, values) : received(outcome);
  };
}

/** @param {any} outcome */
export function received(outcome) {
  return cellsOf(unwrap(outcome));
}

/**
 * An open transaction: what runs in it, and what moves it along.
 *
 * @typedef {object} TransactionLane
 * @property {Run} run
 * @property {(name: "Commit" | "Rollback" | "Savepoint" | "Release" | "RollbackTo", depth: number) => Promise<void>} step
 */

/**
 * @param {Transaction} handle
 * @param {boolean} inline
 * @returns {TransactionLane}
 */
function laneOf(handle, inline) {
  return {
    run: runsOn(handle, inline),
    async step(name, depth) {
      const named = /** @type {any} */ (name);
      if (inline && unwrap(handle.stepNow(named, depth)) !== null) return;
      unwrap(await handle.step(named, depth));
    },
  };
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
