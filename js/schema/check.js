// Better Auth's own check of the schema at run time, where the installed version has one: it asks
// once, before the first request, whether the tables hold what it writes.

import * as internal from "@better-auth/core/db/internal";

/** @typedef {import("@better-auth/core").BetterAuthOptions} BetterAuthOptions */

/** Set in processes of this package's command; a symbol, because there may be two copies of this. */
export const COMMAND = Symbol.for("better-auth-native.command");

/** What Better Auth calls the findings that keep it from working. @type {Record<string, string>} */
const KINDS = {
  MISSING_TABLE: "missing-table",
  MISSING_COLUMN: "missing-column",
  UNEXPECTED_REQUIRED_COLUMN: "unexpected-required-column",
};

/**
 * @param {object} adapter
 * @param {BetterAuthOptions} options
 * @param {object} database the `database` of the options, by which a migration is told
 * @param {() => Promise<{ errors: { code: string, table: string, column?: string }[] }>} validate
 */
export function registerCheck(adapter, options, database, validate) {
  // Better Auth 1.7.0 has none; and where the command line looks itself, it tells what it finds.
  if (!("registerSchemaCheck" in internal) || /** @type {any} */ (globalThis)[COMMAND]) return;
  const find = async () => {
    const { errors } = await validate();
    return errors
      .filter(({ code }) => Object.hasOwn(KINDS, code))
      .map(({ code, table, column }) => ({ kind: KINDS[code], table, column }));
  };
  const check = internal.createSchemaCheck(/** @type {any} */ (find), "database", database);
  internal.registerSchemaCheck(adapter, check, { runtimeEnabled: internal.checksSchema(options) });
}

/**
 * The tables have changed.
 *
 * @param {object} database
 */
export function forgetChecks(database) {
  if ("invalidateSchemaChecks" in internal) internal.invalidateSchemaChecks(database);
}
