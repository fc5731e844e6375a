// What a database tells about itself: sizes, uses, and what is in the tables.

import { Models } from "../adapter/models.js";
import { authOptionsFor, checkOptions } from "../checks.js";
import { unwrap } from "../native.js";
import { desiredSchema } from "../schema/desired.js";

/** @typedef {import("@better-auth/core").BetterAuthOptions} BetterAuthOptions */

/** The fields that say what a row is, by their models; an application may lack some. */
const ROLES = {
  user: ["email", "emailVerified", "banned", "twoFactorEnabled"],
  account: ["providerId", "password"],
  session: ["expiresAt"],
  verification: ["expiresAt"],
};

const SLOW = {
  expected: "a number of milliseconds from 0",
  fits: (/** @type {any} */ value) => typeof value === "number" && value >= 0 && Number.isFinite(value),
};

export class Insight {
  #native;
  #settings;
  #options;

  /**
   * @param {import("../../binding.js").Database} native
   * @param {import("../options.js").Settings} settings
   * @param {() => BetterAuthOptions | undefined} options those of betterAuth(), once it was called
   */
  constructor(native, settings, options) {
    this.#native = native;
    this.#settings = settings;
    this.#options = options;
  }

  /** @param {BetterAuthOptions} [options] @param {{ slowMs?: number }} [settings] */
  async statistics(options, settings = {}) {
    checkOptions("statistics()", settings, { slowMs: SLOW });
    const { schema } = this.#known("statistics", options);
    const told = await this.#ask("statistics", { schema, slow: settings.slowMs ?? 100 });
    return { ...told, since: told.since === null ? null : new Date(told.since) };
  }

  /** @param {BetterAuthOptions} [options] */
  async analyze(options) {
    const { schema } = this.#known("analyze", options);
    const tables = await this.#ask("analyze", { tables: schema.tables.map(({ name }) => name) });
    return { tables };
  }

  /** @param {BetterAuthOptions} [options] */
  async diagnose(options) {
    const { schema, models } = this.#known("diagnose", options);
    const roles = Object.entries(ROLES).map(([key, names]) => [key, roleOf(models, key, names)]);
    return this.#ask("diagnose", { schema, roles: Object.fromEntries(roles) });
  }

  /**
   * @param {string} method
   * @param {BetterAuthOptions} [options]
   */
  #known(method, options = this.#options()) {
    const { usePlural, migrations } = this.#settings;
    const known = authOptionsFor(method, options);
    return {
      schema: desiredSchema(known, usePlural, migrations),
      models: new Models(known, usePlural),
    };
  }

  /**
   * @param {string} action
   * @param {object} request
   */
  async #ask(action, request) {
    return JSON.parse(unwrap(await this.#native.maintain(JSON.stringify({ action, ...request }))));
  }
}

/**
 * @param {Models} models
 * @param {string} key
 * @param {string[]} names
 */
function roleOf(models, key, names) {
  const model = models.all.find((each) => each.key === key);
  if (!model) return null;
  const known = names.filter((name) => model.fields.has(name));
  const columns = Object.fromEntries(known.map((name) => [name, model.field(name).column]));
  return { table: model.table, columns };
}
