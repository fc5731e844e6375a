// Values: what goes into a field comes out of it, the same on every way in and out.

import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { emptyDatabase, everyEngineEitherWay, sharedDatabase } from "./support/database.js";
import { inProcess } from "./support/elsewhere/index.js";
import { sqliteFile } from "./support/sqlite-file.js";
import { ways } from "./support/ways.js";

/** One optional field of each type. */
const fields = {
  text: { type: "string", required: false },
  number: { type: "number", required: false },
  bigint: { type: "number", bigint: true, required: false },
  boolean: { type: "boolean", required: false },
  date: { type: "date", required: false },
  json: { type: "json", required: false },
  texts: { type: "string[]", required: false },
  numbers: { type: "number[]", required: false },
};
const references = { model: "parent", field: "id", onDelete: "cascade" };
const authOptions = {
  plugins: [
    {
      id: "values",
      schema: {
        parent: { fields },
        child: { fields: { ...fields, parentId: { type: "string", references } } },
      },
    },
  ],
};

const oneOfEach = {
  text: "Ä",
  number: 1.5,
  bigint: 1_795_250_749_123,
  boolean: true,
  date: new Date(7),
  json: { a: [null] },
  texts: ["a"],
  numbers: [1],
};

const longText = "Ä1".repeat(512 * 1024);

/** [field, given, returned where that differs] */
const cases = [
  ["text", ""],
  ["text", " around \t\r\n"],
  ["text", "naïve Ünïcödé, 漢字, עברית, \u2028, \uFEFF, \uFFFF"],
  ["text", "👩🏽‍🚀 🏴󠁧󠁢󠁥󠁮󠁧󠁿 𝐁"],
  ["text", "decomposed: e\u0301"],
  ["text", "control: \u0001\u001b\u007f\u0085"],
  ["text", `quoted: ' " \` \\ \\' $1 ?1 :a @b -- /* */ ;`],
  ["text", "007"],
  ["text", "1e3"],
  ["text", "true"],
  ["text", "null"],
  ["text", '{"a":1}'],
  ["text", "2026-01-01T00:00:00.000Z"],
  ["text", "x".repeat(100_000)],
  ["text", 7, "7"],
  ["text", true, "true"],

  ["number", 0],
  ["number", 1],
  ["number", -1],
  ["number", 2_147_483_647],
  ["number", 1.5],
  ["number", -0.25],
  ["number", 0.1 + 0.2],
  ["number", 1 / 3],
  ["number", 1e-7],
  ["number", "12", 12],
  ["number", "-1.5", -1.5],

  ["bigint", 0],
  ["bigint", 2_147_483_648],
  ["bigint", 1_795_250_749_123],
  ["bigint", 9_007_199_254_740_991],
  ["bigint", -9_007_199_254_740_991],
  ["bigint", 5n, 5],
  ["bigint", 9_007_199_254_740_991n, 9_007_199_254_740_991],

  ["boolean", true],
  ["boolean", false],

  ["date", new Date("2026-11-21T08:45:49.123Z")],
  ["date", new Date(0)],
  ["date", new Date(-1)],
  ["date", new Date("1815-12-10T00:00:00.007Z")],
  ["date", new Date("9999-12-31T23:59:59.999Z")],
  ["date", "2026-11-21T08:45:49.123Z", new Date("2026-11-21T08:45:49.123Z")],
  ["date", "2026-11-21T09:45:49.123+01:00", new Date("2026-11-21T08:45:49.123Z")],

  ["json", {}],
  ["json", []],
  ["json", { a: { b: [1, "two", null, { c: false, d: [] }] }, "": 0.1 + 0.2 }],
  ["json", ["ä", "👩🏽‍🚀", '"quoted"', "\\", "\n"]],
  ["json", { since: "2026-01-01T00:00:00.000Z" }],
  ["json", "plain"],
  ["json", ""],
  ["json", 0],
  ["json", 1.5],
  ["json", true],
  ["json", false],
  ["json", { at: new Date(0) }, { at: "1970-01-01T00:00:00.000Z" }],
  // Some callers write JSON themselves.
  ["json", '{"a":[1]}', { a: [1] }],

  ["texts", []],
  ["texts", ["one"]],
  ["texts", ["", "ä", "a,b", '"', "null", "[]", "2026-01-01T00:00:00.000Z"]],
  ["numbers", []],
  ["numbers", [1, -1.5, 0.1 + 0.2, 9_007_199_254_740_991]],
].map(([field, given, returned = given]) => ({ field, given, returned }));

const nothing = Object.keys(fields).map((field) => ({ field, given: null, returned: null }));

/** What a field does not take. */
const refused = [
  ["number", Number.NaN],
  ["number", Number.POSITIVE_INFINITY],
  ["number", Number.NEGATIVE_INFINITY],
  ["number", 2 ** 53],
  ["number", "twelve"],
  ["number", ""],
  ["number", true],
  ["number", {}],
  ["number", [1]],
  ["bigint", 2 ** 53],
  ["bigint", -(2 ** 53)],
  ["bigint", 2n ** 53n],
  ["bigint", 2n ** 64n],
  ["bigint", "9007199254740993"],
  ["boolean", "maybe"],
  ["boolean", "true"],
  ["boolean", 2],
  ["boolean", {}],
  ["texts", "a"],
  ["texts", {}],
  ["texts", ["a", 1]],
  ["text", {}],
  ["text", ["a"]],
  ["text", new Date(0)],
  ["text", Number.NaN],
  ["text", () => "a"],
  ["text", Symbol("a")],
  ["date", new Date(Number.NaN)],
  ["date", "tomorrow"],
  ["date", ""],
  ["date", true],
  ["date", {}],
  ["date", Number.NaN],
  ["date", new Date(8.64e15)],
  ["json", () => "a"],
  ["json", { big: 1n }],
  ["json", circular()],
  ["numbers", [1, Number.NaN]],
  ["numbers", [Number.POSITIVE_INFINITY]],
  ["numbers", ["1"]],
  ["texts", () => []],
].map(([field, given]) => ({ field, given }));

function circular() {
  const value = {};
  value.self = value;
  return value;
}

const byId = ({ id }) => [{ field: "id", value: id }];
const show = (given) => inspect(given, { breakLength: Infinity, maxStringLength: 50 });
const titled = (values) => values.map((value) => [`${value.field}: ${show(value.given)}`, value]);

describe.each(everyEngineEitherWay)("%s", (_, engine) => {
  const database = sharedDatabase(engine, authOptions);
  let adapter;
  beforeAll(() => {
    ({ adapter } = database);
  });

  test("many rows at once, and many joined ones, are what each was alone", async () => {
    const texts = ["", "short", "Ä", "👩🏽‍🚀 𝐁", "a text that is longer than a few letters", "x".repeat(40_000), "é".repeat(20_000), null];
    const { id: parentId } = await adapter.create({ model: "parent", data: {} });
    const made = [];
    for (let number = 0; number < 60; number += 1) {
      const data = { ...oneOfEach, text: texts[number % texts.length], number, boolean: number % 3 === 0, parentId };
      made.push(await adapter.create({ model: "child", data }));
    }
    const byNumber = (one, other) => one.number - other.number;
    const where = [{ field: "parentId", value: parentId }];
    const rows = await adapter.findMany({ model: "child", where });
    expect(rows.toSorted(byNumber)).toEqual(made);
    const parent = await adapter.findOne({ model: "parent", where: byId({ id: parentId }), join: { child: true } });
    expect(parent.child.toSorted(byNumber)).toEqual(made);
    expect(await adapter.findMany({ model: "child", where, limit: 10 })).toHaveLength(10);
  });

  /** Sends a value through every operation that takes or gives one. */
  async function checkRoundTrip({ field, given, returned }) {
    const data = { [field]: given };
    const create = (model, more) => adapter.create({ model, data: { ...data, ...more } });
    const expected = { [field]: returned };
    const only = (row) => ({ [field]: row?.[field] });

    const parent = await create("parent");
    expect(only(parent), "create").toStrictEqual(expected);
    const child = await create("child", { parentId: parent.id });
    const one = { model: "parent", where: byId(parent) };
    expect(only(await adapter.findOne(one)), "findOne").toStrictEqual(expected);
    expect(await adapter.findOne({ ...one, select: [field] }), "select").toStrictEqual(expected);
    expect((await adapter.findMany(one)).map(only), "findMany").toStrictEqual([expected]);

    // Rows of a one-to-many join and the row of a one-to-one take different ways.
    const withChildren = await adapter.findOne({ ...one, join: { child: true } });
    expect(withChildren.child.map(only), "joined rows").toStrictEqual([expected]);
    const up = { model: "child", where: byId(child), join: { parent: true } };
    expect(only((await adapter.findOne(up)).parent), "joined row").toStrictEqual(expected);

    const cleared = await adapter.update({ ...one, update: { [field]: null } });
    expect(only(cleared), "cleared").toStrictEqual({ [field]: null });
    expect(only(await adapter.update({ ...one, update: data })), "update").toStrictEqual(expected);
    await adapter.updateMany({ ...one, update: { [field]: null } });
    expect(await adapter.updateMany({ ...one, update: data })).toBe(1);
    expect(only(await adapter.findOne(one)), "updateMany").toStrictEqual(expected);
    const set = await adapter.incrementOne({ ...one, increment: {}, set: data });
    expect(only(set), "incrementOne").toStrictEqual(expected);

    expect(only(await adapter.consumeOne({ model: "child", where: byId(child) }))).toStrictEqual(
      expected,
    );
    expect(only(await adapter.consumeOne(one)), "consumeOne").toStrictEqual(expected);
  }

  test.each(titled([...cases, ...nothing]))("%s", async (_, value) => {
    await checkRoundTrip(value);
  });

  test("a text of a mebibyte and a half", async () => {
    await checkRoundTrip({ field: "text", given: longText, returned: longText });
  });

  test("texts of every length, in characters of every width", async () => {
    const { id } = await adapter.create({ model: "parent", data: {} });
    for (const character of ["a", "ä", "漢", "😀"]) {
      for (let length = 0; length <= 140; length++) {
        const text = character.repeat(length);
        const updated = await adapter.update({
          model: "parent",
          where: byId({ id }),
          update: { text },
        });
        expect(updated.text).toBe(text);
      }
    }
  });

  test("where code may not be generated from strings, rows are the same", async () => {
    const url = await emptyDatabase(engine);
    const restricted = "--disallow-code-generation-from-strings";
    const { refused, rows } = await inProcess(
      async ({ nativeAdapter, data: { url, options, authOptions, data } }) => {
        const database = nativeAdapter({ url, ...options });
        await database.migrate(authOptions);
        const adapter = database(authOptions);
        const parent = await adapter.create({ model: "parent", data });
        await adapter.create({ model: "child", data: { ...data, parentId: parent.id } });
        const up = { model: "child", join: { parent: true } };
        const rows = [
          await adapter.findOne({ model: "parent", join: { child: true } }),
          await adapter.findOne(up),
          (await adapter.findMany({ ...up, select: ["text"] }))[0],
        ];
        await database.close();
        const refused = await (async () => new Function(""))().catch(({ name }) => name);
        return { refused, rows };
      },
      { url, options: engine.options, authOptions, data: oneOfEach },
      [restricted],
    ).result();
    expect(refused).toBe("EvalError");
    const [down, up, selected] = rows;
    expect(down).toMatchObject({ ...oneOfEach, child: [oneOfEach] });
    expect(up).toMatchObject({ ...oneOfEach, parentId: down.id, parent: oneOfEach });
    const others = Object.keys(fields).filter((field) => field !== "text");
    for (const field of [...others, "id"]) expect(selected).toHaveProperty(field, undefined);
    expect(selected).toMatchObject({ text: oneOfEach.text, parent: oneOfEach });
  });

  test("what is left out is null", async () => {
    const row = await adapter.create({ model: "parent", data: {} });
    const empty = Object.fromEntries(Object.keys(fields).map((field) => [field, null]));
    expect(row).toStrictEqual({ ...empty, id: row.id });
    expect(await adapter.findOne({ model: "parent", where: byId(row) })).toStrictEqual(row);
  });

  test("undefined in an update leaves the field as it is", async () => {
    const row = await adapter.create({ model: "parent", data: { text: "kept", number: 1 } });
    const update = { text: undefined, number: 2 };
    const updated = await adapter.update({ model: "parent", where: byId(row), update });
    expect(updated).toMatchObject({ text: "kept", number: 2 });
  });

  const scalar = cases.filter(({ field }) => !["json", "texts", "numbers"].includes(field));
  test.each(titled(scalar))("found by what was stored: %s", async (_, value) => {
    const { field, given, returned } = value;
    const row = await adapter.create({ model: "parent", data: { [field]: given } });
    for (const clause of [
      { field, value: given },
      { field, value: returned },
      { field, operator: "in", value: [given] },
    ]) {
      const where = [...byId(row), clause];
      expect(await adapter.findOne({ model: "parent", where })).toStrictEqual(row);
    }
  });

  describe("refused, and nothing is stored:", () => {
    test.each(titled(refused))("%s", async (_, { field, given }) => {
      const data = { [field]: given };
      const kept = await adapter.create({ model: "parent", data: {} });
      const before = await adapter.count({ model: "parent" });
      const one = { model: "parent", where: byId(kept) };
      const invalid = { code: "INVALID_INPUT", message: expect.stringContaining(field) };
      await expect(adapter.create({ model: "parent", data })).rejects.toMatchObject(invalid);
      await expect(adapter.update({ ...one, update: data })).rejects.toMatchObject(invalid);
      await expect(adapter.updateMany({ ...one, update: data })).rejects.toMatchObject(invalid);
      expect(await adapter.count({ model: "parent" })).toBe(before);
      expect(await adapter.findOne(one)).toStrictEqual(kept);
    });

    test("an error about a value does not show the value", async () => {
      const secret = { secret: "hunter2" };
      const refusal = adapter.create({ model: "parent", data: { text: secret } });
      const error = await refusal.catch((reason) => reason);
      expect(JSON.stringify([error.message, error.cause?.message, error])).not.toContain("hunter2");
    });
  });

  describe("characters that are hard to hold", () => {
    const texts = ["\0", "a\0b", "\0\0end", "start\0"];

    if (engine.withoutNul) {
      test.each(texts)("NUL inside is refused, and not cut off: %j", async (text) => {
        const refused = { code: "INVALID_INPUT", message: expect.stringMatching(/NUL/) };
        for (const data of [{ text }, { json: { text } }, { texts: [text] }]) {
          const created = adapter.create({ model: "parent", data });
          await expect(created, show(data)).rejects.toMatchObject(refused);
        }
        const where = [{ field: "text", value: text }];
        expect(await adapter.findOne({ model: "parent", where })).toBe(null);
      });
    } else {
      test.each(texts)("NUL inside: %j", async (text) => {
        await checkRoundTrip({ field: "text", given: text, returned: text });
        await checkRoundTrip({ field: "json", given: { text }, returned: { text } });
        await checkRoundTrip({ field: "texts", given: [text], returned: [text] });
      });

      test("NUL is found like any other character", async () => {
        const parent = await adapter.create({ model: "parent", data: {} });
        for (const text of [...texts, "a", "ab", "Start", "end"]) {
          await adapter.create({ model: "child", data: { text, parentId: parent.id } });
        }
        const found = async (operator, value, mode) => {
          const where = [
            { field: "parentId", value: parent.id },
            { field: "text", operator, value, mode },
          ];
          return (await adapter.findMany({ model: "child", where })).map(({ text }) => text).sort();
        };
        expect(await found("eq", "a\0b")).toEqual(["a\0b"]);
        expect(await found("eq", "A\0B", "insensitive")).toEqual(["a\0b"]);
        expect(await found("in", ["a\0b", "\0"])).toEqual(["\0", "a\0b"]);
        expect(await found("contains", "\0")).toEqual([...texts].sort());
        expect(await found("contains", "\0B", "insensitive")).toEqual(["a\0b"]);
        expect(await found("starts_with", "\0")).toEqual(["\0", "\0\0end"]);
        expect(await found("ends_with", "\0")).toEqual(["\0", "start\0"]);
        expect(await found("ends_with", "\0b")).toEqual(["a\0b"]);
        expect(await found("ends_with", "T\0", "insensitive")).toEqual(["start\0"]);
        expect(await found("ends_with", "end")).toEqual(["\0\0end", "end"]);
      });
    }

    test("half a surrogate pair becomes U+FFFD, and is found by what it was", async () => {
      for (const text of ["\ud800", "a\udc00b", "\udc00\ud800"]) {
        const row = await adapter.create({ model: "parent", data: { text } });
        expect(row.text).toBe(text.toWellFormed());
        const where = [...byId(row), { field: "text", value: text }];
        expect(await adapter.findOne({ model: "parent", where })).toStrictEqual(row);
      }
    });
  });
});

// What this package refuses to write, another program may have written.
describe.each(ways)("SQLite, values another program stored, $way", ({ options }) => {
  const file = sqliteFile();

  beforeAll(async () => {
    const first = nativeAdapter(file.url);
    await first.migrate(authOptions);
    await first.close();
    file.run(`
      INSERT INTO parent (id, text, number, bigint, boolean, date, json, texts) VALUES
        ('fine', 'ä', 1.0, 9007199254740991, 1, '2026-11-21 08:45:49', '{"a":1}', '["a"]'),
        ('milliseconds', NULL, NULL, NULL, 0, 1795250749123, NULL, NULL),
        ('not json', NULL, NULL, NULL, NULL, '2026-11-21', 'not json', NULL);
      INSERT INTO parent (id, bigint) VALUES ('bigint', 9007199254740992);
      INSERT INTO parent (id, number) VALUES ('number', -9007199254740993);
      INSERT INTO parent (id, date) VALUES ('date', 'tomorrow');
      INSERT INTO parent (id, text) VALUES ('text', x'00ff');
      INSERT INTO parent (id, text) VALUES ('encoding', CAST(x'ff' AS TEXT));
      INSERT INTO child (id, parentId) SELECT id, id FROM parent;
      INSERT INTO child (id, parentId, bigint) VALUES ('nested', 'fine', 9007199254740993);
    `);
  });

  const database = nativeAdapter({ url: file.url, ...options });
  const adapter = database(authOptions);
  afterAll(async () => {
    await database.close();
    file.drop();
  });
  const find = (id, join) => adapter.findOne({ model: "parent", where: byId({ id }), join });

  test("are read in every form that has a meaning", async () => {
    const at = new Date("2026-11-21T08:45:49.000Z");
    expect(await find("fine")).toMatchObject({
      text: "ä",
      number: 1,
      bigint: 9007199254740991,
      boolean: true,
      date: at,
      json: { a: 1 },
      texts: ["a"],
    });
    const milliseconds = new Date(1795250749123);
    expect(await find("milliseconds")).toMatchObject({ boolean: false, date: milliseconds });
    const day = new Date("2026-11-21T00:00:00.000Z");
    expect(await find("not json")).toMatchObject({ json: "not json", date: day });
  });

  test.each(["bigint", "number", "date", "text", "encoding"])(
    "are an error where they have none, rather than something else: %s",
    async (id) => {
      const undecodable = { code: "DECODE_FAILED", table: "parent" };
      await expect(find(id)).rejects.toMatchObject(undecodable);
      await expect(adapter.findMany({ model: "parent" })).rejects.toMatchObject(undecodable);
      const up = { model: "child", where: byId({ id }), join: { parent: true } };
      await expect(adapter.findOne(up)).rejects.toMatchObject({ code: "DECODE_FAILED" });
    },
  );

  test("are an error in joined rows too", async () => {
    await expect(find("fine", { child: true })).rejects.toMatchObject({ code: "DECODE_FAILED" });
  });
});
