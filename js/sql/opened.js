// Transactions that are begun by one call and ended by another, over those that run a callback.

/**
 * @typedef {import("../adapter/transactions.js").Nested} Nested
 *
 * @typedef {object} Opened
 * @property {Nested} transaction
 * @property {() => Promise<void>} keep
 * @property {() => Promise<void>} undo
 */

/** What an undone callback is rejected with. */
const UNDONE = Symbol("undone");

/**
 * @param {(callback: (transaction: Nested) => Promise<void>) => Promise<void>} begin
 * @returns {Promise<Opened>}
 */
export function opened(begin) {
  return new Promise((ready, failed) => {
    /** @type {() => void} */
    let keep;
    /** @type {(reason: unknown) => void} */
    let undo;
    /** @type {Promise<void>} */
    const end = new Promise((resolve, reject) => {
      keep = resolve;
      undo = reject;
    });
    const whole = begin((transaction) => {
      ready({
        transaction,
        keep() {
          keep();
          return whole;
        },
        undo() {
          undo(UNDONE);
          return whole.catch((error) => {
            if (error !== UNDONE) throw error;
          });
        },
      });
      return end;
    });
    // Once it has begun, whoever ends it hears how that went.
    whole.catch(failed);
  });
}
