// What Better Auth does by itself, on this package.

import { betterAuth } from "better-auth";
import { afterEach, describe, expect, test, vi } from "vitest";
import { basics } from "./support/basics.js";
import { browser } from "./support/browser.js";
import { everyEngine, openApplication } from "./support/database.js";
import { credentials } from "./support/rows.js";
import { signIn, signUp } from "./support/visitors.js";

afterEach(() => vi.useRealTimers());

/** @param {string} field @param {any} value */
const by = (field, value) => [{ field, value }];

describe.each(everyEngine)("%s", (_, engine) => {
  describe("rate limits in the database", () => {
    const rateLimit = { enabled: true, storage: /** @type {const} */ ("database"), window: 60, max: 3 };

    test("refuse the request after the last allowed, and allow again when the window is over", async () => {
      vi.useFakeTimers({ toFake: ["Date"] });
      const { auth, database } = await openApplication(engine, { rateLimit });
      const statuses = async (/** @type {number} */ requests) => {
        const seen = [];
        for (let n = 0; n < requests; n += 1) seen.push((await browser(auth).get("/get-session")).status);
        return seen;
      };
      expect(await statuses(5)).toEqual([200, 200, 200, 429, 429]);
      // Another process that shares the database.
      const twin = betterAuth({ ...basics, rateLimit, database });
      expect((await browser(twin).get("/get-session")).status).toBe(429);
      vi.setSystemTime(Date.now() + 61_000);
      expect(await statuses(4)).toEqual([200, 200, 200, 429]);
    });

    test("count requests that come at once", async () => {
      const { auth } = await openApplication(engine, { rateLimit });
      const requests = Array.from({ length: 20 }, () => browser(auth).get("/get-session"));
      const statuses = (await Promise.all(requests)).map(({ status }) => status);
      expect(statuses.filter((status) => status === 200)).toHaveLength(3);
    });
  });

  describe("hooks around writes", () => {
    test("change what is stored, and see what was", async () => {
      /** @type {any[]} */
      const seen = [];
      const { auth, adapter } = await openApplication(engine, {
        user: { deleteUser: { enabled: true } },
        databaseHooks: {
          user: {
            create: {
              before: async (user) => ({ data: { ...user, name: user.name.toUpperCase() } }),
              after: async ({ name }) => void seen.push(["created", name]),
            },
            update: {
              before: async (user) => ({ data: { ...user, image: `https://example.com/${user.name}` } }),
              after: async ({ name, image }) => void seen.push(["updated", name, image]),
            },
            delete: {
              before: async ({ name }) => void seen.push(["deleting", name]),
              after: async ({ name }) => void seen.push(["deleted", name]),
            },
          },
        },
      });
      const ada = await signUp(auth, "ada");
      await ada.post("/update-user", { name: "Ada" });
      expect(await adapter.findMany({ model: "user" })).toMatchObject([{ name: "Ada", image: "https://example.com/Ada" }]);
      await ada.post("/delete-user", { password: credentials("ada").password });
      expect(seen).toEqual([
        ["created", "ADA"],
        ["updated", "Ada", "https://example.com/Ada"],
        ["deleting", "Ada"],
        ["deleted", "Ada"],
      ]);
    });

    test("can veto, and then nothing is stored", async () => {
      const { auth, adapter } = await openApplication(engine, {
        user: { deleteUser: { enabled: true } },
        databaseHooks: {
          user: {
            create: { before: async ({ name }) => name !== "eve" },
            update: { before: async ({ name }) => name !== "eve" },
            delete: { before: async () => false },
          },
        },
      });
      expect((await browser(auth).post("/sign-up/email", credentials("eve"))).status).not.toBe(200);
      expect(await adapter.count({ model: "user" })).toBe(0);
      const ada = await signUp(auth, "ada");
      await ada.post("/update-user", { name: "eve" });
      await ada.post("/delete-user", { password: credentials("ada").password });
      expect(await adapter.findMany({ model: "user" })).toMatchObject([{ name: "ada" }]);
    });
  });

  describe("users", () => {
    test("have additional fields, which they change where they may", async () => {
      const { auth, adapter } = await openApplication(engine, {
        user: {
          additionalFields: {
            nickname: { type: "string", required: false },
            points: { type: "number", defaultValue: 7, input: false },
            languages: { type: "string[]", required: false },
            secret: { type: "string", required: false, returned: false },
          },
        },
      });
      const ada = await signUp(auth, "ada", { nickname: "countess", languages: ["en", "fr"], secret: "kept" });
      expect(await ada.user()).toMatchObject({ nickname: "countess", points: 7, languages: ["en", "fr"] });
      expect((await ada.post("/update-user", { points: 8 })).status).toBe(400);
      await ada.post("/update-user", { nickname: null, languages: ["la"] });
      const user = await ada.user();
      expect(user).toMatchObject({ nickname: null, points: 7, languages: ["la"] });
      expect(user).not.toHaveProperty("secret");
      expect(await adapter.findMany({ model: "user" })).toMatchObject([{ secret: "kept" }]);
    });

    test("go with their sessions and accounts", async () => {
      const { auth, adapter } = await openApplication(engine, { user: { deleteUser: { enabled: true } } });
      const ada = await signUp(auth, "ada");
      const elsewhere = await signIn(auth, "ada");
      await signUp(auth, "grace");
      await ada.post("/delete-user", { password: credentials("ada").password });
      expect(await elsewhere.user()).toBe(null);
      for (const model of ["user", "session", "account"]) expect(await adapter.count({ model })).toBe(1);
    });

    test("sign in once their address is verified, where that is required", async () => {
      /** @type {string[]} */
      const sent = [];
      const { auth, adapter } = await openApplication(engine, {
        emailAndPassword: { ...basics.emailAndPassword, requireEmailVerification: true },
        emailVerification: { sendOnSignUp: true, sendVerificationEmail: async ({ token }) => void sent.push(token) },
      });
      const ada = await signUp(auth, "ada");
      await signUp(auth, "grace");
      expect(await ada.user()).toBe(null);
      expect((await signIn(auth, "ada")).status).toBe(403);
      expect((await ada.get(`/verify-email?token=${sent[0]}x`)).status).toBe(401);
      expect(await adapter.count({ model: "user", where: by("emailVerified", true) })).toBe(0);
      expect((await ada.get(`/verify-email?token=${sent[0]}`)).status).toBe(200);
      expect(await adapter.findMany({ model: "user", where: by("emailVerified", true) })).toMatchObject([{ name: "ada" }]);
      expect([(await signIn(auth, "ada")).status, (await signIn(auth, "grace")).status]).toEqual([200, 403]);
    });

    test("set a new password by a link that works once, and are signed out elsewhere", async () => {
      /** @type {string[]} */
      const sent = [];
      const { auth } = await openApplication(engine, {
        emailAndPassword: {
          ...basics.emailAndPassword,
          revokeSessionsOnPasswordReset: true,
          sendResetPassword: async ({ token }) => void sent.push(token),
        },
      });
      const ada = await signUp(auth, "ada");
      await browser(auth).post("/request-password-reset", { email: credentials("ada").email });
      const reset = () => browser(auth).post("/reset-password", { newPassword: "another password", token: sent[0] });
      expect([(await reset()).status, (await reset()).status]).toEqual([200, 400]);
      expect(await ada.user()).toBe(null);
      expect((await signIn(auth, "ada")).status).toBe(401);
    });

    test("are as many as defaultFindManyLimit says, where nobody says how many", async () => {
      const { auth, adapter } = await openApplication(engine, { advanced: { database: { defaultFindManyLimit: 3 } } });
      for (let n = 0; n < 5; n += 1) await signUp(auth, `${n}`);
      expect(await adapter.findMany({ model: "user" })).toHaveLength(3);
      expect(await adapter.findMany({ model: "user", limit: 4 })).toHaveLength(4);
    });
  });

  describe("sessions", () => {
    const session = { expiresIn: 1_000, updateAge: 100 };
    const pass = (/** @type {number} */ seconds) => vi.setSystemTime(Date.now() + seconds * 1_000);

    test("are extended by use once they are of an age, and otherwise end", async () => {
      vi.useFakeTimers({ toFake: ["Date"] });
      const { auth, adapter } = await openApplication(engine, { session });
      const ada = await signUp(auth, "ada");
      const expiry = async () => (await adapter.findOne({ model: "session", where: by("userId", ada.id) }))?.expiresAt.getTime();
      const first = await expiry();
      pass(99);
      await ada.user();
      expect(await expiry()).toBe(first);
      pass(2);
      await ada.user();
      expect(await expiry()).toBe(Date.now() + 1_000_000);
      pass(1_001);
      expect(await ada.user()).toBe(null);
      expect(await expiry()).toBe(undefined);
    });

    test("are read from a cookie for a while, and from the database when asked to", async () => {
      vi.useFakeTimers({ toFake: ["Date"] });
      const { auth, adapter } = await openApplication(engine, {
        session: { ...session, cookieCache: { enabled: true, maxAge: 60 } },
      });
      const ada = await signUp(auth, "ada");
      await adapter.deleteMany({ model: "session", where: [] });
      expect(await ada.user()).toMatchObject({ name: "ada" });
      expect((await ada.get("/get-session?disableCookieCache=true")).data).toBe(null);

      const grace = await signUp(auth, "grace");
      await adapter.deleteMany({ model: "session", where: [] });
      pass(61);
      expect(await grace.user()).toBe(null);
    });

    test("are listed, and end one by one or all at once", async () => {
      const { auth, adapter } = await openApplication(engine);
      const ada = await signUp(auth, "ada");
      const [second, third] = [await signIn(auth, "ada"), await signIn(auth, "ada")];
      expect((await ada.get("/list-sessions")).data).toHaveLength(3);
      await ada.post("/revoke-session", { token: second.data.token });
      expect([await second.user(), (await third.user())?.name]).toEqual([null, "ada"]);
      await ada.post("/revoke-other-sessions");
      expect([await third.user(), (await ada.user())?.name]).toEqual([null, "ada"]);
      await ada.post("/sign-out");
      expect(await adapter.count({ model: "session" })).toBe(0);
    });
  });

  describe("accounts of a provider", () => {
    /** A provider that believes everybody. @param {object} [account] options */
    const withProvider = (account) => ({
      account,
      socialProviders: {
        google: {
          clientId: "client",
          clientSecret: "secret",
          verifyIdToken: async () => true,
          getUserInfo: async (/** @type {any} */ { idToken }) => {
            const { email, name } = credentials(idToken);
            return { user: { name, email, emailVerified: true }, data: { sub: `google ${name}` } };
          },
        },
      },
    });
    /** @param {any} auth @param {string} accessToken */
    const enter = async (auth, accessToken) => {
      const visitor = browser(auth);
      const idToken = { token: "ada", accessToken };
      const { status, data } = await visitor.post("/sign-in/social", { provider: "google", idToken });
      return Object.assign(visitor, { status, data });
    };

    test("keep their tokens encrypted, and give them back", async () => {
      const { auth, adapter } = await openApplication(engine, withProvider({ encryptOAuthTokens: true }));
      const ada = await enter(auth, "the first token");
      const [account] = await adapter.findMany({ model: "account" });
      expect(account).toMatchObject({ providerId: "google", accountId: "google ada" });
      expect(JSON.stringify(account)).not.toContain("the first token");
      const { data } = await ada.post("/get-access-token", { accountId: account.id });
      expect(data.accessToken).toBe("the first token");
    });

    test.each([[true, "the second token"], [false, "the first token"]])(
      "with updateAccountOnSignIn %s have %s after another sign-in",
      async (updateAccountOnSignIn, expected) => {
        const { auth, adapter } = await openApplication(engine, withProvider({ updateAccountOnSignIn }));
        await enter(auth, "the first token");
        await enter(auth, "the second token");
        expect(await adapter.findMany({ model: "account" })).toMatchObject([{ accessToken: expected }]);
      },
    );

    test.each([[true, 2], [false, 1]])("with accountLinking %s make %i accounts of one user", async (enabled, accounts) => {
      const { auth, adapter } = await openApplication(
        engine,
        withProvider({ accountLinking: { enabled, trustedProviders: ["google"], requireLocalEmailVerified: false } }),
      );
      await signUp(auth, "ada");
      await enter(auth, "a token");
      expect(await adapter.count({ model: "user" })).toBe(1);
      expect(await adapter.count({ model: "account" })).toBe(accounts);
    });
  });
});
