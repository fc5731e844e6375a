// nativeAdapter(): the function Better Auth calls with its options, and the methods that manage
// the database behind it.

import { getCurrentAdapter, runWithTransaction } from "@better-auth/core/context";
import { createAdapter } from "./adapter/adapter.js";
import { invalidInput } from "./errors.js";
import { binding, unwrap } from "./native.js";
import { desiredSchema } from "./schema.js";

/**
 * @typedef {import("@better-auth/core").BetterAuthOptions} BetterAuthOptions
 * @typedef {import("@better-auth/core/db/adapter").DBAdapter} DBAdapter
 */

/** The options of `nativeAdapter`; see index.d.ts. */
const OPTIONS = new Set([
  "url",
  "usePlural",
  "debugLogs",
  "busyTimeoutMs",
  "acquireTimeoutMs",
  "synchronous",
]);

/**
 * @param {string | Record<string, any>} urlOrOptions
 * @returns {import("../index.js").NativeDatabase}
 */
export function nativeAdapter(urlOrOptions) {
  const { url, usePlural = false, debugLogs = false, ...engine } = readOptions(urlOrOptions);
  const native = unwrap(binding.createDatabase(url, JSON.stringify(engine), process.cwd()));
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
     * @returns {Promise<T>}
     */
    async withTransaction(callback) {
      if (!known) throw invalidInput("withTransaction() works after betterAuth({ database })");
      const { adapter } = known;
      return runWithTransaction(adapter, async () => callback(await getCurrentAdapter(adapter)));
    },
    async close() {
      unwrap(await native.close());
    },
  });
}

/**
 * @param {unknown} given
 * @returns {{ url: string, usePlural?: boolean, debugLogs?: any, [option: string]: any }}
 */
function readOptions(given) {
  const options = typeof given === "string" ? { url: given } : given;
  if (typeof options !== "object" || options === null || !("url" in options)) {
    throw invalidInput('nativeAdapter takes a URL such as "sqlite:./auth.db", or { url, ...options }');
  }
  const unknown = Object.keys(options).find((option) => !OPTIONS.has(option));
  if (unknown !== undefined) {
    throw invalidInput(`nativeAdapter has no option "${unknown}"; it has ${[...OPTIONS].join(", ")}`);
  }
  const { url } = options;
  if (typeof url !== "string") throw invalidInput("the url of nativeAdapter must be a string");
  checkScheme(url);
  return /** @type {any} */ (options);
}

/**
 * Only the scheme is quoted: the rest may hold a password.
 *
 * @param {string} url
 */
function checkScheme(url) {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1].toLowerCase();
  if (scheme === "sqlite" || scheme === "file" || url === ":memory:") return;
  const found = scheme === undefined ? "names no database" : `begins with "${scheme}:"`;
  throw invalidInput(
    `the url of nativeAdapter ${found}; this version knows sqlite:<path>, sqlite::memory: and file:<path>`,
  );
}

/** @param {string[]} statements */
function toScript(statements) {
  return statements.map((statement) => `${statement};\n`).join("\n");
}
