// nativeAdapter(): the function Better Auth calls with its options, and the methods that manage
// the database behind it.

import { createAdapter } from "./adapter/adapter.js";
import { runsOn } from "./adapter/transactions.js";
import { retryingTransaction } from "./adapter/with-transaction.js";
import { WriteBatch } from "./adapter/write-batch.js";
import { invalidInput } from "./errors.js";
import { backup } from "./maintenance/backup.js";
import { Insight } from "./maintenance/insight.js";
import { Users } from "./maintenance/users.js";
import { binding, unwrap } from "./native.js";
import { readOptions } from "./options.js";
import { Running } from "./running/running.js";
import { forgetChecks, registerCheck } from "./schema/check.js";
import { toScript } from "./schema/files.js";
import { Management } from "./schema/management.js";
import { kyselyDialect, kyselyOn } from "./sql/dialect.js";
import { query } from "./sql/query.js";

/**
 * @typedef {import("@better-auth/core").BetterAuthOptions} BetterAuthOptions
 * @typedef {import("@better-auth/core/db/adapter").DBAdapter} DBAdapter
 */

/**
 * @param {string | Record<string, any>} urlOrOptions
 * @returns {import("../index.js").NativeDatabase}
 */
export function nativeAdapter(urlOrOptions) {
  return openDatabase(urlOrOptions).database;
}

/**
 * A database, and what is behind it.
 *
 * @param {string | Record<string, any>} urlOrOptions
 */
export function openDatabase(urlOrOptions) {
  const settings = readOptions(urlOrOptions);
  const { usePlural, debugLogs } = settings;
  const native = unwrap(binding.openDatabase(settings.engine, workingDirectory()));
  const batch = native.runsInline ? new WriteBatch(native) : undefined;
  const run = batch ? batch.run : runsOn(native, false);
  /** The last betterAuth() that was given this database. @type {{ options: BetterAuthOptions, adapter: DBAdapter } | undefined} */
  let known;

  /** @param {BetterAuthOptions} options */
  const database = (options) => {
    const schemaSql = async () => toScript((await management.plan(options)).statements);
    const made = createAdapter(native, run, { usePlural, debugLogs }, options, schemaSql);
    // By this id Better Auth's command knows adapters that it can migrate.
    const adapter = usePlural ? made : { ...made, id: "kysely" };
    registerCheck(adapter, options, database, () => management.check(options));
    known = { options, adapter };
    running.begin();
    return adapter;
  };
  const users = new Users(native, settings, () => known);
  const insight = new Insight(native, settings, () => known?.options);
  const management = new Management(native, settings, () => known?.options, () => {
    forgetChecks(database);
    users.forgetIndex();
  });
  const running = new Running(native, settings, () => known?.options);

  const methods = {
    plan: management.plan.bind(management),
    migrate: management.migrate.bind(management),
    rollback: management.rollback.bind(management),
    status: management.status.bind(management),
    baseline: management.baseline.bind(management),
    validate: management.validate.bind(management),
    generate: management.generate.bind(management),
    drop: management.drop.bind(management),
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
    /** @param {string} sql @param {readonly unknown[]} [values] @param {{ rowMode?: "object" | "array" }} [options] */
    query: (sql, values, options) => query(native, sql, values, options),
    kysely: () => kyselyOn(native, settings.kind),
    statistics: insight.statistics.bind(insight),
    analyze: insight.analyze.bind(insight),
    diagnose: insight.diagnose.bind(insight),
    usersByIds: users.usersByIds.bind(users),
    sessionWithUser: users.sessionWithUser.bind(users),
    searchUsers: users.searchUsers.bind(users),
    /** @param {string} path @param {any} [options] */
    backup: (path, options) => backup(native, path, options),
    on: running.on.bind(running),
    cleanup: running.cleanup.bind(running),
    metrics: running.metrics.bind(running),
    health: running.health.bind(running),
    /** @param {any} [options] */
    close(options) {
      // What was asked for before it is waited for.
      batch?.flush();
      return running.close(options);
    },
  };
  // For the command line, which may open another database the same way.
  Object.defineProperty(database, Symbol.for("better-auth-native.options"), { value: urlOrOptions });
  const whole = Object.assign(database, methods, usePlural ? {} : migratable(native, settings));
  return { database: /** @type {import("../index.js").NativeDatabase} */ (whole), native, management };
}

/** Null where it was removed after the process had begun: only relative paths need it. */
function workingDirectory() {
  try {
    return process.cwd();
  } catch {
    return null;
  }
}

/**
 * What `npx auth migrate` and getMigrations() look for. They do not know plural names, and would
 * make other tables.
 *
 * @param {import("../binding.js").Database} native
 * @param {import("./options.js").Settings} settings
 */
function migratable(native, { kind, schema }) {
  const dialect = kyselyDialect(native, kind);
  return { dialect, type: kind, transaction: true, ...(schema && { schemaName: schema }) };
}
