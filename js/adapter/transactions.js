// Transactions on a native handle: nested ones are savepoints, and however the callback ends,
// nothing stays open.

import { AsyncLocalStorage } from "node:async_hooks";
import { NativeAdapterError } from "../errors.js";
import { unwrap } from "../native.js";
import { asked } from "./own-values.js";
import { cellsOf } from "./cells.js";

/**
 * @typedef {import("../../binding.js").Database} Database
 * @typedef {import("../../binding.js").Transaction} Transaction
 * @typedef {import("./operations.js").Run} Run
 */

/**
 * The transactions whose callbacks the code at hand runs in, the innermost first.
 *
 * @typedef {{ transaction: Nested, around: Running | undefined }} Running
 */

/** @type {AsyncLocalStorage<Running>} */
const running = new AsyncLocalStorage();

/**
 * The innermost transaction of that database in whose callback this is called; none outside of
 * transactions.
 *
 * @param {Database} database
 * @returns {Nested | undefined}
 */
export function currentTransaction(database) {
  let innermost = running.getStore();
  while (innermost && !innermost.transaction.isOf(database)) innermost = innermost.around;
  return innermost?.transaction;
}

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
  const lane = laneOf(unwrap(database.begin(isolation)), database);
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
  /** The nested transactions of one level take turns: savepoints are a stack. @type {Promise<unknown>} */
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

  /**
   * Runs a statement of the application's.
   *
   * @param {string} sql
   * @param {readonly unknown[]} values
   * @returns {Promise<import("../sql/query.js").Answer>}
   */
  async query(sql, values) {
    this.#checkOpen();
    return this.#lane.query(sql, values);
  }

  /** @param {Database} database */
  isOf(database) {
    return this.#lane.database === database;
  }

  /** What runs afterwards would become part of the transaction around it. */
  end() {
    this.#ended = true;
  }

  #checkOpen() {
    if (this.#ended) {
      throw new NativeAdapterError({
        code: "TRANSACTION_CLOSED",
        message:
          "the transaction has already been committed or rolled back; await everything inside its callback, and begin outside of it what goes on after it",
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
    const before = this.#last;
    const result = inTime(before).then(() => this.#inSavepoint(callback));
    this.#last = Promise.allSettled([before, result]);
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

/** How long a nested transaction waits for the one before it, in milliseconds. */
const PATIENCE = 10_000;

/**
 * Waits for the nested transaction before; one that is begun inside of it by the wrong handle would
 * wait for itself.
 *
 * @param {Promise<unknown>} before
 */
function inTime(before) {
  /** @type {NodeJS.Timeout} */
  let timer;
  const tooLong = new Promise((_, reject) => {
    timer = setTimeout(() => {
      const message = `waited ${PATIENCE} ms for another nested transaction to end; inside of one, begin the next with what its callback gets, or it waits for itself`;
      reject(new NativeAdapterError({ code: "POOL_TIMEOUT", message, retryable: true }));
    }, PATIENCE);
  });
  return Promise.race([before, tooLong]).finally(() => clearTimeout(timer));
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
 * @property {Database} database
 * @property {Run} run
 * @property {(sql: string, values: readonly unknown[]) => Promise<any>} query
 * @property {(name: "Commit" | "Rollback" | "Savepoint" | "Release" | "RollbackTo", depth: number) => Promise<void>} step
 */

/**
 * @param {Transaction} handle
 * @param {Database} database
 * @returns {TransactionLane}
 */
function laneOf(handle, database) {
  const inline = database.runsInline;
  const run = runsOn(handle, inline);
  /** What runs after a statement of the application's that is under way, runs after it. */
  let statements = 0;
  /** @type {Promise<unknown>} */
  let last = Promise.resolve();
  return {
    database,
    run: (plan, values) => (statements === 0 ? run(plan, values) : last.then(() => run(plan, values))),
    query(sql, values) {
      statements += 1;
      const answer = last.then(() => asked(handle, sql, values)).then(unwrap);
      last = answer.then(ended, ended);
      return answer;
    },
    async step(name, depth) {
      if (statements > 0) await last;
      const named = /** @type {any} */ (name);
      if (inline && unwrap(handle.stepNow(named, depth)) !== null) return;
      unwrap(await handle.step(named, depth));
    },
  };

  function ended() {
    statements -= 1;
  }
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
    const inside = { transaction, around: running.getStore() };
    result = await running.run(inside, callback, transaction);
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
