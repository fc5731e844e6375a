// Filters: what each operator finds, whoever asks and whatever the text looks like.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { everyEngineEitherWay, openDatabase, sharedDatabase } from "./support/database.js";
import { sqliteFile } from "./support/sqlite-file.js";
import { ways } from "./support/ways.js";

const optional = { required: false };
const authOptions = {
  plugins: [
    {
      id: "things",
      schema: {
        thing: {
          fields: {
            /** Which of the columns below a row is about. */
            about: { type: "string" },
            position: { type: "number" },
            text: { type: "string", ...optional },
            number: { type: "number", ...optional },
            bigint: { type: "number", bigint: true, ...optional },
            boolean: { type: "boolean", ...optional },
            date: { type: "date", ...optional, fieldName: "moment" },
            userId: { type: "string", ...optional, references: { model: "user", field: "id" } },
          },
        },
      },
    },
  ],
};

const day = (date) => new Date(`${date}T12:00:00.000Z`);

/** One row per value, in this order. */
const stored = {
  text: [
    null, "", "Ada", "ada", "ADA", "Adam", "madam", "Ärger", "ärger", "50%", "50x", "a_b", "axb",
    "a\\b", "a*b", "a?b", "[ab]", "'", '"', "'; DROP TABLE thing; --", "?1", "null",
  ],
  number: [null, -1.5, 0, 1, 2, 10],
  bigint: [null, -9007199254740991, 0, 1795250749123, 9007199254740991],
  boolean: [null, false, true],
  date: [null, day("1969-12-31"), day("2026-01-01"), day("2026-01-02"), day("9999-12-31")],
};

const all = (field) => stored[field];
const present = (field) => stored[field].filter((value) => value !== null);
const texts = (...found) => found;
const without = (field, ...values) => present(field).filter((value) => !values.includes(value));

/** [field, operator, value, what it finds], each "sensitive" unless it says otherwise. */
const sensitive = [
  ["text", "eq", "ada", texts("ada")],
  ["text", "eq", "", texts("")],
  ["text", "eq", "ärger", texts("ärger")],
  ["text", "eq", "adam ", []],
  ["text", "ne", "ada", without("text", "ada")],
  ["text", "in", ["ada", "Ärger", "nobody"], texts("ada", "Ärger")],
  ["text", "not_in", ["ada", "Ärger", "nobody"], without("text", "ada", "Ärger")],
  ["text", "not_in", "ada", without("text", "ada")],
  ["text", "contains", "da", texts("Ada", "ada", "Adam", "madam")],
  ["text", "contains", "DA", texts("ADA")],
  ["text", "starts_with", "Ad", texts("Ada", "Adam")],
  ["text", "starts_with", "ä", texts("ärger")],
  ["text", "ends_with", "dam", texts("Adam", "madam")],
  ["text", "ends_with", "madam", texts("madam")],
  ["text", "ends_with", "a madam", []],
  ["text", "lt", "A", texts("", "50%", "50x", "'", '"', "'; DROP TABLE thing; --", "?1")],
  ["text", "gte", "ä", texts("ärger")],

  // Wildcards of LIKE, GLOB and regular expressions stand for themselves.
  ["text", "contains", "%", texts("50%")],
  ["text", "starts_with", "50%", texts("50%")],
  ["text", "ends_with", "%", texts("50%")],
  ["text", "contains", "_", texts("a_b")],
  ["text", "starts_with", "a_", texts("a_b")],
  ["text", "ends_with", "_b", texts("a_b")],
  ["text", "contains", "\\", texts("a\\b")],
  ["text", "contains", "*", texts("a*b")],
  ["text", "contains", "?", texts("a?b", "?1")],
  ["text", "starts_with", "[", texts("[ab]")],
  ["text", "contains", "[a", texts("[ab]")],
  ["text", "contains", ".", []],

  // Every text that is there contains, starts and ends with nothing.
  ["text", "contains", "", present("text")],
  ["text", "starts_with", "", present("text")],
  ["text", "ends_with", "", present("text")],

  // Values that look like SQL are values.
  ["text", "eq", "'; DROP TABLE thing; --", texts("'; DROP TABLE thing; --")],
  ["text", "eq", "' OR '1'='1", []],
  ["text", "contains", "'", texts("'", "'; DROP TABLE thing; --")],
  ["text", "in", ["'", '"', "?1"], texts("'", '"', "?1")],
  ["text", "eq", "null", texts("null")],

  ["number", "eq", 1, [1]],
  ["number", "eq", -1.5, [-1.5]],
  ["number", "ne", 1, without("number", 1)],
  ["number", "lt", 1, [-1.5, 0]],
  ["number", "lte", 1, [-1.5, 0, 1]],
  ["number", "gt", 1, [2, 10]],
  ["number", "gte", 1.5, [2, 10]],
  ["number", "in", [10, -1.5, 7], [-1.5, 10]],
  ["number", "not_in", [10, -1.5, 7], without("number", 10, -1.5)],
  ["bigint", "eq", 9007199254740991, [9007199254740991]],
  ["bigint", "gt", 1795250749122, [1795250749123, 9007199254740991]],
  ["bigint", "lt", 0n, [-9007199254740991]],
  ["bigint", "gt", 2n ** 62n, []],
  ["boolean", "eq", true, [true]],
  ["boolean", "eq", false, [false]],
  ["boolean", "ne", true, [false]],
  ["boolean", "in", [true, false], [false, true]],
  ["date", "eq", day("2026-01-01"), [day("2026-01-01")]],
  ["date", "lt", day("2026-01-02"), [day("1969-12-31"), day("2026-01-01")]],
  ["date", "lte", day("2026-01-01"), [day("1969-12-31"), day("2026-01-01")]],
  ["date", "gt", day("2026-01-01"), [day("2026-01-02"), day("9999-12-31")]],
  ["date", "in", [day("1969-12-31"), day("2000-01-01")], [day("1969-12-31")]],

  // Values as they come from a query string.
  ["number", "eq", "10", [10]],
  ["number", "gt", "1.5", [2, 10]],
  ["number", "in", ["1", "2"], [1, 2]],
  ["boolean", "eq", "true", [true]],
  ["boolean", "eq", "false", [false]],
  ["date", "gte", "2026-01-02T12:00:00.000Z", [day("2026-01-02"), day("9999-12-31")]],
  ["date", "eq", "2026-01-01T13:00:00+01:00", [day("2026-01-01")]],
].map(([field, operator, value, found]) => ({ field, operator, value, found }));

const ada = texts("Ada", "ada", "ADA");
const insensitive = [
  ["text", "eq", "aDa", ada],
  ["text", "eq", "ÄRGER", texts("Ärger", "ärger")],
  ["text", "eq", "%", []],
  ["text", "ne", "aDa", without("text", ...ada)],
  ["text", "ne", "ÄRGER", without("text", "Ärger", "ärger")],
  ["text", "in", ["aDA", "ÄrGER"], [...ada, "Ärger", "ärger"]],
  ["text", "not_in", ["aDA", "ÄrGER"], without("text", ...ada, "Ärger", "ärger")],
  ["text", "contains", "DA", [...ada, "Adam", "madam"]],
  ["text", "contains", "ÄR", texts("Ärger", "ärger")],
  ["text", "contains", "X", texts("50x", "axb")],
  ["text", "contains", "_B", texts("a_b")],
  ["text", "starts_with", "aD", [...ada, "Adam"]],
  ["text", "starts_with", "äR", texts("Ärger", "ärger")],
  ["text", "ends_with", "DAM", texts("Adam", "madam")],
  ["text", "ends_with", "RGEr", texts("Ärger", "ärger")],
  ["text", "ends_with", "", present("text")],
  // Without letters there is nothing to ignore.
  ["number", "eq", 1, [1]],
  ["text", "eq", null, [null]],
].map(([field, operator, value, found]) => ({ field, operator, value, found, mode: "insensitive" }));

/** Nulls follow SQL: only eq and ne know them, and nothing else finds a row without a value. */
const nulls = ["text", "number", "boolean", "date"].flatMap((field) => {
  const value = present(field)[0];
  return [
    { field, operator: "eq", value: null, found: [null] },
    { field, operator: "ne", value: null, found: present(field) },
    ...["lt", "lte", "gt", "gte"].map((operator) => ({ field, operator, value: null, found: [] })),
    { field, operator: "in", value: [null], found: [] },
    { field, operator: "in", value: [null, value], found: [value] },
    { field, operator: "not_in", value: [null, value], found: [] },
    { field, operator: "in", value: [], found: [] },
    { field, operator: "not_in", value: [], found: all(field) },
  ];
});
const noSubstring = ["contains", "starts_with", "ends_with"].map((operator) => ({
  field: "text",
  operator,
  value: null,
  found: [],
}));

const show = (value) =>
  JSON.stringify(value, (_, part) => (typeof part === "bigint" ? `${part}n` : part));

describe.each(everyEngineEitherWay)("%s", (_, engine) => {
  const database = sharedDatabase(engine, authOptions);
  let adapter;

  beforeAll(async () => {
    ({ adapter } = database);
    for (const [about, values] of Object.entries(stored)) {
      for (const [position, value] of values.entries()) {
        await adapter.create({ model: "thing", data: { about, position, [about]: value } });
      }
    }
  });

  /** The rows that are about `field` and match, as their values of it. */
  async function find(field, ...clauses) {
    const rows = await adapter.findMany({
      model: "thing",
      where: [{ field: "about", value: field }, ...clauses],
      sortBy: { field: "position", direction: "asc" },
    });
    return rows.map((row) => row[field]);
  }

  describe("an operator", () => {
    test.each(
      [...sensitive, ...insensitive, ...nulls, ...noSubstring].map((clause) => {
        const { field, operator, value, mode = "" } = clause;
        return [`${field} ${operator} ${show(value)} ${mode}`, clause];
      }),
    )("%s", async (_, { found, ...clause }) => {
      expect(await find(clause.field, clause)).toEqual(found);
    });
  });

  describe("several clauses", () => {
    const is = (field, value, connector) => ({ field, value, connector });
    const and = (value, operator) => ({ field: "number", operator, value, connector: "AND" });
    const or = (value, operator) => ({ field: "number", operator, value, connector: "OR" });
    test.each([
      ["AND is what no connector means", [and(0, "gte"), { ...and(2, "lt"), connector: undefined }], [0, 1]],
      ["OR needs one of them", [or(0), or(10)], [0, 10]],
      ["one OR alone is a condition", [or(1)], [1]],
      ["ANDs and ORs: all of the first and any of the second", [and(1, "gte"), or(0), or(10)], [10]],
      ["... whatever their order", [or(0), and(1, "gte"), or(10)], [10]],
      ["... and however many", [and(0, "gte"), or(0), and(5, "lt"), or(2), or(10)], [0, 2]],
      ["the same clause twice", [and(1), and(1)], [1]],
      ["what excludes itself", [and(1), and(2)], []],
      ["null among ORs", [{ field: "number", value: null, connector: "OR" }, or(10)], [null, 10]],
    ])("%s", async (_, clauses, found) => {
      expect(await find("number", ...clauses)).toEqual(found);
    });

    test("over several fields", async () => {
      const where = [
        { field: "position", operator: "lte", value: 2 },
        is("text", "Ada", "OR"),
        is("number", 0, "OR"),
        is("boolean", true, "OR"),
      ];
      const rows = await adapter.findMany({
        model: "thing",
        where,
        sortBy: { field: "about", direction: "asc" },
      });
      expect(rows.map(({ about }) => about)).toEqual(["boolean", "number", "text"]);
    });
  });

  test("the same filter means the same to every operation", async () => {
    const undo = new Error("undo");
    for (const { found, ...clause } of [...sensitive, ...insensitive, ...nulls]) {
      const where = [{ field: "about", value: clause.field }, clause];
      const call = { model: "thing", where };
      const about = show(clause);
      expect(await adapter.count(call), about).toBe(found.length);
      const one = await adapter.findOne(call);
      const among = one ? expect.arrayContaining([one[clause.field]]) : [];
      expect(found, about).toEqual(among);

      const written = adapter.transaction(async (trx) => {
        expect(await trx.updateMany({ ...call, update: { position: -1 } }), about).toBe(found.length);
        const moved = [{ field: "position", value: -1 }];
        expect(await trx.count({ model: "thing", where: moved }), about).toBe(found.length);
        const updated = await trx.update({ ...call, update: { position: -2 } });
        expect(updated?.position, about).toBe(found.length > 0 ? -2 : undefined);
        const raised = await trx.incrementOne({ ...call, increment: { position: 1 } });
        expect(raised?.position, about).toBe(found.length > 0 ? -1 : undefined);
        const consumed = await trx.consumeOne(call);
        const left = found.length - (consumed ? 1 : 0);
        expect(consumed !== null, about).toBe(found.length > 0);
        expect(await trx.deleteMany(call), about).toBe(left);
        expect(await trx.count(call), about).toBe(0);
        throw undo;
      });
      await expect(written).rejects.toBe(undo);
    }
  });

  test("a field may be given by its column", async () => {
    const where = [{ field: "moment", operator: "gt", value: day("2026-01-02") }];
    const [row] = await adapter.findMany({ model: "thing", where });
    expect(row.date).toEqual(day("9999-12-31"));
  });

  describe("a filter that cannot be meant", () => {
    const invalid = { code: "INVALID_INPUT" };
    const noValue = { ...invalid, message: expect.stringContaining("has the value undefined") };
    const noList = { message: "Value must be an array" };
    const noField = { message: "Field nothing not found in model thing" };
    test.each([
      ["an unknown operator", { field: "text", operator: "like", value: "a" }, invalid],
      ["an operator that is SQL", { field: "text", operator: "= '' OR --", value: "a" }, invalid],
      ["a word of JavaScript", { field: "text", operator: "constructor", value: "a" }, invalid],
      ["undefined", { field: "text", value: undefined }, noValue],
      ["anything but undefined", { field: "text", operator: "ne", value: undefined }, noValue],
      ["undefined in a list", { field: "text", operator: "in", value: ["a", undefined] }, noValue],
      ["undefined in texts", { field: "text", operator: "contains", value: undefined }, noValue],
      ["an object for a text", { field: "text", value: { $ne: null } }, invalid],
      ["a function", { field: "text", value: () => "a" }, invalid],
      ["a date that is none", { field: "date", value: new Date(Number.NaN) }, invalid],
      ["a text that is no date", { field: "date", value: "tomorrow" }, invalid],
      ["an integer of more than 64 bits", { field: "bigint", value: 2n ** 64n }, invalid],
      ["a value that is no list", { field: "text", operator: "in", value: "a" }, noList],
      ["an unknown field", { field: "nothing", value: "a" }, noField],
      ["a field that is SQL", { field: 'text" OR 1=1 --', value: "a" }, { name: "BetterAuthError" }],
    ])("%s", async (_, clause, error) => {
      const call = { model: "thing", where: [clause] };
      await expect(adapter.findOne(call)).rejects.toMatchObject(error);
      await expect(adapter.findMany(call)).rejects.toMatchObject(error);
      await expect(adapter.count(call)).rejects.toMatchObject(error);
      await expect(adapter.update({ ...call, update: { text: "b" } })).rejects.toMatchObject(error);
      await expect(adapter.deleteMany(call)).rejects.toMatchObject(error);
    });
  });

  test("to update nothing changes nothing, and gives what it would have changed", async () => {
    const where = [{ field: "number", value: 10 }];
    const [row] = await adapter.findMany({ model: "thing", where });
    for (const update of [{}, { number: undefined }, { nothing: 1 }]) {
      expect(await adapter.update({ model: "thing", where, update })).toEqual(row);
      expect(await adapter.updateMany({ model: "thing", where, update })).toBe(1);
      const none = [{ field: "number", value: 11 }];
      expect(await adapter.update({ model: "thing", where: none, update })).toBeNull();
      expect(await adapter.updateMany({ model: "thing", where: none, update })).toBe(0);
    }
  });

  test("joined searches ignore letter case too, and only where asked", async () => {
    const user = await adapter.create({
      model: "user",
      data: { name: "Grace", email: "Grace@Example.com", emailVerified: true },
    });
    await adapter.create({ model: "thing", data: { about: "user", position: 0, userId: user.id } });
    const search = (mode) =>
      adapter.findOne({
        model: "user",
        where: [{ field: "email", value: "GRACE@EXAMPLE.COM", mode }],
        join: { thing: true },
      });
    expect((await search("insensitive"))?.thing).toMatchObject([{ about: "user" }]);
    expect(await search("sensitive")).toBeNull();
    expect(await search(undefined)).toBeNull();
  });

  test("without a filter, an operation takes all, but update takes nothing", async () => {
    const { adapter } = await openDatabase(engine, { authOptions });
    const model = "verification";
    const row = (identifier, value) => ({ identifier, value, expiresAt: day("2026-01-01") });
    const values = async () =>
      (await adapter.findMany({ model, sortBy: { field: "identifier", direction: "asc" } })).map(
        ({ value }) => value,
      );
    for (const name of ["a", "b", "c"]) await adapter.create({ model, data: row(name, "1") });

    for (const where of [[], undefined]) {
      expect(await adapter.count({ model, where })).toBe(3);
      expect(await adapter.findMany({ model, where })).toHaveLength(3);
      expect(await adapter.findOne({ model, where })).toMatchObject({ value: "1" });
    }
    expect(await adapter.update({ model, where: [], update: { value: "2" } })).toBeNull();
    expect(await values()).toEqual(["1", "1", "1"]);
    expect(await adapter.updateMany({ model, where: [], update: { value: "2" } })).toBe(3);
    expect(await values()).toEqual(["2", "2", "2"]);
    expect(await adapter.consumeOne({ model, where: [] })).toMatchObject({ value: "2" });
    expect(await values()).toEqual(["2", "2"]);
    expect(await adapter.deleteMany({ model, where: [] })).toBe(2);
    expect(await values()).toEqual([]);

    for (const name of ["a", "b"]) await adapter.create({ model, data: row(name, "1") });
    await adapter.delete({ model, where: [] });
    expect(await values()).toEqual([]);
  });
});

// Better Auth knows no collations, so such a table is made by hand.
describe.each(ways)("SQLite, a column that ignores letter case by itself, $way", ({ options }) => {
  const file = sqliteFile(`
    CREATE TABLE thing (id text PRIMARY KEY, about text, position integer,
      text text COLLATE NOCASE, number integer, bigint bigint, boolean integer, moment date,
      userId text);
    CREATE INDEX thing_text ON thing (text);
  `);
  const database = nativeAdapter({ url: file.url, ...options });
  const adapter = database(authOptions);

  beforeAll(async () => {
    for (const [position, text] of stored.text.entries()) {
      await adapter.create({ model: "thing", data: { about: "text", position, text } });
    }
  });
  afterAll(async () => {
    await database.close();
    file.drop();
  });

  test.each(
    [...sensitive, ...insensitive]
      .filter(({ field }) => field === "text")
      .map((clause) => [`${clause.operator} ${show(clause.value)} ${clause.mode ?? ""}`, clause]),
  )("%s finds what it finds elsewhere", async (_, { found, ...clause }) => {
    const sortBy = { field: "position", direction: "asc" };
    const rows = await adapter.findMany({ model: "thing", where: [clause], sortBy });
    expect(rows.map(({ text }) => text)).toEqual(found);
  });
});
