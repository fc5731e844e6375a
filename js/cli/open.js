// The database that a command works on: the configuration's, or the one of --url.

import { resolve } from "node:path";
import { nativeAdapter } from "../database.js";
import { readOptions } from "../options.js";
import { UsageError } from "./arguments.js";
import { loadConfig } from "./config.js";

/** By which the options are found that a database was made with. */
const GIVEN = Symbol.for("better-auth-native.options");

/**
 * @param {Record<string, any>} values
 * @param {"options" | "database"} needs
 */
export async function open(values, needs) {
  const cwd = resolve(values.cwd ?? ".");
  // Not where only the database counts: loading it may need what the machine has not.
  const skip = needs === "database" && values.url !== undefined && values.config === undefined;
  const options = skip ? undefined : await loadConfig(cwd, values.config);
  const configured = /** @type {any} */ (options?.database);
  const given = configured?.[GIVEN];
  const close = async (/** @type {any} */ database) => {
    await database.close();
    if (given !== undefined && database !== configured) await configured.close();
  };
  if (values.url !== undefined) {
    const { usePlural, migrations } = typeof given === "object" ? given : /** @type {any} */ ({});
    const own = { url: values.url, usePlural, migrations };
    const database = nativeAdapter(own);
    return { database, options: options ?? {}, ...named(own), close: () => close(database) };
  }
  if (options === undefined) {
    throw new UsageError(
      `no auth configuration was found in ${cwd}: pass its path with --config, or a database with --url`,
    );
  }
  if (given === undefined) {
    throw new UsageError("the `database` of the auth configuration is not nativeAdapter(...): pass a database with --url");
  }
  return { database: configured, options, ...named(given), close: () => close(configured) };
}

/** @param {any} given */
function named(given) {
  const { kind, name } = readOptions(given);
  const engines = { sqlite: "SQLite", postgres: "PostgreSQL", mysql: "MySQL" };
  return { name, title: `${engines[kind]} ${name}` };
}
