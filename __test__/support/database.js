// Databases and applications for one test each, closed and dropped when the test ends, and
// databases that the tests of a suite share.

import { betterAuth } from "better-auth";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { nativeAdapter } from "../../index.js";
import { engines } from "../engines/index.js";
import { basics } from "./basics.js";
import { ways } from "./ways.js";

/** @typedef {import("../engines/index.js").Engine & { options?: object }} Engine */

/** By their names, for `describe.each`. @param {Engine[]} engines @returns {[string, Engine][]} */
export const named = (engines) => engines.map((engine) => [engine.name, engine]);

export const everyEngine = named(engines);

/** Every engine, by each of the two ways that calls may take. */
export const everyEngineEitherWay = named(
  engines.flatMap((engine) =>
    ways.map(({ way, options }) => ({ ...engine, name: `${engine.name}, ${way}`, options })),
  ),
);

export const everySharedEngine = named(engines.filter((engine) => !engine.private));

/**
 * An empty database of that engine.
 *
 * @param {Engine} engine
 * @returns {Promise<string>} its URL
 */
export async function emptyDatabase(engine) {
  const { url, drop } = await engine.create();
  onTestFinished(drop);
  return url;
}

/**
 * A database with Better Auth's tables.
 *
 * @param {Engine} engine
 * @param {object} [settings]
 * @param {object} [settings.options] of nativeAdapter
 * @param {import("better-auth").BetterAuthOptions} [settings.authOptions]
 */
export async function openDatabase(engine, { options = {}, authOptions = {} } = {}) {
  const url = await emptyDatabase(engine);
  const database = nativeAdapter({ url, ...engine.options, ...options });
  onTestFinished(() => database.close());
  const { statements } = await database.migrate(authOptions);
  return { url, database, adapter: database(authOptions), statements };
}

/**
 * A database with Better Auth's tables for a suite: the adapter is there when its tests, and the
 * hooks that follow, run.
 *
 * @param {Engine} engine
 * @param {import("better-auth").BetterAuthOptions} authOptions
 */
export function sharedDatabase(engine, authOptions) {
  const shared = /** @type {{ adapter: any }} */ ({});
  /** @type {() => Promise<void>} */
  let close;
  beforeAll(async () => {
    const { url, drop } = await engine.create();
    const database = nativeAdapter({ url, ...engine.options });
    close = async () => {
      await database.close();
      await drop();
    };
    await database.migrate(authOptions);
    shared.adapter = database(authOptions);
  });
  afterAll(() => close());
  return shared;
}

/**
 * An application on a database of its own.
 *
 * @template {import("better-auth").BetterAuthOptions} Options
 * @param {Engine} engine
 * @param {Options} [authOptions]
 * @param {object} [options] of nativeAdapter
 */
export async function openApplication(engine, authOptions, options) {
  const { url, database } = await openDatabase(engine, {
    options,
    authOptions: { ...basics, ...authOptions },
  });
  const auth = betterAuth({ ...basics, ...authOptions, database });
  const { adapter } = await auth.$context;
  return { url, database, auth, adapter };
}

/** @param {{ findMany: (query: any) => Promise<any[]> }} adapter */
export async function userNames(adapter) {
  const users = await adapter.findMany({ model: "user", limit: 1_000 });
  return users.map(({ name }) => name).toSorted();
}
