// The rows every contestant works on: made from numbers, so that each run has the same.

import { createHash } from "node:crypto";

const START = Date.UTC(2026, 0, 1);
const DAY = 86_400_000;

/** @param {number} n */
const moment = (n) => new Date(START + n * 1_009);

/** @param {string} what @param {number} n */
const hash = (what, n) => createHash("sha256").update(`${what} ${n}`).digest("hex");

/**
 * An id; that of a generated row has no dash.
 *
 * @param {string} model
 * @param {number} n
 */
const id = (model, n) => `${model}-${hash(model, n)}`.slice(0, 32);

/** @param {number} n */
export const user = (n) => ({
  id: id("user", n),
  name: `User Number ${n}`,
  email: `user${n}@example.com`,
  emailVerified: n % 3 === 0,
  image: n % 2 === 0 ? `https://example.com/avatars/${n}.png` : null,
  createdAt: moment(n),
  updatedAt: moment(n),
});

/** @param {number} n */
export const session = (n) => ({
  userId: id("user", n),
  token: hash("token", n).slice(0, 32),
  expiresAt: new Date(moment(n).getTime() + 7 * DAY),
  ipAddress: "203.0.113.7",
  userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
  createdAt: moment(n),
  updatedAt: moment(n),
});

/** @param {number} n */
export const account = (n) => ({
  userId: id("user", n),
  accountId: id("user", n),
  providerId: "credential",
  password: `${hash("salt", n).slice(0, 32)}:${hash("key", n).repeat(2)}`,
  createdAt: moment(n),
  updatedAt: moment(n),
});

/** @param {number} n */
export const verificationId = (n) => `verification-${String(n).padStart(19, "0")}`;

/** @param {number} n */
export const verification = (n) => ({
  id: verificationId(n),
  identifier: `verify-${n}`,
  value: hash("value", n).slice(0, 32),
  expiresAt: new Date(moment(n).getTime() + DAY),
  createdAt: moment(n),
  updatedAt: moment(n),
});

/** How many callers limits are kept for. */
const LIMITED = 1_000;

/** @param {number} n */
export const limitKey = (n) => `203.0.113.${n % LIMITED}|/sign-in/email`;

/** @param {number} n */
export const limit = (n) => ({
  id: id("rateLimit", n),
  key: limitKey(n),
  count: 0,
  lastRequest: START,
});

/**
 * The rows of the users from one number to another.
 *
 * @param {number} first
 * @param {number} end
 * @returns {Record<string, { id: string }[]>}
 */
export function rowsOf(first, end) {
  const numbers = Array.from({ length: end - first }, (_, index) => first + index);
  return {
    user: numbers.map(user),
    session: numbers.map((n) => ({ id: id("session", n), ...session(n) })),
    account: numbers.map((n) => ({ id: id("account", n), ...account(n) })),
  };
}

/**
 * The rows of a database, by their tables.
 *
 * @param {number} users
 * @returns {Record<string, { id: string }[]>}
 */
export function contentOf(users) {
  return { ...rowsOf(0, users), rateLimit: Array.from({ length: LIMITED }, (_, n) => limit(n)) };
}

/**
 * Fills an empty database.
 *
 * @param {import("@better-auth/core/db/adapter").DBAdapter} adapter
 * @param {number} users
 */
export async function fill(adapter, users) {
  await adapter.transaction(async (transaction) => {
    for (const [model, rows] of Object.entries(contentOf(users))) {
      for (const data of rows) await transaction.create({ model, data, forceAllowId: true });
    }
  });
}
