// Writes that are asked for at the same time commit together: a commit costs several writes to the
// log, and most of what a small write takes.

import { received, runsOn } from "./transactions.js";

/**
 * @typedef {import("../../binding.js").Database} Database
 * @typedef {import("./operations.js").Run} Run
 *
 * @typedef {object} Write
 * @property {number} plan
 * @property {unknown[]} values
 * @property {(outcome: any) => void} settle takes its outcome, or a promise of it
 */

/**
 * How often the microtask queue goes round until writes that had company run: callers whose writes were
 * answered together ask for their next ones some rounds apart, and would drift apart for good. At 32
 * callers, creating rows took 103 µs without and 87 with it.
 */
const ROUNDS = 12;

/** Writes that run on the event loop's thread before it gets to something else. */
const MOST = 64;

/** The writes to a database that runs inline. */
export class WriteBatch {
  #database;
  #read;
  /** @type {Write[]} */
  #waiting = [];
  /** Whether they will be served. */
  #served = false;
  /** Whether the last ones had company. */
  #together = false;

  /** @param {Database} database */
  constructor(database) {
    this.#database = database;
    this.#read = runsOn(database, true);
  }

  /**
   * A write waits for no companion: it runs when the code that asked for it lets go of the thread,
   * with those that were asked for until then.
   *
   * @type {Run}
   */
  run = (plan, values) => {
    if (!plan.writes) return this.#read(plan, values);
    const outcome = new Promise((settle) => {
      this.#waiting.push({ plan: plan.id, values, settle });
    });
    if (!this.#served) {
      this.#served = true;
      this.#serveAfter(this.#together ? ROUNDS : 1);
    }
    return outcome.then(received);
  };

  /** @param {number} rounds of the microtask queue */
  #serveAfter(rounds) {
    if (rounds === 0) this.#serve();
    else queueMicrotask(() => this.#serveAfter(rounds - 1));
  }

  /** Begins all that waits. */
  flush() {
    while (this.#waiting.length > 0) this.#runSome();
  }

  #serve() {
    this.#runSome();
    this.#served = this.#waiting.length > 0;
    // Others have their turn on the event loop in between.
    if (this.#served) setImmediate(() => this.#serve());
  }

  #runSome() {
    const writes = this.#waiting.splice(0, MOST);
    this.#together = writes.length > 1;
    if (writes.length > 1 && this.#commitTogether(writes)) return;
    for (const write of writes) write.settle(this.#runAlone(write));
  }

  /** @param {Write[]} writes `false`: nothing was done. */
  #commitTogether(writes) {
    let outcomes;
    try {
      outcomes = this.#database.runTogetherNow(
        writes.map(({ plan }) => plan),
        writes.map(({ values }) => values),
      );
    } catch (error) {
      outcomes = Promise.reject(error);
    }
    if (outcomes === null) return false;
    // Where there is none for each, something is wrong, and they may have been committed.
    for (const [index, { settle }] of writes.entries()) {
      settle(Array.isArray(outcomes) ? outcomes[index] : outcomes);
    }
    return true;
  }

  /** @param {Write} write */
  async #runAlone({ plan, values }) {
    return this.#database.runNow(plan, values) ?? this.#database.run(plan, values);
  }
}
