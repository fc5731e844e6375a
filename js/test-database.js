// createTestDatabase(): a database for one test, or one file of tests, of an application.

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cleanUrl } from "./address.js";
import { openDatabase } from "./database.js";
import { invalidInput } from "./errors.js";
import { unwrap } from "./native.js";
import { readOptions } from "./options.js";

/** @typedef {import("@better-auth/core").BetterAuthOptions} BetterAuthOptions */

/**
 * @param {BetterAuthOptions} [authOptions]
 * @param {string | Record<string, any>} [urlOrOptions]
 * @returns {Promise<import("../index.js").TestDatabase>}
 */
export async function createTestDatabase(authOptions = {}, urlOrOptions = "sqlite::memory:") {
  const asked = typeof urlOrOptions === "string" ? { url: urlOrOptions } : urlOrOptions;
  const given = { ...asked, url: cleanUrl("createTestDatabase", asked.url) };
  const { options, remove } = await create(given);
  const { database, management } = openDatabase(options);
  const close = async () => {
    await database.close();
    await remove();
  };
  try {
    await database.migrate(authOptions);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    database,
    async reset() {
      await management.empty(authOptions);
    },
    close,
  };
}

/**
 * An empty database, and what becomes of it.
 *
 * @param {Record<string, any>} given
 */
async function create(given) {
  if (/^(sqlite:|file:)?:memory:$/.test(given.url ?? "")) {
    return { options: given, remove: async () => {} };
  }
  if (/^(sqlite|file):$/.test(given.url ?? "")) return temporaryFile(given);
  const { kind } = readOptions(given);
  if (kind === "sqlite") {
    throw invalidInput(
      'createTestDatabase makes a file of its own: pass "sqlite:", or "sqlite::memory:" for none',
    );
  }
  return onServer(given, kind);
}

/** @param {Record<string, any>} given */
function temporaryFile(given) {
  const folder = mkdtempSync(join(tmpdir(), "better-auth-native-"));
  return {
    options: { ...given, url: `sqlite:${join(folder, "auth.db")}` },
    remove: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/**
 * @param {Record<string, any>} given of a user who may make databases
 * @param {"postgres" | "mysql"} kind
 */
async function onServer(given, kind) {
  const name = `better_auth_test_${randomBytes(8).toString("hex")}`;
  const { minConnections, replicas, ...rest } = given;
  const { database: server, native } = openDatabase({ ...rest, maxConnections: 1 });
  const run = async (/** @type {string} */ sql) => unwrap(await native.query(sql, []));
  try {
    await run(`CREATE DATABASE ${name}`);
  } catch (error) {
    await server.close();
    throw error;
  }
  return {
    options: { ...rest, database: name },
    async remove() {
      // Whoever is still connected is a test that has ended.
      await run(`DROP DATABASE ${name}${kind === "postgres" ? " WITH (FORCE)" : ""}`);
      await server.close();
    },
  };
}
