// Joins: related rows in one query, as they are at one moment, each list with a limit of its own.

import { beforeAll, describe, expect, test } from "vitest";
import { everyEngineEitherWay, openDatabase, sharedDatabase } from "./support/database.js";

const moment = (second) => new Date(Date.UTC(2026, 10, 21, 8, 45, second));
const timestamps = { createdAt: moment(0), updatedAt: moment(0) };
const byId = ({ id }) => [{ field: "id", value: id }];
const userRef = { model: "user", field: "id", onDelete: "cascade" };

const authOptions = {
  user: { fields: { createdAt: "created" } },
  session: { modelName: "login", fields: { userId: "owner" } },
  plugins: [
    {
      id: "joins",
      schema: {
        profile: {
          fields: {
            userId: { type: "string", unique: true, references: userRef },
            bio: { type: "string" },
          },
        },
        badge: {
          fields: {
            userId: { type: "string", required: false, references: userRef },
            label: { type: "string", required: false },
            weight: { type: "number", required: false },
            shiny: { type: "boolean", required: false },
            given: { type: "date", required: false },
            details: { type: "json", required: false },
          },
        },
        letter: {
          fields: {
            senderId: { type: "string", references: userRef },
            receiverId: { type: "string", references: userRef },
          },
        },
        order: {
          fields: {
            email: { type: "string", references: { model: "user", field: "email" } },
            item: { type: "string" },
          },
        },
      },
    },
  ],
};

/** The rows an application might have: one user with much, one with little, one with nothing. */
async function populate(adapter) {
  const user = (name) =>
    adapter.create({
      model: "user",
      data: { name, email: `${name}@example.com`, emailVerified: true, ...timestamps },
    });
  const session = (userId, token) =>
    adapter.create({
      model: "session",
      data: { userId, token, expiresAt: moment(9), ...timestamps },
    });
  const account = (userId, accountId) =>
    adapter.create({
      model: "account",
      data: { userId, accountId, providerId: "credential", ...timestamps },
    });
  const many = async (count, make) => {
    const rows = [];
    for (let number = 0; number < count; number++) rows.push(await make(number));
    return rows;
  };
  const [ada, bob, eve] = [await user("ada"), await user("bob"), await user("eve")];
  return {
    ada,
    bob,
    eve,
    adasSessions: await many(7, (number) => session(ada.id, `ada ${number}`)),
    bobsSessions: [await session(bob.id, "bob")],
    adasAccounts: await many(5, (number) => account(ada.id, `ada ${number}`)),
    adasProfile: await adapter.create({ model: "profile", data: { userId: ada.id, bio: "Ada" } }),
  };
}

const sorted = (rows) => rows.toSorted((one, other) => (one.id < other.id ? -1 : 1));

describe.each(everyEngineEitherWay)("%s", (_, engine) => {
  const open = (authOptions) => openDatabase(engine, { authOptions });

  // Better Auth's option is for adapters that are not sure of their joins.
  describe.each([undefined, true, false])("with advanced.database.joins: %s", (joins) => {
    const database = sharedDatabase(engine, { ...authOptions, advanced: { database: { joins } } });
    let adapter;
    let rows;
    beforeAll(async () => {
      ({ adapter } = database);
      rows = await populate(adapter);
    });
    const findUser = (user, join, more) =>
      adapter.findOne({ model: "user", where: byId(user), join, ...more });

    test("a session with its user", async () => {
      const where = [{ field: "token", value: "bob" }];
      const found = await adapter.findOne({ model: "session", where, join: { user: true } });
      expect(found).toStrictEqual({ ...rows.bobsSessions[0], user: rows.bob });
    });

    test("a user with sessions and accounts, which do not multiply", async () => {
      const { session, account, ...user } = await findUser(rows.ada, { session: true, account: true });
      expect(user).toStrictEqual(rows.ada);
      expect(sorted(session)).toStrictEqual(sorted(rows.adasSessions));
      expect(sorted(account)).toStrictEqual(sorted(rows.adasAccounts));
    });

    test.each([
      [{ limit: 3 }, { limit: 2 }, 3, 2],
      [{ limit: 1 }, true, 1, 5],
      [true, { limit: 4 }, 7, 4],
      [{ limit: 100 }, { limit: 100 }, 7, 5],
      [{ limit: 0 }, { limit: 1 }, 0, 1],
      [{}, {}, 7, 5],
    ])("each list with its own limit: sessions %j, accounts %j", async (session, account, ...counts) => {
      const join = { session, account };
      const one = await findUser(rows.ada, join);
      const [same] = await adapter.findMany({ model: "user", where: byId(rows.ada), join });
      for (const found of [one, same]) {
        expect([found.session.length, found.account.length]).toEqual(counts);
        expect(rows.adasSessions).toEqual(expect.arrayContaining(found.session));
        expect(rows.adasAccounts).toEqual(expect.arrayContaining(found.account));
      }
    });

    test("one row, not a list, where the foreign key is unique", async () => {
      expect(await findUser(rows.ada, { profile: true })).toStrictEqual({
        ...rows.ada,
        profile: rows.adasProfile,
      });
      const where = byId(rows.adasProfile);
      const back = await adapter.findOne({ model: "profile", where, join: { user: true } });
      expect(back).toStrictEqual({ ...rows.adasProfile, user: rows.ada });
    });

    test("nothing to join is null or an empty list", async () => {
      expect(
        await findUser(rows.eve, { session: true, account: { limit: 2 }, profile: true }),
      ).toStrictEqual({ ...rows.eve, session: [], account: [], profile: null });
      const badge = await adapter.create({ model: "badge", data: { userId: null } });
      const where = byId(badge);
      const alone = await adapter.findOne({ model: "badge", where, join: { user: true } });
      expect(alone).toStrictEqual({ ...badge, user: null });
      expect(await findUser({ id: "nobody" }, { session: true })).toBeNull();
      const nobody = [{ field: "name", value: "nobody" }];
      const none = await adapter.findMany({ model: "user", where: nobody, join: { session: true } });
      expect(none).toEqual([]);
    });

    test("lists of users: limit, offset and sort count users, not joined rows", async () => {
      const page = async (more) => {
        const found = await adapter.findMany({
          model: "user",
          join: { session: { limit: 2 }, account: true, profile: true },
          sortBy: { field: "name", direction: "desc" },
          ...more,
        });
        return found.map(({ name, session, account, profile }) => [
          name,
          session.length,
          account.length,
          profile?.bio ?? null,
        ]);
      };
      const [eve, bob, ada] = [["eve", 0, 0, null], ["bob", 1, 0, null], ["ada", 2, 5, "Ada"]];
      expect(await page()).toEqual([eve, bob, ada]);
      expect(await page({ limit: 2 })).toEqual([eve, bob]);
      expect(await page({ limit: 2, offset: 1 })).toEqual([bob, ada]);
      expect(await page({ sortBy: { field: "name", direction: "asc" }, limit: 1 })).toEqual([ada]);
    });

    test("the filter and the sort mean the searched table, whatever the joined one has", async () => {
      const found = await adapter.findMany({
        model: "session",
        where: [
          { field: "createdAt", value: moment(0) },
          { field: "userId", value: rows.ada.id },
          { field: "id", operator: "ne", value: rows.adasSessions[0].id },
        ],
        join: { user: true },
        sortBy: { field: "id", direction: "asc" },
      });
      const expected = sorted(rows.adasSessions.slice(1));
      expect(found).toStrictEqual(expected.map((session) => ({ ...session, user: rows.ada })));
    });

    test("a selection narrows the searched table only, and keeps what the join goes by", async () => {
      expect(await findUser(rows.ada, { profile: true }, { select: ["name"] })).toStrictEqual({
        name: "ada",
        id: rows.ada.id,
        profile: rows.adasProfile,
      });
      const where = [{ field: "token", value: "bob" }];
      const call = { model: "session", where, join: { user: true }, select: ["token"] };
      const expected = { token: "bob", userId: rows.bob.id, user: rows.bob };
      expect(await adapter.findOne(call)).toStrictEqual(expected);
      expect(await adapter.findMany(call)).toMatchObject([expected]);
    });

    test("a join that is switched off is none", async () => {
      const join = { session: false, account: undefined, profile: true };
      const found = await findUser(rows.ada, join);
      expect(found).toStrictEqual({ ...rows.ada, profile: rows.adasProfile });
      expect(await findUser(rows.ada, {})).toStrictEqual(rows.ada);
    });

    test("a join may be asked for by the name of the table, and is returned under it", async () => {
      const found = await findUser(rows.bob, { login: true });
      expect(found).toStrictEqual({ ...rows.bob, login: rows.bobsSessions });
      const same = await findUser(rows.bob, { session: true });
      expect(same).toStrictEqual({ ...rows.bob, session: rows.bobsSessions });
    });

    test("nothing is guessed where no foreign key, or more than one, connects two models", async () => {
      const join = (name) => findUser(rows.ada, { [name]: true });
      await expect(join("verification")).rejects.toThrow("No foreign key found for model verification");
      await expect(join("letter")).rejects.toThrow("Multiple foreign keys found for model letter");
      await expect(join("nothing")).rejects.toThrow('Model "nothing" not found in schema');
    });

    test("a foreign key to another field than the id", async () => {
      const order = await adapter.create({
        model: "order",
        data: { email: rows.bob.email, item: "book" },
      });
      expect((await findUser(rows.bob, { order: true })).order).toStrictEqual([order]);
      const back = { model: "order", where: byId(order), join: { user: true } };
      expect((await adapter.findOne(back)).user).toStrictEqual([rows.bob]);
    });
  });

  test("joined rows keep their values apart, whatever they hold", async () => {
    const { adapter } = await open(authOptions);
    const { ada } = await populate(adapter);
    const values = (number) => ({
      label: [null, "", engine.withoutNul ? "a" : "a\0b", `"quoted" ' \\ ${number}`, "ä😀[{", "null"][number % 6],
      weight: [null, number, -number - 0.5, 0.1 + 0.2, 1 / 3][number % 5],
      shiny: [true, false, null][number % 3],
      given: number % 2 ? moment(number % 60) : null,
      details: number % 4 ? { number, at: "2026-01-01T00:00:00.000Z", list: [null, [number]] } : null,
    });
    const badges = [];
    for (let number = 0; number < 60; number++) {
      const data = { userId: ada.id, ...values(number) };
      badges.push(await adapter.create({ model: "badge", data }));
    }
    const joined = await adapter.findOne({ model: "user", where: byId(ada), join: { badge: true } });
    expect(sorted(joined.badge)).toStrictEqual(sorted(badges));
    for (const badge of badges) {
      const call = { model: "badge", where: byId(badge), join: { user: true } };
      expect(await adapter.findOne(call)).toStrictEqual({ ...badge, user: ada });
    }
  });

  test.each([
    ["100", undefined, 100],
    ["defaultFindManyLimit", 3, 3],
  ])("a list without a limit of its own has %s rows at most", async (_, limit, most) => {
    const advanced = { database: { defaultFindManyLimit: limit } };
    const { adapter } = await open({ ...authOptions, advanced });
    const { eve } = await populate(adapter);
    for (let number = 0; number < 103; number++) {
      await adapter.create({ model: "badge", data: { userId: eve.id, weight: number } });
    }
    const find = (join) => adapter.findOne({ model: "user", where: byId(eve), join });
    expect((await find({ badge: true })).badge).toHaveLength(most);
    expect((await find({ badge: { limit: 102 } })).badge).toHaveLength(102);
  });

  test("a joined read sees one moment, never half of a transaction", async () => {
    const { adapter } = await open(authOptions);
    const { bob } = await populate(adapter);
    const data = { userId: bob.id, accountId: "bob", providerId: "credential", ...timestamps };
    await adapter.create({ model: "account", data: { ...data, scope: "0" } });
    const ofBob = [{ field: "userId", value: bob.id }];
    await adapter.updateMany({ model: "session", where: ofBob, update: { userAgent: "0" } });

    const write = (round) =>
      adapter.transaction(async (trx) => {
        await trx.updateMany({ model: "session", where: ofBob, update: { userAgent: `${round}` } });
        await trx.updateMany({ model: "account", where: ofBob, update: { scope: `${round}` } });
      });
    /** Starts the later the greater `delay`, so that some reads meet the commit. */
    const read = async (delay) => {
      for (let turn = 0; turn < delay; turn++) await undefined;
      const join = { session: true, account: true };
      const user = await adapter.findOne({ model: "user", where: byId(bob), join });
      expect(user.session[0].userAgent).toBe(user.account[0].scope);
    };
    const delays = Array.from({ length: 30 }, (_, delay) => delay);
    for (let round = 1; round <= 20; round++) {
      await Promise.all([write(round), ...delays.map(read)]);
    }
  });

  test("inside a transaction a join sees what the transaction wrote", async () => {
    const { adapter } = await open(authOptions);
    await adapter.transaction(async (trx) => {
      const { ada, adasSessions } = await populate(trx);
      const found = await trx.findOne({ model: "user", where: byId(ada), join: { session: true } });
      expect(sorted(found.session)).toStrictEqual(sorted(adasSessions));
    });
  });
});
