// What is in the tables, and what should not be there.

import { admin, twoFactor } from "better-auth/plugins";
import { describe, expect, test } from "vitest";
import { nativeAdapter, password } from "../index.js";
import { everyEngine, openDatabase } from "./support/database.js";
import { user } from "./support/rows.js";

/** @typedef {import("better-auth").BetterAuthOptions} BetterAuthOptions */

const hex = (/** @type {number} */ length) => "0123456789abcdef".repeat(length / 16);

const betterAuth = `${hex(32)}:${hex(128)}`;

/** What is a hash of which form; those of `malformed` are nearly one. */
const hashes = {
  betterAuth: [betterAuth],
  scrypt: ["$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E"],
  bcrypt: ["$2b$12$EXRkfkdmXn2gzds2SSitu.MW9.gAVqa9eLS1//RYtYCmB1eLHg.9q"],
  argon2: [
    "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaaJObG",
    "$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub",
  ],
  malformed: [
    betterAuth.toUpperCase(),
    betterAuth.slice(1),
    `${betterAuth}0`,
    `${betterAuth}\n`,
    ` ${betterAuth}`,
    betterAuth.replace(":", "$"),
    "a password as it was typed",
    "$2b$12$tooShort",
    "$scrypt$N=1$salt$key",
    "$argon2x$v=19$m=1,t=1,p=1$c2FsdA$a2V5",
    "x$2b$12$EXRkfkdmXn2gzds2SSitu.MW9.gAVqa9eLS1//RYtYCmB1eLHg.9q",
  ],
  withoutPassword: [null, ""],
};

const inviter = { type: /** @type {const} */ ("string"), required: false, index: true };

/** @type {[string, BetterAuthOptions, object][]} */
const shapes = [
  ["as they are", {}, {}],
  [
    "renamed and plural",
    {
      user: { modelName: "member", fields: { email: "mail", emailVerified: "mail verified" } },
      account: { fields: { password: "pass word", providerId: "provider" } },
      session: { modelName: "login", fields: { expiresAt: "until" } },
      verification: { fields: { expiresAt: "until" } },
    },
    { usePlural: true },
  ],
];

describe.each(everyEngine)("%s", (_, engine) => {
  test.each(shapes)("tables %s: everything is counted, and nothing is told", async (_, names, options) => {
    const plugins = [admin(), twoFactor()];
    const authOptions = { ...names, plugins, user: { ...names.user, additionalFields: { inviter } } };
    const { database, adapter } = await openDatabase(engine, { options, authOptions });
    expect(await database.diagnose(authOptions)).toEqual({
      users: { total: 0, verified: 0, banned: 0, twoFactor: 0, sameEmailInOtherCase: 0 },
      accounts: { total: 0, byProvider: {} },
      credentials: { total: 0, withoutPassword: 0, betterAuth: 0, scrypt: 0, bcrypt: 0, argon2: 0, malformed: 0 },
      sessions: { active: 0, expired: 0 },
      verifications: { pending: 0, expired: 0 },
      orphans: expect.arrayContaining([expect.objectContaining({ column: expect.any(String), rows: 0 })]),
    });

    const create = (/** @type {string} */ model, /** @type {object} */ data) => adapter.create({ model, data });
    const ada = await create("user", { ...user("ada"), emailVerified: true, banned: true, inviter: "nobody" });
    await create("user", { ...user("bob"), twoFactorEnabled: true, inviter: ada.id });
    for (const email of ["Eve@example.com", "eve@Example.com"]) await create("user", { ...user("eve"), email });
    const now = Date.now();
    const moments = { createdAt: new Date(now), updatedAt: new Date(now) };
    let number = 0;
    const account = (/** @type {string} */ providerId, /** @type {string | null} */ hash) =>
      create("account", { userId: ada.id, providerId, accountId: `${(number += 1)}`, password: hash, ...moments });
    for (const hash of Object.values(hashes).flat()) await account("credential", hash);
    await account("credential", await password.hash("secret"));
    for (let round = 0; round < 3; round += 1) await account("github", null);
    for (const [index, offset] of [-1_000, -60_000, 60_000].entries()) {
      const expiresAt = new Date(now + offset);
      await create("session", { userId: ada.id, token: `token ${index}`, expiresAt, ...moments });
      await create("verification", { identifier: `${index}`, value: "a secret", expiresAt, ...moments });
    }

    // Now the field refers to users; in the database it does not, so it may refer to none.
    const references = { model: "user", field: "id", onDelete: /** @type {const} */ ("set null") };
    const refers = { ...authOptions, user: { ...names.user, additionalFields: { inviter: { ...inviter, references } } } };
    const diagnosis = await database.diagnose(refers);
    const counts = Object.fromEntries(Object.entries(hashes).map(([form, list]) => [form, list.length]));
    const total = Object.values(hashes).flat().length + 1;
    expect(diagnosis).toMatchObject({
      users: { total: 4, verified: 1, banned: 1, twoFactor: 1, sameEmailInOtherCase: 2 },
      accounts: { total: total + 3, byProvider: { credential: total, github: 3 } },
      credentials: { ...counts, total, betterAuth: 2 },
      sessions: { active: 1, expired: 2 },
      verifications: { pending: 1, expired: 2 },
    });
    const orphans = diagnosis.orphans.filter(({ rows }) => rows !== 0);
    expect(orphans).toEqual([expect.objectContaining({ column: "inviter", rows: 1 })]);
    const told = JSON.stringify(diagnosis);
    for (const secret of ["example.com", hex(32), "token", "a secret", "$2b$", "ada"]) expect(told).not.toContain(secret);
  });

  test("what is not there is null, and no error", async () => {
    const { url, drop } = await engine.create();
    const database = nativeAdapter(url);
    const nothing = { users: null, accounts: null, credentials: null, sessions: null, verifications: null, orphans: [] };
    expect(await database.diagnose({})).toEqual(nothing);
    expect(await database.statistics({})).toMatchObject({ tables: [], indexes: [], missingIndexes: [] });
    expect(await database.analyze({})).toEqual({ tables: [] });
    await database.migrate({});
    const { users, orphans } = await database.diagnose({});
    expect(users).toEqual({ total: 0, verified: 0, sameEmailInOtherCase: 0 });
    expect(orphans.map(({ table, references }) => [table, references])).toEqual([["session", "user"], ["account", "user"]]);
    await database.close();
    await expect(database.diagnose({})).rejects.toMatchObject({ code: "CLOSED" });
    await drop();
  });
});
