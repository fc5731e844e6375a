// Plans: what an operation's shape compiles to, once. A shape is everything about a call but its
// values; the database compiles it to a statement, and here it is joined by the reader of its rows.

import { unwrap } from "../native.js";
import { rowReader } from "./rows.js";

/**
 * @typedef {import("./models.js").Model} Model
 * @typedef {import("./models.js").Field} Field
 * @typedef {import("./rows.js").Property} Property
 */

/**
 * @typedef {object} Plan
 * @property {number} id The database's name for it.
 * @property {boolean} writes
 * @property {import("./rows.js").RowReader | null} reader null where no rows come back.
 */

/**
 * @typedef {object} Description
 * @property {object} shape
 * @property {Property[]} [properties]
 * @property {string} operation By which its calls are counted, as `model`.
 * @property {string} model
 */

/**
 * Shapes kept. They come from the code of an application, of which each place makes one; more of
 * them means that filters are put together at run time, and the oldest go.
 */
const MAX_PLANS = 1_000;

const READS = new Set(["findOne", "findMany", "count", "searchUsers"]);

export class Plans {
  /** @type {Map<string, Plan>} */
  #plans = new Map();
  #native;

  /** @param {import("../../binding.js").Database} native */
  constructor(native) {
    this.#native = native;
  }

  /**
   * The plan of that key, compiled from `describe()` if there is none.
   *
   * @param {string} key
   * @param {() => Description} describe
   * @returns {Plan}
   */
  get(key, describe) {
    return this.#plans.get(key) ?? this.#compile(key, describe());
  }

  /**
   * @param {string} key
   * @param {Description} description
   */
  #compile(key, { shape, properties, operation, model }) {
    const id = unwrap(this.#native.prepare(JSON.stringify(shape), operation, model));
    const writes = !READS.has(operation);
    const plan = { id, writes, reader: properties ? rowReader(properties) : null };
    if (this.#plans.size >= MAX_PLANS) this.#forgetOldest();
    this.#plans.set(key, plan);
    return plan;
  }

  #forgetOldest() {
    const [key, plan] = /** @type {[string, Plan]} */ (this.#plans.entries().next().value);
    this.#plans.delete(key);
    this.#native.release(plan.id);
  }
}
