// Users by their ids, by the token of a session, and by what somebody types; in a transaction of
// withTransaction() what is seen is what the transaction sees.

import { getCurrentAdapter } from "@better-auth/core/context";
import { SEARCH } from "../adapter/adapter.js";
import { questionOf, readText } from "../adapter/search.js";
import { FLAG, checkOptions, whole } from "../checks.js";
import { invalidInput } from "../errors.js";
import { unwrap } from "../native.js";
import { searchIndexOf } from "../schema/desired.js";

/**
 * @typedef {import("@better-auth/core").BetterAuthOptions} BetterAuthOptions
 * @typedef {{ options: BetterAuthOptions, adapter: any }} Known
 */

const MOST_IDS = 10_000;

const SEARCH_OPTIONS = {
  limit: whole(1, 1_000),
  offset: whole(0, Number.MAX_SAFE_INTEGER),
  verifiedOnly: FLAG,
};

export class Users {
  #native;
  #settings;
  #known;
  /** What the index of words is known by, once that was asked. @type {Promise<string[] | null> | undefined} */
  #index;

  /**
   * @param {import("../../binding.js").Database} native
   * @param {import("../options.js").Settings} settings
   * @param {() => Known | undefined} known
   */
  constructor(native, settings, known) {
    this.#native = native;
    this.#settings = settings;
    this.#known = known;
  }

  /** @param {string[]} ids */
  async usersByIds(ids) {
    const fits = Array.isArray(ids) && ids.every((id) => typeof id === "string");
    if (!fits || ids.length > MOST_IDS) {
      throw invalidInput(`usersByIds() takes a list of at most ${MOST_IDS} ids`);
    }
    const { adapter } = await this.#current("usersByIds");
    const wanted = [...new Set(ids)];
    if (wanted.length === 0) return [];
    const where = [{ field: "id", operator: "in", value: wanted }];
    const users = await adapter.findMany({ model: "user", where, limit: wanted.length });
    const byId = new Map(users.map((/** @type {any} */ user) => [user.id, user]));
    return ids.map((id) => byId.get(id) ?? null);
  }

  /** @param {string} token */
  async sessionWithUser(token) {
    if (typeof token !== "string") throw invalidInput("sessionWithUser() takes the token of a session");
    const { adapter } = await this.#current("sessionWithUser");
    const where = [{ field: "token", value: token }];
    const found = await adapter.findOne({ model: "session", where, join: { user: true } });
    if (!found?.user) return null;
    const { user, ...session } = found;
    return { session, user };
  }

  /**
   * @param {string} text
   * @param {{ limit?: number, offset?: number, verifiedOnly?: boolean }} [options]
   */
  async searchUsers(text, options = {}) {
    checkOptions("searchUsers()", options, SEARCH_OPTIONS);
    const { limit = 20, offset = 0, verifiedOnly = false } = options;
    const { whole, words } = readText(text);
    const { adapter, inside, known } = await this.#current("searchUsers");
    if (words.length === 0) return [];
    const search = (/** @type {object} */ by) => adapter[SEARCH]({ whole, words, verifiedOnly, limit, offset, ...by });
    const question = questionOf(this.#settings.kind, whole);
    const index = question === null ? null : await this.#searchIndex(known, inside);
    if (index === null) return search({});
    try {
      const users = await search({ index, question });
      if (users.length > 0) return users;
      // Past the last one; or there is no word that begins so, and what was typed is inside of one.
      if (offset > 0 && (await search({ index, question, limit: 1, offset: 0 })).length > 0) return [];
      return search({});
    } catch (error) {
      this.forgetIndex();
      if (inside || (await this.#searchIndex(known, inside)) !== null) throw error;
      return search({});
    }
  }

  /** The tables may have changed. */
  forgetIndex() {
    this.#index = undefined;
  }

  /**
   * A transaction does not wait for this to be asked: it may hold the only connection.
   *
   * @param {Known} known
   * @param {boolean} inside
   */
  async #searchIndex({ options }, inside) {
    if (inside) return (await this.#index) ?? null;
    this.#index ??= this.#findIndex(options);
    return this.#index.catch((error) => {
      this.forgetIndex();
      throw error;
    });
  }

  /**
   * @param {BetterAuthOptions} options
   * @returns {Promise<string[] | null>}
   */
  async #findIndex(options) {
    const { table, name, columns } = searchIndexOf(options, this.#settings.usePlural);
    const request = JSON.stringify({ action: "fullText", table, name, columns });
    return JSON.parse(unwrap(await this.#native.maintain(request)));
  }

  /**
   * The adapter of the transaction that this is called in, or the database's own.
   *
   * @param {string} method
   */
  async #current(method) {
    const known = this.#known();
    if (!known) throw invalidInput(`${method}() works after betterAuth({ database })`);
    /** @type {any} */
    const current = await getCurrentAdapter(known.adapter);
    // Of another database, perhaps.
    const inside = current !== known.adapter && SEARCH in current;
    return { adapter: inside ? current : known.adapter, inside, known };
  }
}
