// Names and ids: an application calls its tables, columns and ids what it likes, and Better Auth
// keeps seeing its own names.

import { describe, expect, test, vi } from "vitest";
import { everyEngineEitherWay, openDatabase } from "./support/database.js";

const at = (second) => new Date(Date.UTC(2026, 10, 21, 8, 45, second, 123));
const byId = ({ id }) => [{ field: "id", value: id }];
/** A table of a plugin's. */
const plugin = (schema) => ({ id: "plugin", schema });

const namings = [
  ["Better Auth's own names", {}],
  [
    "renamed tables",
    {
      user: { modelName: "app_users" },
      session: { modelName: "app_sessions" },
      account: { modelName: "AppAccounts" },
    },
    ["app_users", "app_sessions", "AppAccounts"],
  ],
  [
    "renamed columns",
    {
      user: { fields: { email: "email_address", name: "full_name", createdAt: "created_at" } },
      session: { fields: { userId: "user_id", token: "session_token" } },
    },
    ["email_address", "full_name", "created_at", "user_id", "session_token"],
  ],
  ["two columns swapped", { user: { fields: { name: "email", email: "name" } } }],
  [
    "three columns rotated",
    { session: { fields: { token: "ipAddress", ipAddress: "userAgent", userAgent: "token" } } },
  ],
  [
    "keywords of SQL",
    {
      user: {
        modelName: "select",
        fields: { name: "order", email: "group", image: "from", emailVerified: "default" },
      },
      session: { modelName: "table", fields: { userId: "user", token: "where", ipAddress: "index" } },
      account: { modelName: "join" },
    },
    ["select", "order", "group", "from", "table", "where", "join"],
  ],
  [
    "names that nobody should use",
    {
      user: {
        modelName: 'us"er; --',
        fields: {
          name: 'weird "name"',
          email: "it's",
          image: "two  words",
          emailVerified: "100%?",
          createdAt: "[brackets]",
          updatedAt: "`ticks`",
        },
      },
      session: {
        modelName: "Sitzung für Ärger",
        fields: { userId: "user.id", token: "?1", ipAddress: ":ip", userAgent: "a\\b" },
      },
      account: { fields: { userId: "constructor", scope: "valueOf", password: "toString" } },
    },
    ["two  words", "Sitzung für Ärger"],
  ],
  ["plural tables", {}, ["users", "sessions", "accounts"], { usePlural: true }],
  [
    "renamed plural tables",
    { user: { modelName: "member" } },
    ["members", "sessions"],
    { usePlural: true },
  ],
];

const user = {
  name: "Ada",
  email: "ada@example.com",
  emailVerified: true,
  image: null,
  createdAt: at(1),
  updatedAt: at(2),
};
const session = {
  expiresAt: at(3),
  token: "token",
  createdAt: at(4),
  updatedAt: at(5),
  ipAddress: "::1",
  userAgent: "browser",
};
const account = { accountId: "1", providerId: "credential", createdAt: at(6), updatedAt: at(7) };

describe.each(everyEngineEitherWay)("%s", (_, engine) => {
  const open = (authOptions, options) => openDatabase(engine, { authOptions, options });

  describe("names:", () => {
    test.each(namings)("%s", async (_, authOptions, names = [], settings = {}) => {
      const { database, adapter, statements } = await open(authOptions, settings);
      for (const name of names) {
        expect(statements.join("\n"), "a name in the database").toContain(name);
      }
      expect((await database.plan(authOptions)).statements, "the names are found again").toEqual([]);
      await story(adapter);
    });
  });

  /** What Better Auth does with its tables; none of it names a column. */
  async function story(adapter) {
    const ada = await adapter.create({ model: "user", data: user });
    expect(ada).toStrictEqual({ ...user, id: ada.id });
    const bob = await adapter.create({
      model: "user",
      data: { ...user, name: "Bob", email: "aaa@example.com" },
      select: ["email", "id"],
    });
    expect(bob).toStrictEqual({ email: "aaa@example.com", id: bob.id });
    const opened = await adapter.create({ model: "session", data: { ...session, userId: ada.id } });
    expect(opened).toStrictEqual({ ...session, userId: ada.id, id: opened.id });
    await adapter.create({ model: "account", data: { ...account, userId: ada.id, scope: "a" } });

    const where = [{ field: "email", value: user.email }];
    expect(await adapter.findOne({ model: "user", where })).toStrictEqual(ada);
    expect(
      await adapter.findOne({ model: "user", where, select: ["name", "emailVerified"] }),
    ).toStrictEqual({ name: "Ada", emailVerified: true });
    const join = { session: true, account: true };
    expect(await adapter.findOne({ model: "user", where: byId(ada), join })).toStrictEqual({
      ...ada,
      session: [opened],
      account: [expect.objectContaining({ ...account, userId: ada.id, scope: "a" })],
    });
    expect(
      await adapter.findOne({
        model: "session",
        where: [{ field: "token", value: "token" }],
        select: ["ipAddress"],
        join: { user: true },
      }),
    ).toStrictEqual({ ipAddress: "::1", userId: ada.id, user: ada });

    const sorted = async (field, direction) => {
      const rows = await adapter.findMany({ model: "user", sortBy: { field, direction } });
      return rows.map(({ name }) => name);
    };
    expect(await sorted("name", "asc")).toEqual(["Ada", "Bob"]);
    expect(await sorted("name", "desc")).toEqual(["Bob", "Ada"]);
    expect(await sorted("email", "asc")).toEqual(["Bob", "Ada"]);
    const selected = await adapter.findMany({ model: "user", where, select: ["name", "email"] });
    expect(selected).toMatchObject([{ name: "Ada", email: user.email }]);
    expect(selected[0].createdAt).toBeUndefined();
    expect(selected[0].id).toBeUndefined();

    const update = { name: "Ada Lovelace", image: "a.png", updatedAt: at(8) };
    const renamed = await adapter.update({ model: "user", where, update });
    expect(renamed).toStrictEqual({ ...ada, ...update });
    const twice = adapter.create({ model: "user", data: user });
    await expect(twice).rejects.toMatchObject({ code: "UNIQUE_VIOLATION" });
    const extended = await adapter.updateMany({
      model: "session",
      where: [{ field: "userId", value: ada.id }],
      update: { userAgent: "another", updatedAt: at(9) },
    });
    expect(extended).toBe(1);
    const changed = [{ field: "userAgent", value: "another" }];
    expect(await adapter.count({ model: "session", where: changed })).toBe(1);
    expect(await adapter.consumeOne({ model: "session", where: byId(opened) })).toStrictEqual({
      ...opened,
      userAgent: "another",
      updatedAt: at(9),
    });
    await adapter.delete({ model: "user", where });
    expect(await adapter.count({ model: "account" }), "deleted with its user").toBe(0);
    expect(await adapter.findMany({ model: "user" })).toMatchObject([{ name: "Bob" }]);
  }

  test("models and fields may also be called what the database calls them", async () => {
    const { adapter } = await open({
      user: { modelName: "app_user", fields: { email: "email_address" } },
      session: { fields: { userId: "user_id" } },
    });
    const ada = await adapter.create({ model: "app_user", data: user });
    await adapter.create({ model: "session", data: { ...session, userId: ada.id } });
    const where = [{ field: "email_address", value: user.email }];
    expect(await adapter.findOne({ model: "app_user", where })).toStrictEqual(ada);
    const sortBy = { field: "email_address", direction: "asc" };
    expect(await adapter.findMany({ model: "app_user", sortBy })).toStrictEqual([ada]);
    const byUser = [{ field: "user_id", value: ada.id }];
    expect(await adapter.count({ model: "session", where: byUser })).toBe(1);
  });

  test("a model that nobody declared is an error that names it", async () => {
    const { adapter } = await open({});
    const message = 'Model "users" not found in schema';
    await expect(adapter.findOne({ model: "users", where: [] })).rejects.toMatchObject({ message });
    await expect(adapter.findOne({ model: "toString", where: [] })).rejects.toBeInstanceOf(Error);
  });

  describe("additional fields", () => {
    const steps = [];
    const shout = (text) => (typeof text === "string" ? text.toUpperCase() : text);
    const later = (transform) => async (value) => {
      await Promise.resolve();
      return transform(value);
    };
    let count = 0;
    const additionalFields = {
      role: { type: "string", required: false, defaultValue: "guest" },
      number: { type: "number", required: false, defaultValue: () => (count += 1) },
      enabled: { type: "boolean", required: true, defaultValue: true },
      seen: { type: "date", required: false, onUpdate: () => at(20) },
      touched: { type: "string", required: false, fieldName: "touched_by", onUpdate: () => "update" },
      slug: { type: "string", required: false, transform: { input: shout } },
      code: { type: "string", required: false, transform: { input: later(shout) } },
      masked: {
        type: "string",
        required: false,
        transform: { output: (text) => text && `<${text}>` },
      },
      late: {
        type: "string",
        required: false,
        transform: { output: later((text) => text && `(${text})`) },
      },
      both: {
        type: "string",
        required: false,
        defaultValue: "default",
        transform: {
          input: (value) => (steps.push(`input ${value}`), `${value}>stored`),
          output: (value) => (steps.push(`output ${value}`), `${value}>returned`),
        },
      },
      colour: { type: ["red", "green"], required: false },
    };
    const authOptions = {
      user: { additionalFields },
      session: { additionalFields: { note: { type: "string", transform: { output: shout } } } },
      plugins: [
        plugin({
          profile: {
            fields: {
              userId: { type: "string", references: { model: "user", field: "id" }, unique: true },
              bio: { type: "string", transform: { output: later(shout) } },
            },
          },
        }),
      ],
    };

    test("have defaults, for each row anew", async () => {
      const { adapter } = await open(authOptions);
      const create = (more) => adapter.create({ model: "user", data: { ...user, ...more } });
      const first = await create({ email: "1" });
      expect(first).toMatchObject({ role: "guest", enabled: true, seen: null, colour: null });
      const second = await create({ email: "2" });
      expect(second.number).toBe(first.number + 1);
      const given = await create({ email: "3", role: "admin", number: 7, enabled: false });
      expect(given).toMatchObject({ role: "admin", number: 7, enabled: false });
      const empty = await create({ email: "4", role: null, enabled: null, colour: "red" });
      expect(empty, "null counts as missing only where a value is required").toMatchObject({
        role: null,
        enabled: true,
        colour: "red",
      });
    });

    test("follow onUpdate unless the update sets them", async () => {
      const { adapter } = await open(authOptions);
      const ada = await adapter.create({ model: "user", data: user });
      expect(ada).toMatchObject({ seen: null, touched: null, updatedAt: user.updatedAt });
      const where = byId(ada);
      const updated = await adapter.update({ model: "user", where, update: { name: "A" } });
      expect(updated).toMatchObject({ seen: at(20), touched: "update" });
      expect(updated.updatedAt.getTime()).toBeGreaterThan(user.updatedAt.getTime());
      const update = { touched: "hand", seen: null };
      expect(await adapter.update({ model: "user", where, update })).toMatchObject(update);
      await adapter.updateMany({ model: "user", where, update: { name: "B" } });
      expect(await adapter.findOne({ model: "user", where })).toMatchObject({ touched: "update" });
      await adapter.update({ model: "user", where, update });
      const increment = { number: 1 };
      const added = await adapter.incrementOne({ model: "user", where, increment });
      expect(added, "adding alone is no update").toMatchObject(update);
      const set = await adapter.incrementOne({ model: "user", where, increment, set: { name: "C" } });
      expect(set).toMatchObject({ touched: "update", name: "C", number: added.number + 1 });
    });

    test("pass their transforms once, on every way in and out", async () => {
      const { adapter } = await open(authOptions);
      const data = { ...user, slug: "a", code: "b", masked: "c", late: "d" };
      const shown = { slug: "A", code: "B", masked: "<c>", late: "(d)" };
      steps.length = 0;
      const ada = await adapter.create({ model: "user", data });
      expect(ada).toMatchObject({ ...shown, both: "default>stored>returned" });
      expect(steps).toEqual(["input default", "output default>stored"]);

      const one = { model: "user", where: byId(ada) };
      expect(await adapter.findOne(one)).toMatchObject(shown);
      expect(await adapter.findMany(one)).toMatchObject([shown]);
      expect(await adapter.findOne({ ...one, select: ["late"] })).toStrictEqual({ late: "(d)" });
      const update = { slug: "x", code: "y", both: "new" };
      const changed = { slug: "X", code: "Y", both: "new>stored>returned" };
      expect(await adapter.update({ ...one, update })).toMatchObject(changed);
      await adapter.updateMany({ ...one, update: { slug: "z" } });
      const set = { code: "w" };
      expect(await adapter.incrementOne({ ...one, increment: {}, set })).toMatchObject({
        slug: "Z",
        code: "W",
      });

      await adapter.create({ model: "session", data: { ...session, userId: ada.id, note: "n" } });
      await adapter.create({ model: "profile", data: { userId: ada.id, bio: "bio" } });
      const joined = await adapter.findOne({ ...one, join: { session: true, profile: true } });
      expect(joined).toMatchObject({
        masked: "<c>",
        session: [{ note: "N" }],
        profile: { bio: "BIO" },
      });
      const up = { model: "profile", where: [{ field: "userId", value: ada.id }] };
      expect(await adapter.findOne({ ...up, join: { user: true } })).toMatchObject({
        bio: "BIO",
        user: { masked: "<c>", late: "(d)" },
      });
      expect(await adapter.consumeOne(up)).toMatchObject({ bio: "BIO" });
    });

    test("a transform that throws stores nothing", async () => {
      const thrown = new Error("not today");
      const fail = () => {
        throw thrown;
      };
      const slug = { type: "string", required: false, transform: { input: (text) => text && fail() } };
      const { adapter } = await open({ user: { additionalFields: { slug } } });
      const refused = adapter.create({ model: "user", data: { ...user, slug: "a" } });
      await expect(refused).rejects.toBe(thrown);
      expect(await adapter.count({ model: "user" })).toBe(0);
    });
  });

  test("tables of plugins, and what plugins add to Better Auth's own", async () => {
    const project = {
      modelName: "projects",
      fields: {
        title: { type: "string", fieldName: "project title" },
        ownerId: { type: "string", references: { model: "user", field: "id", onDelete: "cascade" } },
        parentId: { type: "string", required: false, references: { model: "project", field: "id" } },
      },
    };
    const { adapter } = await open({
      plugins: [
        plugin({
          project,
          user: { fields: { plan: { type: "string", defaultValue: "free" } } },
          elsewhere: { fields: { value: { type: "string" } }, disableMigration: true },
        }),
      ],
    });
    const ada = await adapter.create({ model: "user", data: user });
    expect(ada.plan).toBe("free");
    const data = { title: "Engine", ownerId: ada.id };
    const engine = await adapter.create({ model: "project", data });
    expect(engine).toStrictEqual({ ...data, parentId: null, id: engine.id });
    const part = { title: "Mill", ownerId: ada.id, parentId: engine.id };
    await adapter.create({ model: "project", data: part });
    const where = [{ field: "title", value: "Mill" }];
    expect(await adapter.findOne({ model: "project", where })).toMatchObject(part);
    const orphan = adapter.create({ model: "project", data: { ...data, ownerId: "nobody" } });
    await expect(orphan).rejects.toMatchObject({ code: "FOREIGN_KEY_VIOLATION" });
    const notMade = adapter.count({ model: "elsewhere" });
    await expect(notMade).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
    await adapter.delete({ model: "user", where: byId(ada) });
    expect(await adapter.count({ model: "project" })).toBe(0);
  });

  const uuid = "6f1f8c3e-3d43-4f4a-9c65-0b7a1a2b3c4d";
  describe.each([
    ["by default", undefined, /^[a-zA-Z0-9]{32}$/, "chosen"],
    ["uuid", "uuid", /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/, uuid],
    ["serial", "serial", /^[1-9][0-9]*$/, "4711"],
    ["made by the database", false, /^.{16,}$/, uuid],
    ["made by the application", ({ model }) => `${model}-${Math.random()}`, /^user-/, "chosen"],
  ])("ids, %s", (_, generateId, shape, chosen) => {
    const authOptions = {
      advanced: { database: { generateId } },
      user: { modelName: "people" },
      logger: { disabled: true },
      plugins: [
        plugin({
          thing: {
            fields: {
              userId: { type: "string", required: false, references: { model: "user", field: "id" } },
            },
          },
        }),
      ],
    };
    const create = (adapter, name, more) =>
      adapter.create({ model: "user", data: { ...user, name, email: name, ...more } });

    test("are texts, different ones, and rows are found by them", async () => {
      const { adapter } = await open(authOptions);
      const users = [];
      for (const name of ["a", "b", "c"]) users.push(await create(adapter, name));
      const ids = users.map(({ id }) => id);
      for (const id of ids) expect(id).toMatch(shape);
      expect(new Set(ids).size).toBe(3);

      for (const one of users) {
        expect(await adapter.findOne({ model: "user", where: byId(one) })).toStrictEqual(one);
      }
      const sortBy = { field: "name", direction: "asc" };
      const find = (operator, value) =>
        adapter.findMany({ model: "user", where: [{ field: "id", operator, value }], sortBy });
      expect(await find("in", [ids[0], ids[2]])).toEqual([users[0], users[2]]);
      expect(await find("not_in", [ids[0], ids[2]])).toEqual([users[1]]);
      expect(await find("ne", ids[1])).toEqual([users[0], users[2]]);
      const call = { model: "user", where: byId(users[0]), update: { name: "z" } };
      expect(await adapter.update(call)).toMatchObject({ id: ids[0], name: "z" });
    });

    test("are texts in references too", async () => {
      const { adapter } = await open(authOptions);
      const ada = await create(adapter, "a");
      const data = { ...session, userId: ada.id };
      const opened = await adapter.create({ model: "session", data });
      expect(opened).toStrictEqual({ ...data, id: opened.id });
      const where = [{ field: "userId", value: ada.id }];
      expect(await adapter.findMany({ model: "session", where })).toStrictEqual([opened]);
      expect(
        await adapter.findOne({ model: "user", where: byId(ada), join: { session: true } }),
      ).toStrictEqual({ ...ada, session: [opened] });
      expect(
        await adapter.findOne({ model: "session", where: byId(opened), join: { user: true } }),
      ).toStrictEqual({ ...opened, user: ada });
      const free = await adapter.create({ model: "thing", data: { userId: null } });
      expect(free.userId).toBeNull();
      const call = { model: "thing", where: byId(free), update: { userId: ada.id } };
      expect((await adapter.update(call)).userId).toBe(ada.id);
    });

    test("may be chosen where forceAllowId is set, and only there", async () => {
      const { adapter } = await open(authOptions);
      const forced = await adapter.create({
        model: "user",
        data: { ...user, id: chosen },
        forceAllowId: true,
      });
      expect(forced.id).toBe(chosen);
      expect(await adapter.findOne({ model: "user", where: byId(forced) })).toStrictEqual(forced);
      // Better Auth tells where that happened, on the console.
      const log = vi.spyOn(console, "log").mockImplementation(() => {});
      const ignored = await create(adapter, "b", { id: "0000" });
      log.mockRestore();
      expect(ignored.id).toMatch(shape);
      expect(ignored.id).not.toBe("0000");
    });
  });

  test("a chosen id that is no UUID is not stored where ids are UUIDs", async () => {
    const { adapter } = await open({ advanced: { database: { generateId: "uuid" } } });
    await adapter.create({ model: "user", data: user });
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const data = { ...user, email: "chosen", id: "chosen" };
    const made = adapter.create({ model: "user", data, forceAllowId: true });
    expect((await made.catch(() => null))?.id).not.toBe("chosen");
    warn.mockRestore();
    expect(await adapter.count({ model: "user", where: byId({ id: "chosen" }) })).toBe(0);
  });

  test("a reference is a text even if its transform returns another type", async () => {
    const userId = {
      type: "string",
      references: { model: "user", field: "id" },
      transform: { output: Number },
    };
    const { adapter } = await open({
      advanced: { database: { generateId: "serial" } },
      plugins: [plugin({ thing: { fields: { userId } } })],
    });
    const ada = await adapter.create({ model: "user", data: user });
    const thing = await adapter.create({ model: "thing", data: { userId: ada.id } });
    expect(thing.userId).toBe(ada.id);
  });

  test("ids made by the application learn the model's own name", async () => {
    const generateId = vi.fn(({ model }) => `${model}-1`);
    const { adapter } = await open({
      advanced: { database: { generateId } },
      user: { modelName: "people" },
    });
    expect((await adapter.create({ model: "people", data: user })).id).toBe("user-1");
    expect(generateId).toHaveBeenCalledExactlyOnceWith({ model: "user" });
  });

  test("serial ids are never given to another row", async () => {
    const { adapter } = await open({ advanced: { database: { generateId: "serial" } } });
    const create = async (email) =>
      Number((await adapter.create({ model: "user", data: { ...user, email } })).id);
    const first = await create("a");
    const last = await create("b");
    expect(last).toBeGreaterThan(first);
    await adapter.delete({ model: "user", where: byId({ id: String(last) }) });
    const next = await create("c");
    expect(next).toBeGreaterThan(last);
    await adapter.deleteMany({ model: "user", where: [] });
    expect(await create("d")).toBeGreaterThan(next);
  });

  test("serial ids are found by their numbers too, and nothing by other texts", async () => {
    const { adapter } = await open({ advanced: { database: { generateId: "serial" } } });
    const ada = await adapter.create({ model: "user", data: user });
    const find = (value, operator) =>
      adapter.findMany({ model: "user", where: [{ field: "id", operator, value }] });
    expect(await find(Number(ada.id))).toStrictEqual([ada]);
    expect(await find([Number(ada.id)], "in")).toStrictEqual([ada]);
    expect(await find("nobody")).toEqual([]);
    expect(await find(["nobody"], "in")).toEqual([]);
    expect(await find("1 OR 1=1")).toEqual([]);
  });
});

test("each letter and digit comes in ids as often as any other", async () => {
  const { adapter } = await openDatabase(everyEngineEitherWay[0][1], { authOptions: {} });
  const length = 2_000;
  await adapter.transaction(async (inside) => {
    for (let n = 0; n < length; n += 1) await inside.create({ model: "user", data: { ...user, email: `${n}` } });
  });
  const ids = (await adapter.findMany({ model: "user", limit: length })).map(({ id }) => id);
  expect(new Set(ids).size).toBe(length);
  const often = new Map();
  for (const character of ids.join("")) often.set(character, (often.get(character) ?? 0) + 1);
  expect(often.size).toBe(62);
  // Six standard deviations: by chance, once in several million runs.
  const mean = (length * 32) / 62;
  for (const [, times] of often) expect(Math.abs(times - mean)).toBeLessThan(6 * Math.sqrt(mean));
});
