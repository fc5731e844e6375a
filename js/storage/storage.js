// What memoryStorage() and redisStorage() are to Better Auth. The functions know their storage by
// themselves, because Better Auth calls some of them detached.

import { invalidInput } from "../errors.js";
import { unwrap } from "../native.js";

/**
 * @typedef {object} Native A handle, whose calls answer at once or later.
 * @property {(key: string) => any} get
 * @property {(key: string, value: string, lifetimeMs?: number) => any} set
 * @property {(key: string) => any} delete
 * @property {(key: string) => any} getAndDelete
 * @property {(key: string, lifetimeMs: number) => any} increment
 * @property {(key: string) => any} contains
 * @property {() => any} stats
 * @property {() => any} close
 */

/** @param {Native} native */
export function storageOf(native) {
  return {
    /** @param {string} key @returns {Promise<string | null>} */
    async get(key) {
      assertText("key", key);
      return unwrap(await native.get(key));
    },

    /** @param {string} key @param {string} value @param {number} [ttl] @returns {Promise<void>} */
    async set(key, value, ttl) {
      assertText("key", key);
      assertText("value", value);
      unwrap(await native.set(key, value, ttl === undefined ? undefined : milliseconds(ttl)));
    },

    /** @param {string} key @returns {Promise<void>} */
    async delete(key) {
      assertText("key", key);
      unwrap(await native.delete(key));
    },

    /** @param {string} key @returns {Promise<string | null>} */
    async getAndDelete(key) {
      assertText("key", key);
      return unwrap(await native.getAndDelete(key));
    },

    /** @param {string} key @param {number} ttl @returns {Promise<number>} */
    async increment(key, ttl) {
      assertText("key", key);
      return unwrap(await native.increment(key, milliseconds(ttl)));
    },

    /** @param {string} userId */
    async activeSessions(userId) {
      assertText("userId", userId);
      const listed = listedSessions(unwrap(await native.get(`active-sessions-${userId}`)));
      // Better Auth leaves some that it has revoked in the list.
      const there = listed.map(async ({ token }) => unwrap(await native.contains(token)));
      const live = await Promise.all(there);
      return listed.filter((_, n) => live[n]);
    },

    stats: () => unwrap(native.stats()),

    /** @returns {Promise<void>} */
    async close() {
      unwrap(await native.close());
    },
  };
}

/**
 * The sessions in Better Auth's list that have not expired, each once.
 *
 * @param {string | null} list
 * @returns {{ token: string, expiresAt: number }[]}
 */
function listedSessions(list) {
  const now = Date.now();
  const sessions = new Map();
  for (const { token, expiresAt } of parseList(list)) {
    if (expiresAt > now && !sessions.has(token)) sessions.set(token, { token, expiresAt });
  }
  return [...sessions.values()];
}

/** As Better Auth does, takes what it cannot read for an empty list. @param {string | null} text */
function parseList(text) {
  try {
    const list = JSON.parse(text ?? "[]");
    return Array.isArray(list) ? list.filter((item) => typeof item?.token === "string") : [];
  } catch {
    return [];
  }
}

/**
 * Rounded up: what is to live for less than a millisecond is not dead from the start.
 *
 * @param {number} ttl in seconds
 */
function milliseconds(ttl) {
  if (typeof ttl !== "number" || Number.isNaN(ttl)) {
    const found = typeof ttl === "number" ? "NaN" : ttl === null ? "null" : typeof ttl;
    throw invalidInput(`ttl must be a number of seconds, not ${found}`);
  }
  return ttl <= 0 ? 0 : Math.ceil(ttl * 1000);
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function assertText(name, value) {
  if (typeof value !== "string") {
    throw invalidInput(`${name} must be a string, not ${value === null ? "null" : typeof value}`);
  }
}
