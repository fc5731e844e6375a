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

/** @typedef {{ expected: string, fits: (value: unknown) => boolean }} Option */

/** @type {Option} */
const MILLISECONDS = {
  expected: "a whole number of milliseconds, less than 2^31",
  fits: (value) => typeof value === "number" && value >= 0 && value === (value | 0),
};

/** The options of `nativeAdapter`; see index.d.ts. @type {Record<string, Option>} */
const OPTIONS = {
  url: { expected: "a string", fits: (value) => typeof value === "string" },
  usePlural: { expected: "true or false", fits: (value) => typeof value === "boolean" },
  debugLogs: {
    expected: "true, false or an object",
    fits: (value) => typeof value === "boolean" || (typeof value === "object" && value !== null),
  },
  busyTimeoutMs: MILLISECONDS,
  acquireTimeoutMs: MILLISECONDS,
  synchronous: {
    expected: '"normal" or "full"',
    fits: (value) => value === "normal" || value === "full",
  },
};

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
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(OPTIONS, name)) {
      const known = Object.keys(OPTIONS).join(", ");
      throw invalidInput(`nativeAdapter has no option "${name}"; it has ${known}`);
    }
    const { expected, fits } = OPTIONS[name];
    const isDefault = value === undefined && name !== "url";
    if (!isDefault && !fits(value)) {
      throw invalidInput(`the option ${name} of nativeAdapter must be ${expected}`);
    }
  }
  const { url } = /** @type {{ url: string }} */ (options);
  checkScheme(url);
  return { ...options, url };
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
