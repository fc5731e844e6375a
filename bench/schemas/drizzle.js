// Better Auth's tables for Drizzle, as `npx auth generate` writes them but with the columns that
// `getMigrations` makes. Types and names are the engine's; Drizzle names a column as its property.

import { load } from "../peers.js";

/**
 * @typedef {object} Types
 * @property {(name: string, columns: Record<string, any>) => any} table
 * @property {() => any} id
 * @property {() => any} key Text that is looked up.
 * @property {() => any} text
 * @property {() => any} moment
 * @property {() => any} boolean
 * @property {() => any} integer
 * @property {() => any} bigint
 */

/** @param {Types} types */
export async function drizzleSchema({ table, id, key, text, moment, boolean, integer, bigint }) {
  const { relations } = await load("drizzle-orm");
  const owner = () => id().notNull().references(() => user.id, { onDelete: "cascade" });
  const times = () => ({ createdAt: moment().notNull(), updatedAt: moment().notNull() });

  const user = table("user", {
    id: id().primaryKey(),
    name: text().notNull(),
    email: key().notNull().unique(),
    emailVerified: boolean().notNull(),
    image: text(),
    ...times(),
  });
  const session = table("session", {
    id: id().primaryKey(),
    expiresAt: moment().notNull(),
    token: key().notNull().unique(),
    ...times(),
    ipAddress: text(),
    userAgent: text(),
    userId: owner(),
  });
  const account = table("account", {
    id: id().primaryKey(),
    accountId: text().notNull(),
    providerId: text().notNull(),
    userId: owner(),
    accessToken: text(),
    refreshToken: text(),
    idToken: text(),
    accessTokenExpiresAt: moment(),
    refreshTokenExpiresAt: moment(),
    scope: text(),
    password: text(),
    ...times(),
  });
  const verification = table("verification", {
    id: id().primaryKey(),
    identifier: key().notNull(),
    value: text().notNull(),
    expiresAt: moment().notNull(),
    ...times(),
  });
  const rateLimit = table("rateLimit", {
    id: id().primaryKey(),
    key: key().notNull().unique(),
    count: integer().notNull(),
    lastRequest: bigint().notNull(),
  });

  const ofUser = (/** @type {any} */ owned) =>
    relations(owned, (/** @type {any} */ { one }) => ({
      user: one(user, { fields: [owned.userId], references: [user.id] }),
    }));
  return {
    user,
    session,
    account,
    verification,
    rateLimit,
    userRelations: relations(user, (/** @type {any} */ { many }) => ({
      sessions: many(session),
      accounts: many(account),
    })),
    sessionRelations: ofUser(session),
    accountRelations: ofUser(account),
  };
}
