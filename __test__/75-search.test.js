// Users by their ids, by a session's token, and by what somebody types.

import { describe, expect, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { everyEngine, everyEngineEitherWay, openDatabase } from "./support/database.js";
import { sqliteEngines } from "./engines/index.js";
import { user } from "./support/rows.js";

/** @typedef {import("better-auth").BetterAuthOptions} BetterAuthOptions */

/** Names, columns and ids that are not the usual ones. @type {[string, BetterAuthOptions, object][]} */
const shapes = [
  ["as they are", {}, {}],
  [
    "renamed, with fields of their own",
    {
      user: {
        modelName: "member",
        fields: { email: "mail", name: "full name", emailVerified: "mail_verified" },
        additionalFields: { points: { type: "number", required: false }, born: { type: "date", required: false } },
      },
      session: { modelName: "login", fields: { token: "secret", userId: "owner" } },
    },
    {},
  ],
  ["plural, with numbers for ids", { advanced: { database: { generateId: "serial" } } }, { usePlural: true }],
  ["with UUIDs for ids", { advanced: { database: { generateId: "uuid" } } }, {}],
];

const unknown = { serial: "999999", uuid: "00000000-0000-4000-8000-000000000000" };

/** Every engine, and one by the other way as well. */
const engines = [...everyEngine, ...everyEngineEitherWay.filter(([name]) => /memory, through/.test(name))];

describe.each(engines)("%s", (_, engine) => {
  test.each(shapes)("tables %s: users by ids, and sessions with users", async (_, authOptions, options) => {
    const { database, adapter } = await openDatabase(engine, { options, authOptions });
    const extra = authOptions.user ? { points: 7, born: new Date(0) } : {};
    const users = [];
    for (const name of ["ada", "bob", "eve"]) {
      users.push(await adapter.create({ model: "user", data: { ...user(name), ...extra } }));
    }
    const [ada, bob, eve] = /** @type {any[]} */ (users);
    const kind = /** @type {keyof typeof unknown} */ (authOptions.advanced?.database?.generateId);
    const nobody = unknown[kind] ?? "nobody";
    expect(await database.usersByIds([eve.id, nobody, ada.id, eve.id])).toEqual([eve, null, ada, eve]);
    expect(await database.usersByIds([])).toEqual([]);
    expect(await database.usersByIds(["' OR 1=1 --", bob.id])).toEqual([null, bob]);

    const now = new Date();
    const data = { userId: bob.id, token: "a token", expiresAt: now, createdAt: now, updatedAt: now, ipAddress: "", userAgent: "" };
    const session = await adapter.create({ model: "session", data });
    expect(await database.sessionWithUser("a token")).toEqual({ session, user: bob });
    expect(await database.sessionWithUser("A TOKEN")).toBe(null);
    expect(await database.searchUsers("BOB@")).toEqual([bob]);

    // What a transaction has not committed is seen inside of it, and waits for nobody.
    await database.withTransaction(async (inside) => {
      await inside.update({ model: "user", where: [{ field: "id", value: bob.id }], update: { name: "Robert" } });
      expect(await database.usersByIds([bob.id])).toMatchObject([{ name: "Robert" }]);
      expect(await database.sessionWithUser("a token")).toMatchObject({ user: { name: "Robert" } });
      expect(await database.searchUsers("robert")).toMatchObject([{ id: bob.id }]);
    });
  });
});

test("what cannot be meant is refused", async () => {
  const database = nativeAdapter("sqlite::memory:");
  await expect(database.usersByIds(["a"])).rejects.toMatchObject({ code: "INVALID_INPUT" });
  await expect(database.sessionWithUser("a")).rejects.toMatchObject({ code: "INVALID_INPUT" });
  await expect(database.searchUsers("a")).rejects.toMatchObject({ code: "INVALID_INPUT" });
  await database.close();
  const { database: opened } = await openDatabase(sqliteEngines[1]);
  const refused = { code: "INVALID_INPUT" };
  await expect(opened.usersByIds(/** @type {any} */ ("a"))).rejects.toMatchObject(refused);
  await expect(opened.usersByIds(/** @type {any} */ ([1]))).rejects.toMatchObject(refused);
  await expect(opened.usersByIds(Array(10_001).fill("a"))).rejects.toMatchObject(refused);
  await expect(opened.sessionWithUser(/** @type {any} */ (undefined))).rejects.toMatchObject(refused);
  await expect(opened.searchUsers(/** @type {any} */ (null))).rejects.toMatchObject(refused);
  await expect(opened.searchUsers("a".repeat(257))).rejects.toMatchObject(refused);
  await expect(opened.searchUsers("a b c d e f g h i j k")).rejects.toMatchObject(refused);
  await expect(opened.searchUsers("a", { limit: 0 })).rejects.toMatchObject(refused);
  await expect(opened.searchUsers("a", /** @type {any} */ ({ sort: "name" }))).rejects.toMatchObject(refused);
});

/** What there is to find, and what there is to trip over. */
const people = [
  ["Ada Lovelace", "ada@example.com"],
  ["Grace Hopper", "grace.hopper@navy.mil"],
  ["Ada-Maria Lopez", "amlopez+ada@example.org"],
  ["Adam O'Brien", "adam_obrien@example.com"],
  ["Percy 100% Sure", "percent%sign@example.com"],
  ["under_score", "under_score@example.com"],
  ["back\\slash", "back.slash@example.com"],
  ['quo"ted', "quoted@example.com"],
  ["Star * Power", "star@example.com"],
  ["Émile Zola", "emile@exämple.fr"],
  ["ÉMILE ZOLA", "zola@example.fr"],
  ["🦊 Fox", "fox@example.com"],
  ["Lovelace", "nobody@ada.example"],
  ["NEAR AND OR NOT", "operators@example.com"],
  ["xada", "xada@example.com"],
  ["no space", "example.com@other.net"],
];

const fold = (/** @type {string} */ text) => text.toLowerCase();
const has = (/** @type {string} */ whole, /** @type {string} */ part) => fold(whole).includes(fold(part));
const starts = (/** @type {string} */ whole, /** @type {string} */ part) => fold(whole).startsWith(fold(part));
const byText = (/** @type {string} */ one, /** @type {string} */ other) => Buffer.compare(Buffer.from(one), Buffer.from(other));

/** The search in plain JavaScript: without an index, all of it. @param {string} text */
function model(text) {
  const whole = text.trim();
  const words = whole.split(/\s+/u).filter((word) => word !== "");
  const begins = (/** @type {string} */ name, /** @type {string} */ email, /** @type {string} */ word) =>
    starts(name, word) ||
    starts(email, word) ||
    [" ", "-"].some((before) => has(name, before + word)) ||
    ["@", ".", "-", "_", "+"].some((before) => has(email, before + word));
  /** @param {string[]} person */
  const rank = ([name, email]) => {
    if (fold(email) === fold(whole)) return 0;
    if (starts(name, whole) || starts(email, whole)) return 1;
    return words.every((word) => begins(name, email, word)) ? 2 : 3;
  };
  const found = words.length === 0 ? [] : people.filter(([name, email]) => words.every((word) => has(name, word) || has(email, word)));
  return found
    .toSorted((one, other) => rank(one) - rank(other) || byText(one[1], other[1]))
    .map(([, email]) => email);
}

const written = [
  "ada", "ADA", "ada@example.com", "Ada Love", "love ada", "lovelace", "ovelac", "example", "example.com", "O'Brien", "%", "_", "\\", '"', "*", "ada*",
  "'", "'; DROP TABLE \"user\"; --", "é", "émile", "🦊", "fox", "\0", "a\0", "AND", "NEAR(ada, 1)", "ada OR grace", "-ada", "+ada", "(", ")", ":", "name:ada",
  "\ud800", "to_tsquery", "&|!", "<->", "@", ".", "a b", "  ada  ", "the", "com", "x", "", " ", "{", "[a-z]", "ada\nlovelace", "?", "$1", ":1", "--", "/*",
];

/** Texts of the pieces that people and databases stumble over; the same ones in every run. */
function* randomTexts(/** @type {number} */ count) {
  let state = 7;
  const random = (/** @type {number} */ below) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
  const pieces = ["a", "da", "love", "lace", "ada", "exam", "ple", "com", " ", " ", "@", ".", "_", "%", "*", "'", '"', "\\", "-", "+", "é", "É", "🦊", "(", ")", "OR", "AND", "^", "~", "\t"];
  for (let at = 0; at < count; at += 1) {
    yield Array.from({ length: 1 + random(5) }, () => pieces[random(pieces.length)]).join("");
  }
}

describe.each(everyEngine)("%s", (_, engine) => {
  /** @param {any} adapter */
  async function fill(adapter) {
    for (const [at, [name, email]] of people.entries()) {
      await adapter.create({ model: "user", data: { ...user(name), email, emailVerified: at % 2 === 0 } });
    }
  }

  test("any text finds what a plain comparison finds, in that order, and nothing else", async () => {
    const { database, adapter } = await openDatabase(engine);
    await fill(adapter);
    const emails = async (/** @type {string} */ text, /** @type {any} */ options = {}) =>
      (await database.searchUsers(text, { limit: 100, ...options })).map(({ email }) => email);
    for (const text of [...written, ...randomTexts(80)]) {
      expect([text, await emails(text)]).toEqual([text, model(text)]);
    }
    const all = await emails("example");
    const pages = [];
    for (let offset = 0; offset < all.length; offset += 3) pages.push(...(await emails("example", { limit: 3, offset })));
    expect(pages).toEqual(all);
    const verified = new Set(people.filter((_, at) => at % 2 === 0).map(([, email]) => email));
    expect(await emails("example", { verifiedOnly: true })).toEqual(all.filter((email) => verified.has(email)));
  });

  test("with an index of words, what begins words is found, and the rest where nothing does", async () => {
    const options = { migrations: { userSearch: true } };
    const { database, adapter } = await openDatabase(engine, { options });
    expect(await database.plan({})).toMatchObject({ statements: [] });
    expect(await database.validate({})).toEqual({ valid: true, errors: [], warnings: [] });
    await fill(adapter);
    const emails = async (/** @type {string} */ text, /** @type {any} */ options = {}) =>
      (await database.searchUsers(text, { limit: 100, ...options })).map(({ email }) => email);
    for (const text of [...written, ...randomTexts(80)]) {
      const found = await emails(text);
      // In the order of the whole, from which what is inside of words may be missing.
      const known = model(text);
      expect([text, found]).toEqual([text, known.filter((email) => found.includes(email))]);
      expect([text, found.length > 0]).toEqual([text, known.length > 0]);
    }
    expect(await emails("ada love")).toEqual(["ada@example.com", "nobody@ada.example"]);
    expect(await emails("obrien")).toEqual(["adam_obrien@example.com"]);
    expect(await emails("ovelac")).toEqual(model("ovelac"));
    // It is the index that answers: "xada" has the word inside of another.
    expect(model("ada")).toContain("xada@example.com");
    expect(await emails("ada")).toEqual(model("ada").filter((email) => email !== "xada@example.com"));
    expect(await emails("ada", { limit: 2, offset: 1 })).toEqual((await emails("ada")).slice(1, 3));
    expect(await emails("ada", { offset: 50 })).toEqual([]);

    // Changes are followed.
    const where = [{ field: "email", value: "ada@example.com" }];
    await adapter.update({ model: "user", where, update: { name: "Countess" } });
    expect(await emails("countess")).toEqual(["ada@example.com"]);
    expect(await emails("lovelace ada")).not.toContain("ada@example.com");
    await adapter.delete({ model: "user", where });
    expect(await emails("countess")).toEqual([]);
  });

  test("the index comes to a table with users, goes without a loss, and is missed where it is wanted", async () => {
    const { url, database, adapter } = await openDatabase(engine);
    await fill(adapter);
    // A private database is one adapter's: there it has to be asked for from the start.
    if (url === "sqlite::memory:") return;
    const wanting = nativeAdapter({ url, migrations: { userSearch: true } });
    wanting({});
    const before = await wanting.searchUsers("ada");
    const { warnings } = await wanting.validate({});
    expect(warnings).toEqual([expect.objectContaining({ code: "MISSING_INDEX", table: "user" })]);
    const { missingIndexes } = await wanting.statistics({});
    expect(missingIndexes).toEqual([expect.objectContaining({ table: "user", columns: ["name", "email"] })]);
    expect(await wanting.migrate({})).toMatchObject({ version: 2 });
    expect(await wanting.validate({})).toMatchObject({ warnings: [] });
    const after = await wanting.searchUsers("ada");
    expect(after).toEqual(before.filter(({ email }) => email !== "xada@example.com"));
    // The other adapter does not know that it is there, and finds what it did.
    const rows = await adapter.findMany({ model: "user" });
    expect(await wanting.rollback()).toMatchObject({ version: 1, losses: [] });
    expect(await wanting.searchUsers("ada")).toEqual(before);
    expect(await adapter.findMany({ model: "user" })).toEqual(rows);
    expect(await database.plan({})).toMatchObject({ statements: [] });
    await wanting.migrate({});
    await wanting.searchUsers("ada");
    // Somebody else takes it away; PostgreSQL then does without, and goes on as if it were there.
    await database.rollback();
    expect(await wanting.searchUsers("ada")).toEqual(engine.name === "PostgreSQL" ? after : before);
    await wanting.migrate({});
    const name = url.split("/").pop() ?? "";
    await wanting.drop({ confirm: name });
    expect(await wanting.status({})).toMatchObject({ version: null });
    expect(await wanting.migrate({})).toMatchObject({ version: 1 });
    await wanting.close();
  });
});
