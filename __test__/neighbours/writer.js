// What every writer does with a write: into the ledger, tried, and its outcome into the ledger.

import { setTimeout as sleep } from "node:timers/promises";
import { openLedger } from "./ledger.js";

/** @typedef {import("./ledger.js").Change} Change */
/** @typedef {{ acknowledged: number, refused: number, errors: Record<string, number> }} Figures */

/** Thrown in a transaction to have it rolled back. */
export class OnPurpose extends Error {}

/** Who finds a lock taken looks again later and later, and has to find it free once. */
export const pause = () => sleep(4 * Math.random());

/**
 * @param {string} ledgers the folder
 * @param {string} name
 */
export function bookkeeper(ledgers, name) {
  const ledger = openLedger(ledgers, name);
  /** @type {Figures} */
  const figures = { acknowledged: 0, refused: 0, errors: {} };

  /**
   * Whether the work was done. Being busy is an answer: whoever gets it has written nothing, and may
   * try again.
   *
   * @param {() => unknown} work
   */
  async function done(work) {
    try {
      await work();
      return true;
    } catch (error) {
      if (error instanceof OnPurpose) return false;
      if (isBusy(error)) {
        figures.refused += 1;
        return false;
      }
      const { message } = /** @type {Error} */ (error);
      figures.errors[message] = (figures.errors[message] ?? 0) + 1;
      return false;
    }
  }

  return {
    newKey: ledger.newKey,
    figures,
    done,
    /**
     * Whether the changes were made and acknowledged.
     *
     * @param {Change[]} changes
     * @param {() => unknown} work makes them
     */
    async write(changes, work) {
      const id = ledger.begun(changes);
      const acknowledged = await done(work);
      if (acknowledged) ledger.acknowledged(id);
      else ledger.refused(id);
      figures.acknowledged += Number(acknowledged);
      return acknowledged;
    },
    close: ledger.close,
  };
}

/** Codes of the package's, and the words of SQLite. @param {any} error */
function isBusy({ code, message }) {
  return code === "DATABASE_LOCKED" || code === "POOL_TIMEOUT" || /database( table)? is locked/.test(message);
}
