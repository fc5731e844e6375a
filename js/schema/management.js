// What a database is asked about its schema: the methods of `database`, and the command line's.

import { authOptionsFor } from "../checks.js";
import { invalidInput } from "../errors.js";
import { unwrap } from "../native.js";
import { desiredSchema } from "./desired.js";
import { fileName, readFolder, toScript, writeFiles } from "./files.js";

/** @typedef {import("@better-auth/core").BetterAuthOptions} BetterAuthOptions */

const DEFAULT_FOLDER = "./migrations";

/** What each method takes beside Better Auth's options. @type {Record<string, string[]>} */
const SETTINGS = {
  plan: ["dir"],
  migrate: ["dir"],
  rollback: ["to", "force", "dryRun"],
  status: ["dir"],
  baseline: ["dir", "description"],
  generate: ["dir", "name"],
  validate: ["rows"],
  drop: ["confirm", "dryRun"],
};

export class Management {
  #native;
  #settings;
  #options;
  #changed;
  /** The migrations that are under way. @type {Set<Promise<unknown>>} */
  #changing = new Set();

  /**
   * @param {import("../../binding.js").Database} native
   * @param {import("../options.js").Settings} settings
   * @param {() => BetterAuthOptions | undefined} options those of betterAuth(), once it was called
   * @param {() => void} changed is told of every change
   */
  constructor(native, settings, options, changed) {
    this.#native = native;
    this.#settings = settings;
    this.#options = options;
    this.#changed = changed;
  }

  /** @param {BetterAuthOptions} [options] @param {Record<string, any>} [settings] */
  async plan(options, settings) {
    return this.#ask("plan", this.#wanted("plan", options, settings));
  }

  /** @param {BetterAuthOptions} [options] @param {Record<string, any>} [settings] */
  async migrate(options, settings) {
    return this.#change("migrate", this.#wanted("migrate", options, settings));
  }

  /** @param {Record<string, any>} [settings] */
  async rollback(settings) {
    const { to = null, force = false, dryRun = false } = read("rollback", settings);
    if (to !== null && (!Number.isSafeInteger(to) || to < 0)) {
      throw invalidInput("rollback() takes the number of a version as `to`, or 0 for none");
    }
    return this.#change("rollback", { to, force, dryRun });
  }

  /** @param {BetterAuthOptions} [options] @param {Record<string, any>} [settings] */
  async status(options, settings) {
    const status = await this.#ask("status", this.#wanted("status", options, settings));
    for (const version of status.versions) {
      version.appliedAt = version.appliedAt === "" ? null : new Date(version.appliedAt);
    }
    return status;
  }

  /** @param {BetterAuthOptions} [options] @param {Record<string, any>} [settings] */
  async baseline(options, settings) {
    const { dir, description = "baseline" } = read("baseline", settings);
    const files = dir === undefined ? null : readFolder(dir);
    const schema = this.#schema("baseline", options);
    return this.#change("baseline", { schema, files, description });
  }

  /** @param {BetterAuthOptions} [options] @param {Record<string, any>} [settings] */
  async validate(options, settings) {
    const { rows = true } = read("validate", settings);
    return this.#ask("validate", { schema: this.#schema("validate", options), rows });
  }

  /** For Better Auth's own check, which a migration may be about to satisfy. @param {BetterAuthOptions} options */
  async check(options) {
    await Promise.allSettled(this.#changing);
    return this.#ask("validate", { schema: this.#schema("check", options), rows: false });
  }

  /** @param {BetterAuthOptions} [options] @param {Record<string, any>} [settings] */
  async generate(options, settings) {
    const { dir = DEFAULT_FOLDER, name } = read("generate", settings);
    const files = readFolder(dir, true);
    const schema = this.#schema("generate", options);
    const { versions } = await this.#ask("status", { schema: null, files });
    const waiting = versions.find((/** @type {any} */ version) => version.state === "pending");
    if (waiting) {
      throw invalidInput(
        `${waiting.description} has not been applied; migrate with the folder first, or what is in it would be written again`,
      );
    }
    const { statements, steps, description } = await this.#ask("plan", { schema, files: null });
    if (statements.length === 0) return { files: [], statements, version: null };
    const last = Math.max(0, ...versions.map((/** @type {any} */ { version }) => version));
    const migration = {
      version: last + 1,
      name: fileName(last + 1, name ?? description.split(";")[0]),
      up: toScript(statements),
      down: toScript(steps.map((/** @type {any} */ { down }) => down).reverse()),
    };
    return { files: writeFiles(dir, migration), statements, version: migration.version };
  }

  /** @param {Record<string, any>} [settings] @param {BetterAuthOptions} [options] */
  async drop(settings, options) {
    const { confirm, dryRun = false } = read("drop", settings);
    const { name } = this.#settings;
    if (!dryRun && confirm !== name) {
      throw invalidInput(`drop() deletes every user: it takes { confirm: ${JSON.stringify(name)} }`);
    }
    return this.#change("drop", { schema: this.#schema("drop", options), dryRun });
  }

  /** Deletes every row. @param {BetterAuthOptions} [options] */
  async empty(options) {
    return this.#change("empty", { schema: this.#schema("empty", options) });
  }

  /**
   * Where a migration leads: through files, or to the schema of the options.
   *
   * @param {string} method
   * @param {BetterAuthOptions} [options]
   * @param {Record<string, any>} [settings]
   */
  #wanted(method, options, settings) {
    const { dir } = read(method, settings);
    if (dir !== undefined) return { schema: null, files: readFolder(dir) };
    return { schema: this.#schema(method, options), files: null };
  }

  /**
   * @param {string} method
   * @param {BetterAuthOptions} [options]
   */
  #schema(method, options = this.#options()) {
    const { usePlural, migrations } = this.#settings;
    return desiredSchema(authOptionsFor(method, options), usePlural, migrations);
  }

  /**
   * @param {string} action
   * @param {object} request
   */
  async #ask(action, request) {
    return JSON.parse(unwrap(await this.#native.manage(JSON.stringify({ action, ...request }))));
  }

  /**
   * @param {string} action
   * @param {object} request
   */
  async #change(action, request) {
    const change = this.#ask(action, request);
    this.#changing.add(change);
    try {
      return await change;
    } finally {
      this.#changing.delete(change);
      this.#changed();
    }
  }
}

/**
 * @param {string} method
 * @param {Record<string, any>} [settings]
 */
function read(method, settings = {}) {
  const unknown = Object.keys(settings).find((name) => !SETTINGS[method].includes(name));
  if (unknown !== undefined) {
    const known = SETTINGS[method].join(", ");
    throw invalidInput(`${method}() has no setting "${unknown}"; it has ${known}`);
  }
  return settings;
}
