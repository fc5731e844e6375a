// The adapter object Better Auth works with.
//
// Better Auth's own factory makes it, and stays its specification: it serves debug logs and
// whatever a later release adds. Its methods cost 12-14 µs per call beside the database, so the
// ones below replace them; a differential test compares the two.

import { createAdapterFactory } from "@better-auth/core/db/adapter";
import * as instrumentation from "@better-auth/core/instrumentation";
import { BetterAuthError } from "@better-auth/core/error";
import { generateId } from "./ids.js";
import { Models } from "./models.js";
import { logical, physical } from "./naming.js";
import { Operations } from "./operations.js";
import { Plans } from "./plans.js";
import { inTransaction } from "./transactions.js";

/**
 * @typedef {import("@better-auth/core").BetterAuthOptions} BetterAuthOptions
 * @typedef {import("@better-auth/core/db/adapter").DBAdapter} DBAdapter
 * @typedef {import("./operations.js").Run} Run
 * @typedef {import("./operations.js").Trace} Trace
 * @typedef {import("./transactions.js").Nested} Nested
 */

/**
 * Runs a callback in a transaction; `isolation` is only for those that are not nested.
 *
 * @callback Begin
 * @param {(nested: Nested) => Promise<any>} callback
 * @param {string} [isolation]
 * @returns {Promise<any>}
 */

/**
 * @typedef {object} Settings
 * @property {boolean} usePlural
 * @property {import("@better-auth/core/db/adapter").DBAdapterDebugLogOption} debugLogs
 */

export const ADAPTER_ID = "better-auth-native";

/** The search for users, which Better Auth does not know, on every adapter of ours. */
export const SEARCH = Symbol("searchUsers");

/**
 * @param {import("../../binding.js").Database} native
 * @param {Run} run outside of transactions
 * @param {Settings} settings
 * @param {BetterAuthOptions} options
 * @param {(tables: Record<string, any>) => Promise<string>} schemaSql
 * @returns {DBAdapter}
 */
export function createAdapter(native, run, settings, options, schemaSql) {
  const models = new Models(options, settings.usePlural);
  const plans = new Plans(native);
  const trace = tracer(options);
  const direct = !settings.debugLogs;

  /**
   * The adapter on a lane: the database itself, or an open transaction.
   *
   * @param {Run} run
   * @param {Begin} begin
   * @returns {any}
   */
  const adapterOn = (run, begin) => {
    const operations = new Operations({ models, plans, naming: logical, run, trace });
    /** @type {DBAdapter | undefined} */
    let made;
    const factory = () => (made ??= fromFactory(run, begin));
    const search = { [SEARCH]: operations.searchUsers.bind(operations) };
    if (!direct) return { ...factory(), ...search };
    return { ...directMethods(operations, factory), transaction: transactions(begin), ...search };
  };

  /** @param {Begin} begin */
  const transactions =
    (begin) =>
    (
      /** @type {(adapter: DBAdapter) => Promise<any>} */ callback,
      /** @type {string | undefined} */ isolation = undefined,
    ) =>
      begin(
        (nested) => callback(describe(adapterOn(nested.run, nested.nested.bind(nested)))),
        isolation,
      );

  /**
   * @param {Run} run
   * @param {Begin} begin
   */
  const fromFactory = (run, begin) => {
    const operations = new Operations({ models, plans, naming: physical, run, trace: untraced });
    return createAdapterFactory({
      config: {
        adapterId: ADAPTER_ID,
        adapterName: "Better Auth Native",
        usePlural: settings.usePlural,
        debugLogs: settings.debugLogs,
        supportsJSON: true,
        supportsDates: true,
        supportsBooleans: true,
        supportsArrays: true,
        supportsNumericIds: true,
        customIdGenerator: generateId,
        transaction: /** @type {any} */ (transactions(begin)),
      },
      adapter: () => /** @type {any} */ (customAdapter(operations, schemaSql)),
    })(withJoins(options));
  };

  const begin = (
    /** @type {(nested: Nested) => Promise<any>} */ callback,
    /** @type {string | undefined} */ isolation = undefined,
  ) => inTransaction(native, callback, isolation);
  const specification = fromFactory(run, begin);
  const describe = (/** @type {any} */ methods) => ({
    id: specification.id,
    options: specification.options,
    ...methods,
  });
  return { ...specification, ...adapterOn(run, begin) };
}

/**
 * The methods that replace the factory's.
 *
 * @param {Operations} operations
 * @param {() => DBAdapter} factory
 */
function directMethods(operations, factory) {
  return {
    /** @param {any} call */
    create(call) {
      // The factory warns, says where, and ignores the id.
      if (call.data.id !== undefined && !call.forceAllowId) return factory().create(call);
      return operations.create(call);
    },
    /** @param {any} call */
    incrementOne(call) {
      if (isEmpty(call.increment) && isEmpty(call.set)) {
        return Promise.reject(
          new BetterAuthError(
            "incrementOne requires a non-empty `increment` or `set`; both were empty.",
          ),
        );
      }
      return operations.incrementOne(call);
    },
    findOne: (/** @type {any} */ call) => operations.findOne(call),
    findMany: (/** @type {any} */ call) => operations.findMany(call),
    count: (/** @type {any} */ call) => operations.count(call),
    update: (/** @type {any} */ call) => operations.update(call),
    updateMany: (/** @type {any} */ call) => operations.updateMany(call),
    delete: (/** @type {any} */ call) => operations.delete(call),
    deleteMany: (/** @type {any} */ call) => operations.deleteMany(call),
    consumeOne: (/** @type {any} */ call) => operations.consumeOne(call),
  };
}

/**
 * What the factory wraps.
 *
 * @param {Operations} operations
 * @param {(tables: Record<string, any>) => Promise<string>} schemaSql
 */
function customAdapter(operations, schemaSql) {
  return {
    ...directMethods(operations, () => {
      throw new Error("the factory resolves ids before it calls its custom adapter");
    }),
    create: (/** @type {any} */ call) => operations.create(call),
    /** @param {{ file?: string, tables: Record<string, any> }} target */
    async createSchema({ file, tables }) {
      const path = file ?? "./better-auth-migration.sql";
      return { code: await schemaSql(tables), path, overwrite: true };
    },
  };
}

/** @param {object | undefined} record */
function isEmpty(record) {
  return !record || Object.keys(record).length === 0;
}

/**
 * The factory hands joins over only if this option is set; every engine here takes them.
 *
 * @param {BetterAuthOptions} options
 * @returns {BetterAuthOptions}
 */
function withJoins(options) {
  const database = { ...options.advanced?.database, joins: true };
  return { ...options, advanced: { ...options.advanced, database } };
}

/** @type {Trace} */
const untraced = (_operation, _table, call) => call();

/**
 * Spans as the factory opens them.
 *
 * @param {BetterAuthOptions} options
 * @returns {Trace}
 */
function tracer(options) {
  const { ATTR_DB_OPERATION_NAME, ATTR_DB_COLLECTION_NAME } = instrumentation;
  // Better Auth 1.7.0 has only the function that always traces.
  const withSpan =
    "createWithSpan" in instrumentation
      ? instrumentation.createWithSpan(options)
      : /** @type {typeof import("@better-auth/core/instrumentation")} */ (instrumentation).withSpan;
  return (operation, table, call) =>
    withSpan(
      `db ${operation} ${table}`,
      { [ATTR_DB_OPERATION_NAME]: operation, [ATTR_DB_COLLECTION_NAME]: table },
      call,
    );
}
