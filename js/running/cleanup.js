// The clean-up: deletes expired rows in small batches, on demand and in the background.
//
// A batch is read first, without a lock, by the index on the moment of expiry; where there is none,
// by the primary key, so that no batch reads the whole table. Then its rows are deleted by their
// keys, but for those that somebody else has locked, which the next run finds.

import { setTimeout as pause } from "node:timers/promises";
import { cellsOf } from "../adapter/cells.js";
import { authOptionsFor, checkOptions, FLAG, FUNCTION, SIGNAL } from "../checks.js";
import { NativeAdapterError } from "../errors.js";
import { unwrap } from "../native.js";
import { targetsOf } from "./expired.js";
import { CLEANUP } from "./options.js";

/**
 * @typedef {import("@better-auth/core").BetterAuthOptions} BetterAuthOptions
 * @typedef {import("./expired.js").Target} Target
 */

/**
 * @typedef {object} Work
 * @property {number} batchSize
 * @property {number} pauseMs
 * @property {boolean} dryRun
 * @property {((progress: any) => void) | undefined} onProgress
 * @property {AbortSignal} signal
 * @property {boolean} aside Whether the process does not stay alive for it.
 */

const KEY = "id";

/** Before the first run: the application has enough to do when it starts. */
const FIRST_AFTER = 60_000;

/**
 * @typedef {object} Manners
 * @property {number} statementMs How long a statement may take: it deletes as many rows as that allows.
 * @property {number} resting A pause is so many times as long as the statement before it, or longer.
 */

/**
 * SQLite has one writer at a time, for whom whoever wants to write next waits, and now and then all
 * wait for the disk: the more often, the faster rows go.
 *
 * @type {Manners}
 */
const INLINE = { statementMs: 0.5, resting: 4 };

/** @type {Manners} */
const SERVER = { statementMs: 5, resting: 2 };

/** Rows of the first statement, of which nothing is known yet. */
const FIRST_ROWS = 10;

export class Cleaner {
  #native;
  #settings;
  #options;
  #events;
  #closing = new AbortController();
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  /** The run in the background. @type {Promise<void> | undefined} */
  #current;
  state = {
    running: 0,
    runs: 0,
    skipped: 0,
    failed: 0,
    /** By model. @type {Record<string, number>} */
    deleted: {},
    /** @type {any} */
    last: null,
  };

  /**
   * @param {import("../../binding.js").Database} native
   * @param {import("../options.js").Settings} settings
   * @param {() => BetterAuthOptions | undefined} options those of betterAuth(), once it was called
   * @param {import("./events.js").Events} events
   */
  constructor(native, settings, options, events) {
    this.#native = native;
    this.#settings = settings;
    this.#options = options;
    this.#events = events;
  }

  /**
   * @param {Record<string, any>} [given]
   * @param {BetterAuthOptions} [options]
   */
  async cleanup(given = {}, options) {
    checkOptions("cleanup()", given, { ...CLEANUP, onProgress: FUNCTION, signal: SIGNAL, dryRun: FLAG });
    return this.#run(given, options, false);
  }

  /** Begins with what runs in the background, where that is asked for; once. */
  begin() {
    const { cleanup } = this.#settings.running;
    if (cleanup && this.#timer === undefined) this.#schedule(Math.min(cleanup.everyMs, FIRST_AFTER));
  }

  /** Resolves when nothing runs in the background any more. */
  async end() {
    clearTimeout(this.#timer);
    this.#closing.abort();
    if (!this.#current) return;
    // What it still waits for does not keep the process alive, and this does.
    const held = setInterval(() => {}, 1_000);
    await this.#current;
    clearInterval(held);
  }

  /** @param {number} milliseconds */
  #schedule(milliseconds) {
    const { jitter } = /** @type {{ jitter: number }} */ (this.#settings.running.cleanup);
    const delay = milliseconds * (1 + jitter * (2 * Math.random() - 1));
    this.#timer = setTimeout(
      () => {
        this.#current = this.#inBackground();
      },
      Math.min(Math.max(1, delay), 2 ** 31 - 1),
    ).unref();
  }

  async #inBackground() {
    const { everyMs, run } = /** @type {{ everyMs: number, run: object }} */ (this.#settings.running.cleanup);
    try {
      const alone = unwrap(await this.#native.alone());
      if (alone === null) this.state.skipped += 1;
      else {
        try {
          await this.#run(run, undefined, true);
        } finally {
          unwrap(await alone.letGo());
        }
      }
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#report(error);
    }
    this.#current = undefined;
    if (!this.#closing.signal.aborted) this.#schedule(everyMs);
  }

  /** @param {unknown} error */
  #report(error) {
    const { code = "INTERNAL", message, retryable = false, table = null } = /** @type {any} */ (error);
    const model = null;
    this.#events.emit("error", { operation: "cleanup", model, code, message, retryable, table, durationMs: null });
  }

  /**
   * @param {Record<string, any>} given
   * @param {BetterAuthOptions | undefined} options
   * @param {boolean} aside
   */
  async #run(given, options = this.#options(), aside) {
    const { batchSize = 1_000, pauseMs = 100, olderThanMs = 0, tables, dryRun = false, onProgress, signal } = given;
    if (this.#closing.signal.aborted) {
      throw new NativeAdapterError({ code: "CLOSED", message: "the database was used after close()" });
    }
    const targets = targetsOf(authOptionsFor("cleanup", options), this.#settings.usePlural, { tables, olderThanMs });
    const signals = [this.#closing.signal, ...(signal ? [signal] : [])];
    const work = { batchSize, pauseMs, dryRun, onProgress, signal: AbortSignal.any(signals), aside };
    const begun = performance.now();
    const { state } = this;
    state.running += 1;
    try {
      const cleaned = [];
      for (const target of targets) cleaned.push(await this.#clean(target, work));
      const result = {
        tables: cleaned,
        deleted: cleaned.reduce((sum, { deleted }) => sum + deleted, 0),
        aborted: work.signal.aborted,
        durationMs: performance.now() - begun,
      };
      if (!dryRun) {
        state.runs += 1;
        const { deleted, aborted, durationMs } = result;
        state.last = { at: new Date(), deleted, aborted, durationMs };
        this.#events.emit("cleanup", result);
      }
      return result;
    } catch (error) {
      state.failed += 1;
      throw error;
    } finally {
      state.running -= 1;
    }
  }

  /**
   * @param {Target} target
   * @param {Work} work
   */
  async #clean(target, work) {
    const { model } = target;
    const { aside, dryRun, onProgress, signal } = work;
    const plans = new TargetPlans(this.#native, target, aside);
    const pace = new Pace(this.#native.runsInline ? INLINE : SERVER);
    const cleaned = { model: model.key, table: model.table, expired: /** @type {number | null} */ (null), deleted: 0 };
    const tell = () => onProgress?.({ ...cleaned, total: cleaned.expired });
    try {
      if (signal.aborted) return cleaned;
      if (dryRun || onProgress) {
        cleaned.expired = await plans.count();
        tell();
      }
      if (dryRun) return cleaned;
      for await (const keys of plans.pages(work.batchSize)) {
        const before = cleaned.deleted;
        await this.#delete(plans, keys, pace, work, (count, isAll) => {
          cleaned.deleted += count;
          this.state.deleted[model.key] = (this.state.deleted[model.key] ?? 0) + count;
          if (isAll && cleaned.deleted > before) tell();
        });
        if (signal.aborted) break;
      }
      return cleaned;
    } catch (error) {
      // Closed under its feet: what was deleted so far is still to be told.
      if (signal.aborted && error instanceof NativeAdapterError && error.code === "CLOSED") return cleaned;
      throw error;
    } finally {
      plans.release();
    }
  }

  /**
   * Deletes a batch bit by bit, and pauses after each for its share.
   *
   * @param {TargetPlans} plans
   * @param {unknown[]} keys
   * @param {Pace} pace
   * @param {Work} work
   * @param {(count: number, isAll: boolean) => void} note
   */
  async #delete(plans, keys, pace, { batchSize, pauseMs, aside, signal }, note) {
    for (let at = 0; at < keys.length && !signal.aborted; ) {
      const bit = keys.slice(at, at + pace.rows);
      at += bit.length;
      const begun = performance.now();
      const count = await plans.delete(bit);
      const rest = pace.rest(bit.length, performance.now() - begun);
      note(count, at >= keys.length);
      if (count === 0) continue;
      const share = (pauseMs * bit.length) / batchSize;
      await pause(pauseMs && Math.max(share, rest), undefined, { ref: !aside, signal }).catch(() => {});
    }
  }
}

/** How many rows a statement deletes, and how long is rested after it, by how long the last one took. */
class Pace {
  rows = FIRST_ROWS;
  #manners;

  /** @param {Manners} manners */
  constructor(manners) {
    this.#manners = manners;
  }

  /**
   * @param {number} rows
   * @param {number} took
   * @returns {number} milliseconds to rest
   */
  rest(rows, took) {
    const { statementMs, resting } = this.#manners;
    const wanted = (rows * statementMs) / took;
    // One that had to wait says little.
    this.rows = Math.ceil(Math.min(Math.max(wanted, this.rows / 2), 2 * this.rows));
    return resting * took;
  }
}

/** The statements that clean up one table. */
class TargetPlans {
  #native;
  #target;
  #aside;
  /** @type {Map<string, number>} */
  #plans = new Map();

  /**
   * @param {import("../../binding.js").Database} native
   * @param {Target} target
   * @param {boolean} aside
   */
  constructor(native, target, aside) {
    this.#native = native;
    this.#target = target;
    this.#aside = aside;
  }

  /** How many rows have expired. @returns {Promise<number>} */
  async count() {
    const { cutoff } = this.#target;
    const [count] = await this.#run("count", () => ({ operation: "count", filter: [this.#before()] }), [cutoff]);
    return count;
  }

  /**
   * @param {unknown[]} keys
   * @returns {Promise<number>} how many there were, and nobody else had locked
   */
  async delete(keys) {
    const shape = () => ({
      operation: "deleteUnlocked",
      key: KEY,
      filter: [{ column: KEY, kind: "id", operator: "in", unique: true }, this.#before()],
    });
    const [count] = await this.#run("delete", shape, [keys, this.#target.cutoff]);
    return count;
  }

  /** The keys of expired rows, batch by batch. @param {number} size */
  async *pages(size) {
    yield* (await this.#isIndexed()) ? this.#byMoment(size) : this.#byKey(size);
  }

  /**
   * Earliest first. What has been deleted is not passed again, which would be slow where a server
   * has not forgotten it yet.
   *
   * @param {number} size
   */
  async *#byMoment(size) {
    const { field, cutoff } = this.#target;
    /** @type {number | undefined} */
    let from;
    /** @type {Set<unknown>} */
    let seen = new Set();
    for (;;) {
      const since = from === undefined ? [] : [{ column: field.column, kind: field.kind, operator: "gte" }];
      const rows = await this.#page([this.#before(), ...since], field.column, [cutoff, from, size]);
      const keys = rows.map(({ key }) => key);
      // All of one moment, and locked: they would be found again and again.
      if (keys.every((key) => seen.has(key))) return;
      yield keys;
      if (rows.length < size) return;
      seen = new Set(keys);
      from = rows[rows.length - 1].moment;
    }
  }

  /** In the order of the primary key. @param {number} size */
  async *#byKey(size) {
    const { cutoff } = this.#target;
    /** @type {unknown} */
    let after;
    for (;;) {
      const since = after === undefined ? [] : [{ column: KEY, kind: "id", operator: "after" }];
      const rows = await this.#page(since, KEY, [after, size]);
      const expired = rows.filter(({ moment }) => moment !== null && moment < cutoff);
      if (expired.length > 0) yield expired.map(({ key }) => key);
      if (rows.length < size) return;
      after = rows.at(-1)?.key;
    }
  }

  /**
   * @param {object[]} filter
   * @param {string} column By which they are sorted.
   * @param {unknown[]} values
   */
  async #page(filter, column, values) {
    const { model, field } = this.#target;
    const columns = [
      { column: KEY, kind: "id" },
      { column: field.column, kind: field.kind },
    ];
    const shape = () => ({ operation: "findMany", columns, filter, sort: { column }, limit: true });
    const given = values.filter((value) => value !== undefined);
    const cells = await this.#run(`find ${filter.length}`, shape, given);
    return Array.from({ length: cells.length / 2 }, (_, row) => {
      const key = cells[2 * row];
      return { key: model.id.numericId ? Number(key) : key, moment: cells[2 * row + 1] };
    });
  }

  #before() {
    const { field } = this.#target;
    return { column: field.column, kind: field.kind, operator: "lt" };
  }

  /** Whether an index finds what has expired. A table that is missing is an error of what follows. */
  async #isIndexed() {
    const { model, field } = this.#target;
    const { column, kind } = field;
    const columns = [{ name: column, kind, required: true, references: null, default: null }];
    const indexes = [{ name: `${model.table}_${column}`, columns: [column], unique: false }];
    const schema = { id: "text", tables: [{ name: model.table, columns, indexes }] };
    const request = JSON.stringify({ action: "validate", schema, rows: false });
    const report = JSON.parse(unwrap(await this.#native.manage(request, this.#aside)));
    return !report.warnings.some((/** @type {any} */ { code }) => code === "MISSING_INDEX");
  }

  /**
   * @param {string} name
   * @param {() => object} describe
   * @param {unknown[]} values
   * @returns {Promise<any[]>}
   */
  async #run(name, describe, values) {
    let plan = this.#plans.get(name);
    if (plan === undefined) {
      const { key, table } = this.#target.model;
      const shape = JSON.stringify({ table, ...describe() });
      const prepared = unwrap(this.#native.prepare(shape, `cleanup.${name.split(" ")[0]}`, key));
      this.#plans.set(name, prepared);
      plan = /** @type {number} */ (prepared);
    }
    const run = this.#aside ? this.#native.runAside(plan, values) : this.#native.run(plan, values);
    return cellsOf(unwrap(await run));
  }

  release() {
    for (const plan of this.#plans.values()) this.#native.release(plan);
  }
}
