// A writer that goes through this package, or through a copy of it.

import { betterAuth } from "better-auth";
import { basics } from "../support/basics.js";
import { content, counters, withCounters } from "./rows.js";
import { OnPurpose, bookkeeper, pause } from "./writer.js";

/** @typedef {import("./modes.js").Writer} Writer */
/** @typedef {{ database: any, adapter: any }} Open */
/** @typedef {{ key: string, version: number }} Row */

/** How many write through one of its handles at the same time. */
const CALLERS = 6;

/** How long one waits for somebody else's lock, in milliseconds. */
const PATIENCE = 1_000;

const times = (/** @type {number} */ length, /** @type {() => any} */ make) => Array.from({ length }, make);

/**
 * @param {typeof import("../../index.js")} copy of the package
 * @param {string} path of the database
 * @param {string} ledgers
 * @param {string} name
 * @returns {Writer}
 */
export function adapterWriter(copy, path, ledgers, name) {
  const book = bookkeeper(ledgers, name);

  const changed = (/** @type {string[]} */ keys) => keys.map((key) => /** @type {[string, number]} */ ([key, 1]));

  /** @param {Open} open @param {{ atTheEnd?: () => unknown, inside?: () => Promise<unknown> }} [settings] */
  async function signUp({ database }, { atTheEnd, inside } = {}) {
    const keys = { user: book.newKey("user"), account: book.newKey("account"), session: book.newKey("session") };
    const work = () =>
      database.withTransaction(async (/** @type {any} */ transaction) => {
        const { id } = await transaction.create({ model: "user", data: user(keys.user) });
        await inside?.();
        await transaction.create({ model: "account", data: account(keys.account, id) });
        await transaction.create({ model: "session", data: session(keys.session, id) });
        atTheEnd?.();
      });
    return (await book.write(changed(Object.values(keys)), work)) ? keys : undefined;
  }

  /** @param {Open} open @param {Row} row */
  async function update({ adapter }, row) {
    const version = row.version + 1;
    const where = [{ field: "name", value: row.key }];
    const values = { image: content(row.key, version) };
    const written = await book.write([[row.key, version]], () => adapter.update({ model: "user", where, update: values }));
    if (written) row.version = version;
  }

  /** @param {Open} open @param {string} key */
  const signOut = ({ adapter }, key) =>
    book.write([[key, 0]], () => adapter.delete({ model: "session", where: [{ field: "token", value: key }] }));

  /** @param {Open} open */
  async function verify({ adapter }) {
    const key = book.newKey("verification");
    return book.write([[key, 1]], () => adapter.create({ model: "verification", data: verification(key) }));
  }

  /** @param {Open} open */
  const add = ({ adapter }) =>
    book.write([[counters.added, 1]], () =>
      adapter.incrementOne({ model: "rateLimit", where: counterIs(counters.added), increment: { count: 1 } }),
    );

  /** @param {Open} open */
  async function readAndWrite({ database }) {
    const key = book.newKey("verification");
    return book.write([[key, 1], [counters.read, 1]], () =>
      database.withTransaction(async (/** @type {any} */ transaction) => {
        // What comes before a transaction's first write is read before its turn.
        await transaction.create({ model: "verification", data: verification(key) });
        const query = { model: "rateLimit", where: counterIs(counters.read) };
        const { count } = await transaction.findOne(query);
        await transaction.update({ ...query, update: { count: count + 1 } });
      }),
    );
  }

  return {
    callers: CALLERS,
    figures: book.figures,
    async open(patience = PATIENCE) {
      const url = `sqlite:${path}`;
      const database = copy.nativeAdapter({ url, busyTimeoutMs: patience, acquireTimeoutMs: 2 * patience });
      const auth = betterAuth({ ...basics, ...withCounters, database });
      const { adapter } = await auth.$context;
      const open = { database, adapter };
      return {
        step: async () => {
          const keys = await signUp(open);
          if (keys !== undefined) {
            const row = { key: keys.user, version: 1 };
            await update(open, row);
            await signOut(open, keys.session);
            await update(open, row);
          }
          await pause();
          await Promise.all(times(8, () => verify(open)));
          await signUp(open, { atTheEnd: neverMind });
          await pause();
          await add(open);
          await readAndWrite(open);
          await pause();
        },
        transaction: (inside) => signUp(open, { inside }),
        put: () => verify(open),
        read: () => book.done(() => adapter.findOne({ model: "rateLimit", where: counterIs(counters.added) })),
        close: () => database.close(),
      };
    },
    close: book.close,
  };
}

function neverMind() {
  throw new OnPurpose();
}

/** @param {string} key */
const counterIs = (key) => [{ field: "key", value: key }];

function dates() {
  const now = new Date();
  return { createdAt: now, updatedAt: now };
}

/** @param {string} key */
function user(key) {
  return { name: key, email: `${key}@example.com`, emailVerified: false, image: content(key, 1), ...dates() };
}

/** @param {string} key @param {string} userId */
function account(key, userId) {
  return { accountId: key, providerId: "credential", userId, password: content(key, 1), ...dates() };
}

/** @param {string} key @param {string} userId */
function session(key, userId) {
  return { token: key, userId, userAgent: content(key, 1), expiresAt: new Date(), ...dates() };
}

/** @param {string} key */
function verification(key) {
  return { identifier: key, value: content(key, 1), expiresAt: new Date(), ...dates() };
}
