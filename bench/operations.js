// What is measured: calls as Better Auth itself makes them. The nth call is the same for every
// contestant, so that their databases stay equal.

import { account, limitKey, session, user, verification, verificationId } from "./dataset.js";

/**
 * @typedef {import("@better-auth/core/db/adapter").DBAdapter} DBAdapter
 */

/**
 * One of those compared, on a database of its own.
 *
 * @typedef {object} Contestant
 * @property {string} name
 * @property {string[]} versions Of what it consists of.
 * @property {any} database As `betterAuth` takes it.
 * @property {DBAdapter} adapter As Better Auth's default options make it.
 * @property {DBAdapter} joining With `advanced.database.joins`.
 * @property {() => Promise<unknown> | void} close
 */

/**
 * @typedef {object} Operation
 * @property {string} name
 * @property {"find" | "join" | "list" | "create" | "consume" | "mix"} [kind] What bars of its own it belongs to.
 * @property {(contestant: Contestant, n: number) => Promise<any>} run
 * @property {(contestant: Contestant, n: number) => Promise<any>} [prepare] Makes what `run` needs.
 */

/** How many users are asked for at most: a million in memory would be the garbage collector's work. */
const ASKED = 100_000;

/**
 * @param {number} users
 * @param {number} [asked] How many of them are asked for.
 * @returns {Operation[]}
 */
export function operationsOn(users, asked = Math.min(users, ASKED)) {
  // Made before anything is timed; neighbours in time are no neighbours in the database.
  const shuffled = Array.from({ length: asked }, (_, n) => (n * 7_919) % users);
  const emails = shuffled.map((n) => user(n).email);
  const sessions = shuffled.map(session);
  const byToken = (/** @type {number} */ n) => [
    { field: "token", value: sessions[n % asked].token },
  ];

  /** @type {Operation[]} */
  const operations = [
    {
      name: "findOne user by e-mail",
      kind: "find",
      run: ({ adapter }, n) =>
        adapter.findOne({ model: "user", where: [{ field: "email", value: emails[n % asked] }] }),
    },
    {
      name: "findOne session by token",
      kind: "find",
      run: ({ adapter }, n) => adapter.findOne({ model: "session", where: byToken(n) }),
    },
    {
      name: "session and its user",
      kind: "join",
      run: ({ adapter }, n) =>
        adapter.findOne({ model: "session", where: byToken(n), join: { user: true } }),
    },
    {
      name: "session and its user, joins on",
      kind: "join",
      run: ({ joining }, n) =>
        joining.findOne({ model: "session", where: byToken(n), join: { user: true } }),
    },
    {
      name: "user by e-mail and accounts",
      run: ({ adapter }, n) =>
        adapter.findOne({
          model: "user",
          where: [{ field: "email", value: emails[n % asked] }],
          join: { account: true },
        }),
    },
    {
      name: "user and accounts, joins on",
      run: ({ joining }, n) =>
        joining.findOne({
          model: "user",
          where: [{ field: "email", value: emails[n % asked] }],
          join: { account: true },
        }),
    },
    {
      name: "findMany, 100 users",
      kind: "list",
      run: ({ adapter }) =>
        adapter.findMany({
          model: "user",
          limit: 100,
          sortBy: { field: "email", direction: "asc" },
        }),
    },
    {
      name: "count users",
      run: ({ adapter }) => adapter.count({ model: "user" }),
    },
    {
      name: "count users by a filter",
      run: ({ adapter }) =>
        adapter.count({ model: "user", where: [{ field: "emailVerified", value: true }] }),
    },
    {
      name: "create session",
      kind: "create",
      run: ({ adapter }, n) =>
        adapter.create({
          model: "session",
          data: { ...sessions[n % asked], token: String(n).padStart(32, "0") },
          forceAllowId: true,
        }),
    },
    {
      name: "update session",
      run: ({ adapter }, n) => {
        const now = new Date(Date.UTC(2026, 5, 1) + n);
        const update = { expiresAt: now, updatedAt: now };
        return adapter.update({ model: "session", where: byToken(n), update });
      },
    },
    {
      name: "consumeOne verification",
      kind: "consume",
      prepare: ({ adapter }, n) =>
        adapter.create({ model: "verification", data: verification(n), forceAllowId: true }),
      run: ({ adapter }, n) =>
        adapter.consumeOne({
          model: "verification",
          where: [{ field: "id", value: verificationId(n) }],
        }),
    },
    {
      name: "incrementOne rate limit",
      run: ({ adapter }, n) =>
        adapter.incrementOne({
          model: "rateLimit",
          where: [
            { field: "key", value: limitKey(n) },
            { field: "count", operator: "lt", value: 1_000_000 },
          ],
          increment: { count: 1 },
          set: { lastRequest: Date.UTC(2026, 5, 1) + n },
        }),
    },
    {
      name: "user and account, transaction",
      run: ({ adapter }, n) =>
        adapter.transaction(async (transaction) => {
          const data = user(users + n);
          const created = await transaction.create({ model: "user", data, forceAllowId: true });
          await transaction.create({ model: "account", data: account(users + n) });
          return created;
        }),
    },
  ];
  return [...operations, mixOf(operations)];
}

/** How often of a hundred calls. @type {Record<string, number>} */
const MIX = {
  "session and its user": 60,
  "user by e-mail and accounts": 15,
  "update session": 15,
  "incrementOne rate limit": 5,
  "findMany, 100 users": 3,
  "count users by a filter": 2,
};

/**
 * What an application asks for, all at once.
 *
 * @param {Operation[]} operations
 * @returns {Operation}
 */
function mixOf(operations) {
  const calls = operations.flatMap((operation) => Array(MIX[operation.name] ?? 0).fill(operation));
  return {
    name: "a mix of reads and writes",
    kind: "mix",
    // Neighbours in time are of different kinds.
    run: (contestant, n) => calls[(n * 37) % calls.length].run(contestant, n),
  };
}
