// nativeAdapter(): the function Better Auth calls with its options, and the methods that manage
// the database behind it.

import { createAdapter } from "./adapter/adapter.js";
import { retryingTransaction } from "./adapter/with-transaction.js";
import { invalidInput } from "./errors.js";
import { binding, unwrap } from "./native.js";
import { readOptions } from "./options.js";
import { desiredSchema } from "./schema.js";

/**
 * @typedef {import("@better-auth/core").BetterAuthOptions} BetterAuthOptions
 * @typedef {import("@better-auth/core/db/adapter").DBAdapter} DBAdapter
 */

/**
 * @param {string | Record<string, any>} urlOrOptions
 * @returns {import("../index.js").NativeDatabase}
 */
export function nativeAdapter(urlOrOptions) {
  const { usePlural, debugLogs, engine } = readOptions(urlOrOptions);
  const native = unwrap(binding.openDatabase(engine, process.cwd()));
  /** The last betterAuth() that was given this database. @type {{ options: BetterAuthOptions, adapter: DBAdapter } | undefined} */
  let known;

  /**
   * @param {BetterAuthOptions | undefined} options
   * @param {string} method
   */
  const schemaFor = (options, method) => {
    const schema = options ?? known?.options;
    if (schema) return JSON.stringify(desiredSchema(schema, usePlural));
    throw invalidInput(
      `${method}() has to know the tables: call it after betterAuth({ database }), or pass it the options of betterAuth`,
    );
  };

  /** @param {BetterAuthOptions} options */
  const database = (options) => {
    const schemaSql = async () => toScript(unwrap(await native.plan(schemaFor(options, "generate"))));
    const adapter = createAdapter(native, { usePlural, debugLogs }, options, schemaSql);
    known = { options, adapter };
    return adapter;
  };

  return Object.assign(database, {
    /** @param {BetterAuthOptions} [options] */
    async migrate(options) {
      return { statements: unwrap(await native.migrate(schemaFor(options, "migrate"))) };
    },
    /** @param {BetterAuthOptions} [options] */
    async plan(options) {
      return { statements: unwrap(await native.plan(schemaFor(options, "plan"))) };
    },
    /**
     * @template T
     * @param {(adapter: any) => Promise<T>} callback
     * @param {{ retries?: number, isolation?: string }} [options]
     * @returns {Promise<T>}
     */
    async withTransaction(callback, options) {
      if (!known) throw invalidInput("withTransaction() works after betterAuth({ database })");
      return retryingTransaction(known.adapter, callback, options);
    },
    async close() {
      unwrap(await native.close());
    },
  });
}

/** @param {string[]} statements */
function toScript(statements) {
  return statements.map((statement) => `${statement};\n`).join("\n");
}
