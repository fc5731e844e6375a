// Secondary storage: what Better Auth asks of one, on memory, Redis and a Redis cluster; and what
// each of them promises by itself.

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { apiKey } from "@better-auth/api-key";
import { betterAuth } from "better-auth";
import { createAuthEndpoint } from "better-auth/api";
import { runWithTransaction } from "@better-auth/core/context";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { NativeAdapterError, memoryStorage, nativeAdapter, redisStorage } from "../index.js";
import { password } from "./servers/accounts.js";
import { makeCertificates, redis, startProxy } from "./servers/index.js";
import { freePort } from "./servers/port.js";
import { remove } from "./servers/temporary.js";
import { basics } from "./support/basics.js";
import { browser } from "./support/browser.js";
import { inProcess, inThread } from "./support/elsewhere/index.js";
import { examples, printed, promised } from "./support/guide.js";
import { credentials } from "./support/rows.js";
import { eventually, everyStorage, forThisTest, openRedis, startCluster } from "./support/storages.js";
import { signIn, signUp } from "./support/visitors.js";

const cluster = startCluster();

/** @param {number} length @param {(n: number) => any} make */
const times = (length, make) => Array.from({ length }, (_, n) => make(n));

/** @param {Promise<unknown>} promise @returns {Promise<any>} */
async function rejection(promise) {
  const error = await promise.then(
    (value) => expect.fail(`resolved to ${value}`),
    (reason) => reason,
  );
  expect(error, error.stack).toBeInstanceOf(NativeAdapterError);
  return error;
}

/** All that an error shows. @param {any} error */
const shown = (error) => `${error.message} ${error.cause?.message} ${error.stack} ${JSON.stringify(error)}`;

const expected = (/** @type {string} */ code, retryable = false) =>
  expect.objectContaining({ code, retryable });

describe.each(everyStorage)("%s", (_, open) => {
  test("gives what was set, until it is set again or deleted", async () => {
    const storage = open();
    expect(await storage.get("key")).toBeNull();
    expect(await storage.set("key", "one")).toBeUndefined();
    expect(await storage.get("key")).toBe("one");
    await storage.set("key", "two");
    expect(await storage.get("key")).toBe("two");
    expect(await storage.delete("key")).toBeUndefined();
    expect(await storage.get("key")).toBeNull();
    await storage.delete("key");
  });

  test.each([
    ["empty", ""],
    ["more than ASCII", "Ångström 한글 👩🏽‍🚀"],
    ["NUL and line ends", "\0before\r\nafter\0"],
    ["JSON", JSON.stringify({ session: { token: "t" }, user: { name: "Ada \"A.\" \\ Lovelace" } })],
    ["1 MiB", "x".repeat(2 ** 20)],
  ])("keeps keys and values as they are: %s", async (__, text) => {
    const storage = open();
    await storage.set(text.slice(0, 1000), text);
    expect(await storage.get(text.slice(0, 1000))).toBe(text);
    expect(await storage.get(`${text.slice(0, 1000)} `)).toBeNull();
  });

  test("its functions work detached", async () => {
    const { get, set, delete: remove, getAndDelete, increment, activeSessions, stats, close } = open();
    await set("key", "value", 60);
    expect(await get("key")).toBe("value");
    expect(await getAndDelete("key")).toBe("value");
    await remove("key");
    expect(await increment("key", 60)).toBe(1);
    expect(await activeSessions("nobody")).toEqual([]);
    expect(stats()).toEqual(expect.any(Object));
    await close();
  });

  describe("time to live", () => {
    test("ends an entry", async () => {
      const storage = open();
      await storage.set("key", "value", 0.05);
      await storage.set("other", "value", 1000);
      await eventually(async () => expect(await storage.get("key")).toBeNull());
      expect(await storage.get("other")).toBe("value");
    });

    test("ends an entry for getAndDelete too", async () => {
      const storage = open();
      await storage.set("key", "value", 0.02);
      await eventually(async () => expect(await storage.get("key")).toBeNull());
      await storage.set("other", "value", 0.02);
      const end = performance.now() + 30;
      await eventually(() => expect(performance.now()).toBeGreaterThan(end));
      expect(await storage.getAndDelete("other")).toBeNull();
    });

    test.each([0, -0, -1, -0.5, Number.NEGATIVE_INFINITY])("of %d is over at once, and never for ever", async (ttl) => {
      const storage = open();
      await storage.set("key", "value", ttl);
      expect(await storage.get("key")).toBeNull();
      await storage.set("key", "value");
      await storage.set("key", "other", ttl);
      expect(await storage.get("key")).toBeNull();
      // A counter that is there is counted on; one that is not does not begin.
      expect(await storage.increment("counter", ttl)).toBe(1);
      expect(await storage.get("counter")).toBeNull();
      await storage.increment("counter", 60);
      expect(await storage.increment("counter", ttl)).toBe(2);
      expect(await storage.get("counter")).toBe("2");
    });

    test.each([0.0001, 1.5, 2 ** 31, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE, Number.POSITIVE_INFINITY])(
      "of %d is one",
      async (ttl) => {
        const storage = open();
        await storage.set("key", "value", ttl);
        expect(await storage.increment("counter", ttl)).toBe(1);
        if (ttl < 1) return;
        expect(await storage.get("key")).toBe("value");
        expect(await storage.increment("counter", ttl)).toBe(2);
      },
    );

    test("is replaced with the value", async () => {
      const storage = open();
      await storage.set("kept", "value", 0.05);
      await storage.set("kept", "value");
      await storage.set("longer", "value", 0.05);
      await storage.set("longer", "value", 1000);
      await storage.set("ended", "value", 0.05);
      await eventually(async () => expect(await storage.get("ended")).toBeNull());
      expect([await storage.get("kept"), await storage.get("longer")]).toEqual(["value", "value"]);
    });

    test("of a counter is that of its beginning", async () => {
      const storage = open();
      expect(await storage.increment("counter", 0.1)).toBe(1);
      const seen = [];
      await eventually(async () => {
        seen.push(await storage.increment("counter", 1000));
        expect(seen.at(-1)).toBe(1);
      });
      expect(seen).toEqual([...times(seen.length - 1, (n) => n + 2), 1]);
    });
  });

  test("counts, and gives once, in one step each", async () => {
    const storage = open();
    const counts = await Promise.all(times(200, () => storage.increment("counter", 60)));
    expect(counts.toSorted((one, other) => one - other)).toEqual(times(200, (n) => n + 1));
    expect(await storage.get("counter")).toBe("200");

    await storage.set("token", "secret", 60);
    const given = await Promise.all(times(50, () => storage.getAndDelete("token")));
    expect(given.filter((value) => value !== null)).toEqual(["secret"]);
    expect(await storage.get("token")).toBeNull();
  });

  test("counts on from a number that was set, and refuses what is none", async () => {
    const storage = open();
    await storage.set("counter", "41");
    expect(await storage.increment("counter", 0.01)).toBe(42);
    for (const value of ["text", "1.5", "", "9223372036854775807"]) {
      await storage.set("counter", value);
      expect(await rejection(storage.increment("counter", 60))).toEqual(expected("INVALID_INPUT"));
      expect(await storage.get("counter")).toBe(value);
    }
  });

  test("refuses arguments that it would have to guess about, and quotes none", async () => {
    const storage = open();
    const refused = [
      storage.get(undefined),
      storage.get(7),
      storage.set("key", { session: "s3cret" }),
      storage.set("key", undefined),
      storage.set("key", null),
      storage.set(null, "s3cret"),
      storage.set("s3cret", "s3cret", Number.NaN),
      storage.set("s3cret", "s3cret", "60"),
      storage.set("s3cret", "s3cret", null),
      storage.increment("s3cret"),
      storage.increment("s3cret", Number.NaN),
      storage.delete(),
      storage.getAndDelete({}),
      storage.activeSessions(),
    ];
    for (const refusal of refused) {
      const error = await rejection(refusal);
      expect(error).toEqual(expected("INVALID_INPUT"));
      expect(shown(error)).not.toContain("s3cret");
    }
    expect(await storage.get("key")).toBeNull();
    expect(await storage.get("s3cret")).toBeNull();
  });

  test("close() answers what was called before, and refuses what is called after", async () => {
    const storage = open();
    const before = Promise.all(times(50, (n) => storage.increment(`counter ${n % 5}`, 60)));
    const closing = storage.close();
    const after = [storage.get("key"), storage.set("key", "value"), storage.increment("key", 1)];
    // All at once: none may be rejected before somebody listens.
    for (const refused of await Promise.all(after.map(rejection))) expect(refused).toEqual(expected("CLOSED"));
    expect(await before).toHaveLength(50);
    await closing;
    await storage.close();
  });

  describe("activeSessions()", () => {
    test("are those that are listed, alive and not revoked, each once", async () => {
      const storage = open();
      const now = Date.now();
      const listed = [
        { token: "expired", expiresAt: now - 1 },
        { token: "first", expiresAt: now + 60_000 },
        { token: "first", expiresAt: now + 60_000 },
        { token: "revoked", expiresAt: now + 70_000 },
        { token: "second", expiresAt: now + 80_000 },
      ];
      await storage.set("active-sessions-ada", JSON.stringify(listed), 80);
      for (const { token } of listed) await storage.set(token, "{}", 80);
      await storage.delete("revoked");
      expect(await storage.activeSessions("ada")).toEqual([listed[1], listed[4]]);
      expect(await storage.activeSessions("grace")).toEqual([]);
    });

    test.each(["not JSON", "null", "{}", '[null, 7, {"token": 1}, {"expiresAt": 1e15}]'])("of %s are none", async (list) => {
      const storage = open();
      await storage.set("active-sessions-ada", list);
      expect(await storage.activeSessions("ada")).toEqual([]);
    });
  });

  describe("behind Better Auth", () => {
    /** @param {object} [options] */
    async function openApplication(options) {
      const secondaryStorage = open();
      const database = forThisTest(nativeAdapter("sqlite::memory:"));
      const auth = betterAuth({ ...basics, database, secondaryStorage, ...options });
      await database.migrate();
      const context = await auth.$context;
      const rows = (/** @type {string} */ model) => context.adapter.findMany({ model });
      return { auth, database, storage: secondaryStorage, context, rows };
    }

    test("sessions are in the storage alone, until they are signed out", async () => {
      const { auth, storage, rows } = await openApplication();
      const ada = await signUp(auth, "ada");
      expect((await ada.user()).name).toBe("ada");
      // The database has not even a table for them.
      await expect(rows("session")).rejects.toThrow("session");
      const [{ token, expiresAt }] = await storage.activeSessions(ada.id);
      expect(expiresAt).toBeGreaterThan(Date.now());
      expect(JSON.parse(await storage.get(token))).toMatchObject({ user: { name: "ada" }, session: { token } });

      const elsewhere = await signIn(auth, "ada");
      expect(await storage.activeSessions(ada.id)).toHaveLength(2);
      expect((await ada.get("/list-sessions")).data).toHaveLength(2);
      await ada.post("/sign-out");
      expect(await storage.get(token)).toBeNull();
      expect(await storage.activeSessions(ada.id)).toHaveLength(1);
      expect((await elsewhere.user()).name).toBe("ada");

      const third = await signIn(auth, "ada");
      await elsewhere.post("/revoke-other-sessions");
      expect(await third.user()).toBeNull();
      expect((await elsewhere.user()).name).toBe("ada");
      await elsewhere.post("/revoke-sessions");
      expect(await elsewhere.user()).toBeNull();
      expect(await storage.activeSessions(ada.id)).toEqual([]);
    });

    test("a session that has expired is nobody's", async () => {
      const { auth, storage } = await openApplication({ session: { expiresIn: 2 } });
      const ada = await signUp(auth, "ada");
      expect((await ada.user()).name).toBe("ada");
      await eventually(async () => expect(await ada.user()).toBeNull());
      expect(await storage.activeSessions(ada.id)).toEqual([]);
    });

    test("what is known of a user is renewed in every session", async () => {
      const { auth, storage } = await openApplication();
      const [ada, elsewhere] = [await signUp(auth, "ada"), await signIn(auth, "ada")];
      expect((await ada.post("/update-user", { name: "Ada Lovelace" })).status).toBe(200);
      expect((await elsewhere.user()).name).toBe("Ada Lovelace");
      for (const { token } of await storage.activeSessions(ada.id)) {
        expect(JSON.parse(await storage.get(token)).user.name).toBe("Ada Lovelace");
      }
    });

    test("rate limits are kept in the storage, by all who share it, for their window", async () => {
      const rateLimit = { enabled: true, window: 60, max: 3, customRules: { "/ok": { window: 0.2, max: 1 } } };
      const { auth, database, storage, rows } = await openApplication({ rateLimit });
      const twin = betterAuth({ ...basics, database, secondaryStorage: storage, rateLimit });
      const requests = times(10, (n) => browser([auth, twin][n % 2]).get("/get-session"));
      const statuses = (await Promise.all(requests)).map(({ status }) => status);
      expect(statuses.toSorted()).toEqual([200, 200, 200, ...times(7, () => 429)]);
      const status = async () => (await browser(auth).get("/ok")).status;
      await Promise.all([status(), status()]);
      await eventually(async () => expect(await status()).toBe(200));
      await expect(rows("rateLimit")).rejects.toThrow("rateLimit");
    });

    test("a verification is used once", async () => {
      /** @type {string[]} */
      const tokens = [];
      const { auth, rows } = await openApplication({
        emailAndPassword: {
          ...basics.emailAndPassword,
          sendResetPassword: async (/** @type {any} */ { token }) => void tokens.push(token),
        },
      });
      const ada = await signUp(auth, "ada");
      await ada.post("/request-password-reset", { email: "ada@example.com", redirectTo: "/" });
      await eventually(() => expect(tokens).toHaveLength(1));
      await expect(rows("verification")).rejects.toThrow("verification");
      const reset = () => ada.post("/reset-password", { token: tokens[0], newPassword: "a new password" });
      const statuses = (await Promise.all([reset(), reset(), reset()])).map(({ status }) => status);
      expect(statuses.toSorted()).toEqual([200, 400, 400]);
    });

    test("writes that wait for a transaction are not made where it is rolled back", async () => {
      /** @param {any} ctx @param {(session: any) => Promise<void>} then */
      const within = (ctx, then) =>
        runWithTransaction(ctx.context.adapter, async () => {
          const { internalAdapter } = ctx.context;
          const session = await internalAdapter.createSession(ctx.body.userId, false, undefined, false, {
            deferSecondaryStorageWrites: true,
          });
          await internalAdapter.updateUser(ctx.body.userId, { name: ctx.body.name });
          await then(session);
        });
      const plugin = {
        id: "transactional",
        endpoints: {
          commit: createAuthEndpoint("/commit", { method: "POST" }, async (ctx) => {
            await within(ctx, async () => {});
            return ctx.json({});
          }),
          rollback: createAuthEndpoint("/rollback", { method: "POST" }, async (ctx) => {
            const undone = within(ctx, async () => Promise.reject(new Error("undo")));
            return ctx.json({ undone: await undone.catch((error) => error.message) });
          }),
        },
      };
      const { auth, storage, rows } = await openApplication({ plugins: [plugin] });
      const ada = await signUp(auth, "ada");
      const cached = async () =>
        Promise.all(
          (await storage.activeSessions(ada.id)).map(
            async (/** @type {any} */ { token }) => JSON.parse(await storage.get(token)).user.name,
          ),
        );
      const undone = await ada.post("/rollback", { userId: ada.id, name: "undone" });
      expect(undone.data).toEqual({ undone: "undo" });
      expect(await cached()).toEqual(["ada"]);
      expect((await ada.post("/commit", { userId: ada.id, name: "done" })).status).toBe(200);
      expect(await cached()).toEqual(["done", "done"]);
      expect((await rows("user")).map(({ name }) => name)).toEqual(["done"]);
    });

    test("API keys of the plugin are kept in the storage alone, and are gone when deleted", async () => {
      const { auth, rows } = await openApplication({ plugins: [apiKey({ storage: "secondary-storage" })] });
      const ada = await signUp(auth, "ada");
      const { data: made } = await ada.post("/api-key/create", { name: "robot", expiresIn: 24 * 60 * 60 });
      const verify = () => auth.api.verifyApiKey({ body: { key: made.key } });
      expect(await verify()).toMatchObject({ valid: true, key: { id: made.id, name: "robot" } });
      expect((await ada.get("/api-key/list")).data.apiKeys).toMatchObject([{ id: made.id }]);
      expect(await rows("apikey")).toEqual([]);
      await ada.post("/api-key/delete", { keyId: made.id });
      expect(await verify()).toMatchObject({ valid: false });
      expect((await ada.get("/api-key/list")).data.apiKeys).toEqual([]);
    });

    test("with sessions in the database too, both are written and removed", async () => {
      const { auth, storage, rows } = await openApplication({ session: { storeSessionInDatabase: true } });
      const ada = await signUp(auth, "ada");
      const [{ token }] = await storage.activeSessions(ada.id);
      expect(await rows("session")).toMatchObject([{ token }]);
      // What the storage has lost is still in the database.
      await storage.delete(token);
      expect((await ada.user()).name).toBe("ada");
      await ada.post("/sign-out");
      expect(await rows("session")).toEqual([]);
    });
  });
});

describe("memoryStorage()", () => {
  test("keeps to maxEntries, and what was used longest ago goes first", async () => {
    const storage = memoryStorage({ maxEntries: 100 });
    for (let n = 0; n < 100; n += 1) await storage.set(`${n}`, "value");
    await storage.get("0");
    await storage.increment("1", 60).catch(() => {});
    for (let n = 100; n < 150; n += 1) {
      await storage.set(`${n}`, "value", 60);
      expect(storage.stats().entries).toBe(100);
    }
    const left = await Promise.all(times(150, (n) => storage.get(`${n}`)));
    expect(left.map((value, n) => (value === null ? -1 : n)).filter((n) => n >= 0)).toEqual([
      0,
      ...times(99, (n) => n + 51),
    ]);
    expect(storage.stats()).toMatchObject({ evicted: 50, expired: 0, maxEntries: 100 });
  });

  test("keeps to maxBytes, of keys and values", async () => {
    const maxBytes = 100_000;
    const storage = memoryStorage({ maxBytes });
    for (let n = 0; n < 1000; n += 1) {
      await storage.set(`${n}`, "ä".repeat(n));
      expect(storage.stats().bytes).toBeLessThanOrEqual(maxBytes);
    }
    const { bytes, entries } = storage.stats();
    expect(bytes).toBeGreaterThan(maxBytes - 2300);
    expect(await storage.get("999")).toBe("ä".repeat(999));
    const error = await rejection(storage.set("999", "x".repeat(maxBytes)));
    expect(error).toEqual(expected("INVALID_INPUT"));
    expect(error.message).toContain("maxBytes");
    // Nothing had to go for it.
    expect(storage.stats().entries).toBe(entries);
    expect(await storage.get("999")).toBe("ä".repeat(999));
  });

  test("what has expired is gone from memory, and makes room before what lives", async () => {
    const storage = memoryStorage({ maxEntries: 20 });
    for (let n = 0; n < 10; n += 1) await storage.set(`lives ${n}`, "value", 1000);
    for (let n = 0; n < 10; n += 1) await storage.set(`ends ${n}`, "value", 0.02);
    await eventually(() => expect(storage.stats()).toMatchObject({ entries: 10, expired: 10 }));
    for (let n = 0; n < 10; n += 1) await storage.set(`new ${n}`, "value");
    expect(storage.stats()).toMatchObject({ entries: 20, evicted: 0 });
    expect(await storage.get("lives 0")).toBe("value");
  });

  test("counts what it finds and what it does not", async () => {
    const storage = memoryStorage();
    await storage.set("key", "value");
    await storage.get("key");
    await storage.get("no key");
    await storage.getAndDelete("key");
    await storage.getAndDelete("key");
    expect(storage.stats()).toEqual({
      entries: 0,
      bytes: 0,
      maxEntries: 100_000,
      maxBytes: 64 * 2 ** 20,
      hits: 2,
      misses: 2,
      expired: 0,
      evicted: 0,
    });
    await storage.close();
    expect(() => storage.stats()).toThrow(expect.objectContaining({ code: "CLOSED" }));
  });

  test("is shared by name: with other threads, and by those that have it open", async () => {
    const shared = randomUUID();
    const storage = forThisTest(memoryStorage({ shared, maxEntries: 50 }));
    await storage.set("from here", "value");
    const threads = times(3, () =>
      inThread(async ({ memoryStorage: open, data }) => {
        const own = open({ shared: data });
        for (let n = 0; n < 1000; n += 1) await own.increment("counter", 60);
        return own.get("from here");
      }, shared),
    );
    for (const thread of threads) expect(await thread.result()).toBe("value");
    expect(await storage.get("counter")).toBe("3000");
    expect(await memoryStorage().get("counter")).toBeNull();

    // Whoever opens it with limits means them.
    expect(() => memoryStorage({ shared, maxEntries: 51 })).toThrow(expected("INVALID_INPUT"));
    const other = memoryStorage({ shared, maxEntries: 50 });
    await storage.close();
    expect(await other.get("counter")).toBe("3000");
    await other.close();
    const later = forThisTest(memoryStorage({ shared }));
    expect(await later.get("counter")).toBeNull();
  });

  test.each([
    null,
    "1000",
    { maxEntries: 0 },
    { maxEntries: 1.5 },
    { maxBytes: 1023 },
    { maxBytes: "64 MiB" },
    { shared: 1 },
    { ttl: 60 },
  ])("refuses %o", (options) => {
    expect(() => memoryStorage(/** @type {any} */ (options))).toThrow(expected("INVALID_INPUT"));
  });
});

describe("redisStorage()", () => {
  /** A server of this test's own. @param {import("./servers/redis.js").Options} [options] */
  async function startServer(options) {
    const server = await redis.start(options);
    onTestFinished(() => server.stop());
    return server;
  }

  /** @param {string | import("../index.js").RedisStorageOptions} options */
  const open = (options) => forThisTest(redisStorage(options));

  test("keys have the prefix and expire in Redis itself", async () => {
    const server = await startServer();
    const storage = open(server.url);
    await storage.set("timed", "value", 100);
    await storage.set("lasting", "value");
    await storage.increment("counter", 50);
    expect((await server.cli("KEYS", "*")).trim().split("\n").toSorted()).toEqual([
      "better-auth:counter",
      "better-auth:lasting",
      "better-auth:timed",
    ]);
    const ttl = async (/** @type {string} */ key) => Number(await server.cli("PTTL", `better-auth:${key}`));
    expect(await ttl("timed")).toBeGreaterThan(90_000);
    expect(await ttl("timed")).toBeLessThanOrEqual(100_000);
    expect(await ttl("counter")).toBeLessThanOrEqual(50_000);
    expect(await ttl("lasting")).toBe(-1);

    const bare = open({ url: server.url, prefix: "" });
    expect(await bare.get("timed")).toBeNull();
    expect(await bare.get("better-auth:timed")).toBe("value");
    const other = open({ url: `${server.url}/3` });
    expect(await other.get("timed")).toBeNull();
    await other.set("timed", "third", 1);
    expect(await open({ url: server.url, database: 3 }).get("timed")).toBe("third");
  });

  test("by a Unix socket", async () => {
    const { socket } = await startServer();
    await open({ socket, password }).set("key", "value");
    const login = encodeURIComponent(password);
    expect(await open(`unix://:${login}@${socket}?db=0`).get("key")).toBe("value");
    const error = await rejection(open(`unix://${socket}.not`).get("key"));
    expect(error).toEqual(expected("CONNECT_FAILED", true));
    expect(error.message).toContain(`${socket}.not`);
  });

  test("by a URL with a line's end, and by none with a NUL", async () => {
    const server = await startServer();
    const storage = open(` ${server.url}\n`);
    await storage.set("key", "value");
    expect(await open({ nodes: [`${server.url}\n`], cluster: false }).get("key")).toBe("value");
    for (const url of ["redis://:s3cret\0@127.0.0.1", "redis://:s3cret%00@127.0.0.1"]) {
      expect(() => redisStorage(url)).toThrow(expected("INVALID_INPUT"));
    }
  });

  test("as a user, who may do what he may", async () => {
    const server = await startServer();
    await server.cli("ACL", "SETUSER", "ada", "on", ">s3cret", "~better-auth:*", "+@all", "-getdel");
    const address = { host: "127.0.0.1", port: server.port, username: "ada", password: "s3cret" };
    const storage = open(address);
    await storage.set("key", "value", 60);
    expect(await storage.increment("counter", 60)).toBe(1);
    const elsewhere = await rejection(open({ ...address, prefix: "other:" }).set("key", "value"));
    const command = await rejection(storage.getAndDelete("key"));
    for (const error of [elsewhere, command]) {
      expect(error).toEqual(expected("PERMISSION_DENIED"));
      expect(shown(error)).not.toContain("s3cret");
    }
  });

  test("a wrong password, or none, is told and not quoted", async () => {
    const { port } = await startServer();
    const urls = [
      `redis://127.0.0.1:${port}`,
      `redis://:s3cret@127.0.0.1:${port}`,
      `redis://ada:s3cret@127.0.0.1:${port}/0`,
    ];
    for (const url of urls) {
      const error = await rejection(open(url).get("key"));
      expect(error).toEqual(expected("CONNECT_FAILED"));
      expect(error.message).toMatch(/password/);
      expect(error.message).toContain(`127.0.0.1:${port}`);
      expect(shown(error)).not.toContain("s3cret");
    }
  });

  test("what is there and no Redis is said so", async () => {
    const server = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
    expect(await rejection(open({ host: "127.0.0.1", port }).get("key"))).toMatchObject({ code: "CONNECT_FAILED" });
    expect(await rejection(open({ host: "no-such-host.invalid" }).get("key"))).toMatchObject({ code: "CONNECT_FAILED" });
  });

  test("a server without GETDEL gives once all the same", async () => {
    const server = await startServer({ settings: { "rename-command": "GETDEL not-getdel" } });
    const storage = open(server.url);
    await storage.set("token", "secret");
    const given = await Promise.all(times(20, () => storage.getAndDelete("token")));
    expect(given.filter((value) => value !== null)).toEqual(["secret"]);
    expect(await storage.getAndDelete("token")).toBeNull();
  });

  test("a server that becomes a replica is left for whoever has its name then", async () => {
    const server = await startServer();
    const storage = open(server.url);
    await storage.set("key", "value");
    await server.cli("REPLICAOF", "127.0.0.1", `${await freePort()}`);
    expect(await rejection(storage.set("key", "other"))).toEqual(expected("READ_ONLY", true));
    expect(storage.stats().state).toBe("unconnected");
    await server.cli("REPLICAOF", "NO", "ONE");
    await storage.set("key", "other");
    expect(storage.stats()).toMatchObject({ state: "connected", connections: 2 });
  });

  test("a refusal is told, and quotes neither key nor value", async () => {
    const server = await startServer();
    const storage = open(server.url);
    await server.cli("LPUSH", "better-auth:s3cret", "element");
    const type = expected("DECODE_FAILED");
    expect(await rejection(storage.get("s3cret"))).toEqual(type);
    expect(await rejection(storage.increment("s3cret", 60))).toEqual(type);
    await server.cli("CONFIG", "SET", "maxmemory", "1");
    const full = await rejection(storage.set("s3cret", "s3cret"));
    expect(full).toEqual(expected("STORAGE_FAILED"));
    for (const error of [full, await rejection(storage.get("s3cret"))]) expect(shown(error)).not.toContain("s3cret");
    await server.cli("CONFIG", "SET", "maxmemory", "0");
    await storage.set("other", "value");
    // Text of another program.
    await server.cli("EVAL", "return redis.call('SET', KEYS[1], '\\255s3cret')", "1", "better-auth:bytes");
    const bytes = await rejection(storage.get("bytes"));
    expect(bytes).toEqual(type);
    expect(shown(bytes)).not.toContain("s3cret");
  });

  describe("TLS", () => {
    /** @type {import("./servers/tls.js").Certificates} */
    let certificates;
    /** @type {Record<"known" | "stranger" | "elsewhere" | "sealed", import("./servers/redis.js").Redis>} */
    let servers;

    beforeAll(async () => {
      certificates = await makeCertificates();
      const { ca, server, stranger, elsewhere } = certificates;
      const starts = [{ ...server }, stranger, elsewhere, { ...server, ca }].map((tls) => redis.start({ tls }));
      const [known, unknown, other, sealed] = await Promise.all(starts);
      servers = { known, stranger: unknown, elsewhere: other, sealed };
    });
    afterAll(async () => {
      await Promise.all(Object.values(servers).map((server) => server.stop()));
      await remove(certificates.directory);
    });

    /** @param {keyof typeof servers} name @param {any} [tls] */
    const tried = (name, tls) =>
      open({ url: servers[name].url, tls }).get("key").catch((/** @type {any} */ error) => error);
    const refused = expected("CONNECT_FAILED");

    test("takes a certificate of the authority, for the host", async () => {
      const { ca, strangeCa } = certificates;
      expect(await tried("known", { ca })).toBeNull();
      expect(await tried("known", { ca: strangeCa })).toEqual(refused);
      // Of no authority that everybody knows.
      expect(await tried("known")).toEqual(refused);
      expect(await tried("known", true)).toEqual(refused);
      expect(await tried("stranger", { ca })).toEqual(refused);
      expect(await tried("elsewhere", { ca })).toEqual(refused);
      expect((await tried("stranger", { ca })).message).toContain("tls.ca");
    });

    test("takes any with rejectUnauthorized: false, and speaks TLS where it is asked to", async () => {
      for (const name of /** @type {const} */ (["known", "stranger", "elsewhere"])) {
        expect(await tried(name, { rejectUnauthorized: false })).toBeNull();
      }
      const { port } = servers.known;
      const { ca } = certificates;
      const plain = await rejection(open({ host: "127.0.0.1", port, password }).get("key"));
      expect(plain).toMatchObject({ code: "CONNECT_FAILED" });
      expect(await open({ host: "127.0.0.1", port, password, tls: { ca } }).get("key")).toBeNull();
    });

    test("shows the client's certificate", async () => {
      const { ca, client } = certificates;
      expect(await tried("sealed", { ca, ...client })).toBeNull();
      expect(await tried("sealed", { ca })).toMatchObject({ code: "CONNECT_FAILED" });
    });
  });

  describe("while Redis is away", () => {
    /** What a call may be told then. */
    const TOLD = ["CONNECT_FAILED", "CONNECTION_LOST", "STATEMENT_TIMEOUT"];
    /** The bound for a call, whatever becomes of it: one for a hang, not for slowness. */
    const SOON = 10_000;

    /** @param {any} storage the same for all callers */
    function employ(storage) {
      const ledger = { answered: 0, told: /** @type {Record<string, number>} */ ({}), counted: 0, unknown: 0, slowest: 0 };
      let working = true;
      /** @param {number} caller */
      async function work(caller) {
        for (let n = 0; working; n += 1) {
          const begun = performance.now();
          const counts = n % 2 === 0;
          try {
            if (counts) await storage.increment("counter", 1000);
            else if (n % 4 === 1) await storage.set(`${caller}`, `${n}`, 100);
            else await storage.get(`${caller}`);
            ledger.answered += 1;
            ledger.counted += counts ? 1 : 0;
          } catch (error) {
            const { code, retryable } = /** @type {any} */ (error);
            expect(TOLD, `${error}`).toContain(code);
            // An increment that was lost may have been made; everything else may be called again.
            expect(retryable, `${error}`).toBe(!counts || code === "CONNECT_FAILED");
            if (!retryable) ledger.unknown += 1;
            ledger.told[code] = (ledger.told[code] ?? 0) + 1;
            await new Promise((next) => setImmediate(next));
          }
          ledger.slowest = Math.max(ledger.slowest, performance.now() - begun);
        }
      }
      const callers = Promise.all(times(16, work));
      return {
        ledger,
        async stop() {
          working = false;
          await callers;
        },
      };
    }

    test.each([
      ["killed", "kill"],
      ["shut down", "shutDown"],
    ])("%s under load, every caller is answered or told, and it heals by itself", async (_, how) => {
      const server = await startServer({ settings: { appendonly: "yes", appendfsync: "always" } });
      const storage = open({ url: server.url, responseTimeoutMs: 2000, maxRetryPauseMs: 200 });
      const { ledger, stop } = employ(storage);
      for (let n = 0; n < 2; n += 1) {
        const before = ledger.answered;
        await eventually(() => expect(ledger.answered).toBeGreaterThan(before + 500));
        await server[/** @type {"kill" | "shutDown"} */ (how)]();
        const failed = ledger.told.CONNECT_FAILED ?? 0;
        await eventually(() => expect(ledger.told.CONNECT_FAILED ?? 0).toBeGreaterThan(failed + 100));
        expect((await storage.health()).healthy).toBe(false);
        await server.restart();
      }
      const before = ledger.answered;
      await eventually(() => expect(ledger.answered).toBeGreaterThan(before + 500));
      await stop();
      expect(ledger.slowest).toBeLessThan(SOON);
      expect(storage.stats()).toMatchObject({ state: "connected", pending: 0 });
      // What was acknowledged was counted, and nothing twice.
      const counter = Number(await storage.get("counter"));
      expect(counter).toBeGreaterThanOrEqual(ledger.counted);
      expect(counter).toBeLessThanOrEqual(ledger.counted + ledger.unknown);
    });

    test("frozen, it is given up in time, and used again when it thaws", async () => {
      const proxy = await startProxy((await startServer()).url);
      onTestFinished(() => proxy.stop());
      const storage = open({ url: proxy.url, responseTimeoutMs: 100, connectTimeoutMs: 200, maxRetryPauseMs: 100 });
      await storage.set("key", "value");
      proxy.freeze();
      const silent = await Promise.allSettled([storage.get("key"), storage.increment("counter", 60)]);
      expect(silent).toEqual([
        { status: "rejected", reason: expected("STATEMENT_TIMEOUT", true) },
        { status: "rejected", reason: expected("STATEMENT_TIMEOUT") },
      ]);
      expect(await rejection(storage.get("key"))).toEqual(expected("CONNECT_FAILED", true));
      expect(storage.stats().state).toBe("away");
      proxy.thaw();
      await eventually(async () => expect(await storage.get("key")).toBe("value"));
      expect(storage.stats()).toMatchObject({ state: "connected", connections: 2 });
    });

    test("a connection that ended while nobody used it fails no call", async () => {
      const server = await startServer();
      const storage = open(server.url);
      for (let n = 1; n <= 3; n += 1) {
        expect(await storage.increment("counter", 60)).toBe(n);
        await server.cli("CLIENT", "KILL", "TYPE", "normal");
        await eventually(() => expect(storage.stats().state).toBe("unconnected"));
      }
    });

    /** Takes connections and says nothing. */
    async function startSilence() {
      const sockets = new Set();
      const server = createServer((socket) => void sockets.add(socket.on("error", () => {})));
      server.listen(await freePort(), "127.0.0.1");
      await once(server, "listening");
      onTestFinished(() => {
        server.close();
        for (const socket of sockets) socket.destroy();
      });
      const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
      return { address: { host: "127.0.0.1", port }, attempts: () => sockets.size };
    }

    test("calls fail at once, and nobody knocks before the pause is over", async () => {
      const { address, attempts } = await startSilence();
      const storage = open({ ...address, connectTimeoutMs: 100, retryPauseMs: 600_000, maxRetryPauseMs: 600_000 });
      const first = await Promise.all(times(20, () => rejection(storage.get("key"))));
      const further = await Promise.all(times(200, () => rejection(storage.increment("key", 60))));
      for (const error of [...first, ...further]) expect(error).toEqual(expected("CONNECT_FAILED", true));
      expect(further[0].message).toMatch(/next attempt is due in \d+ ms/);
      expect(attempts()).toBe(1);
      expect(storage.stats()).toMatchObject({ state: "away", pending: 0, failed: 220, connections: 0 });
    });

    test("after the pause one call tries, and the others do not wait for it", async () => {
      const { address, attempts } = await startSilence();
      const storage = open({ ...address, connectTimeoutMs: 150, retryPauseMs: 1, maxRetryPauseMs: 1 });
      await rejection(storage.get("key"));
      const over = performance.now() + 2;
      await eventually(() => expect(performance.now()).toBeGreaterThan(over));
      const order = /** @type {number[]} */ ([]);
      await Promise.all(times(20, (n) => rejection(storage.get("key")).then(() => order.push(n))));
      expect(attempts()).toBe(2);
      expect(order.at(-1)).toBe(0);
    });

    test("the queue is bounded, and close() empties it", async () => {
      const { address } = await startSilence();
      const storage = open({ ...address, maxQueue: 10, connectTimeoutMs: 300 });
      const waiting = times(10, () => rejection(storage.set("key", "value")));
      const refused = await Promise.all(times(5, () => rejection(storage.get("key"))));
      for (const error of refused) expect(error).toEqual(expected("OVERLOADED", true));
      expect(storage.stats().pending).toBe(10);
      const closing = storage.close();
      for (const error of await Promise.all(waiting)) expect(error).toEqual(expected("CONNECT_FAILED", true));
      await closing;
    });
  });

  test("health() tells whether it answers, and never rejects", async () => {
    const storage = openRedis();
    expect(await storage.health()).toEqual({ healthy: true, latencyMs: expect.any(Number), error: null });
    expect(await open({ host: "127.0.0.1", port: await freePort() }).health()).toEqual({
      healthy: false,
      latencyMs: null,
      error: expected("CONNECT_FAILED", true),
    });
  });

  describe("a cluster", () => {
    const address = ({ port = 0 }) => ({ host: "127.0.0.1", port });

    test("is found by any of its nodes, and has keys on each", async () => {
      const prefix = `${randomUUID()}:`;
      const [first, ...others] = cluster();
      const storage = open({ nodes: [address(first)], password, prefix });
      await Promise.all(times(100, (n) => storage.set(`${n}`, `${n}`, 100)));
      const elsewhere = open({ url: others[0].url, cluster: true, prefix });
      expect(await Promise.all(times(100, (n) => elsewhere.get(`${n}`)))).toEqual(times(100, (n) => `${n}`));
      for (const node of cluster()) expect(await node.cli("KEYS", `${prefix}*`)).toContain(prefix);
      expect((await storage.health()).healthy).toBe(true);
    });

    test("of which nobody answers is away", async () => {
      const ports = await Promise.all(times(3, freePort));
      const storage = open({ nodes: ports.map((port) => address({ port })), connectTimeoutMs: 1000 });
      expect(await rejection(storage.get("key"))).toEqual(expected("CONNECT_FAILED", true));
      expect(storage.stats().state).toBe("away");
    });

    test("of which one is away goes on with the others, and heals", async () => {
      const storage = open({
        nodes: cluster().map(address),
        password,
        prefix: `${randomUUID()}:`,
        connectTimeoutMs: 1000,
        responseTimeoutMs: 1000,
      });
      const keys = times(30, (n) => `${n}`);
      await Promise.all(keys.map((key) => storage.set(key, key)));
      const gone = cluster()[1];
      await gone.kill();
      const settled = await Promise.allSettled(keys.map((key) => storage.get(key)));
      expect(new Set(settled.map(({ status }) => status))).toEqual(new Set(["fulfilled", "rejected"]));
      for (const outcome of settled) {
        if (outcome.status === "fulfilled") continue;
        expect(["CONNECT_FAILED", "CONNECTION_LOST", "STATEMENT_TIMEOUT"]).toContain(outcome.reason.code);
        expect(outcome.reason.retryable).toBe(true);
      }
      await gone.restart();
      await eventually(() => Promise.all(keys.map((key) => storage.set(key, key))));
      expect(await Promise.all(keys.map((key) => storage.get(key)))).toEqual(keys);
    });

    test("a wrong password is told", async () => {
      const error = await rejection(open({ nodes: cluster().map(address), password: "s3cret" }).get("key"));
      expect(error).toEqual(expected("CONNECT_FAILED"));
      expect(shown(error)).not.toContain("s3cret");
    });
  });

  test("a process ends by itself with an open storage", async () => {
    const url = process.env.TEST_REDIS_URL;
    const task = inProcess(async ({ redisStorage: open, memoryStorage: openMemory, data }) => {
      const own = openMemory();
      await own.set("key", "value", 1000);
      const storage = open({ url: data, prefix: "process:" });
      await storage.set("key", await own.get("key"), 100);
      return storage.get("key");
    }, url);
    expect(await task.result()).toBe("value");
  });

  test("a thread has one of its own, and may end with calls under way", async () => {
    const data = { url: process.env.TEST_REDIS_URL, prefix: `${randomUUID()}:` };
    const threads = times(3, () =>
      inThread(async ({ redisStorage: open, data: options }) => {
        const storage = open(options);
        await Promise.all(Array.from({ length: 100 }, () => storage.increment("counter", 60)));
        await storage.close();
        return true;
      }, data),
    );
    for (const thread of threads) expect(await thread.result()).toBe(true);
    expect(await openRedis(data).get("counter")).toBe("300");

    const cut = inThread(async ({ redisStorage: open, data: options, tell }) => {
      const storage = open(options);
      for (;;) {
        const calls = Array.from({ length: 100 }, () => storage.get("counter"));
        await calls[0];
        tell();
      }
    }, data);
    await cut.told();
    await cut.stop();
    expect(await openRedis(data).get("counter")).toBe("300");
  });

  test.each([
    ["no URL", null, "redis://"],
    ["another scheme", "http://:s3cret@host", '"http:"'],
    ["a path", "/var/s3cret", "scheme"],
    ["a password that is not encoded", "redis://:s3cret/@host", "percent-encoded"],
    ["a broken escape", "redis://:s3cret%@host", "percent escape"],
    ["a database that is no number", "redis://:s3cret@host/auth", "number"],
    ["an unknown parameter", "redis://:s3cret@host?timeout=5", '"timeout"'],
    ["a port that is none", "redis://:s3cret@host:70000", "port"],
    ["an unknown option", { url: "redis://:s3cret@host", retries: 3 }, '"retries"'],
    ["a timeout of zero", { responseTimeoutMs: 0 }, "responseTimeoutMs"],
    ["an empty list of nodes", { nodes: [] }, "nodes"],
    ["nodes of no cluster", { nodes: ["redis://a", "redis://b"], cluster: false }, "cluster"],
    ["nodes with different passwords", { nodes: ["redis://:s3cret@a", "redis://:s3crets@b"] }, "password"],
    ["nodes with and without TLS", { nodes: ["redis://a", "rediss://b"] }, "TLS"],
    ["a cluster's other database", { nodes: ["redis://a"], database: 1 }, "database"],
    ["a cluster by a socket", { socket: "/run/redis.sock", cluster: true }, "socket"],
    ["a certificate without key", { tls: { cert: "-----BEGIN CERTIFICATE-----" } }, "tls.key"],
    ["a CA that is none", { tls: { ca: "-----BEGIN CERTIFICATE-----\ns3cret" } }, "redisStorage"],
    ["a file that is not there", { tls: { ca: "/no/such/file.pem" } }, "tls.ca"],
    ["an unknown option of TLS", { tls: { mode: "require" } }, '"mode"'],
  ])("refuses %s", (_, options, hint) => {
    let error;
    try {
      redisStorage(/** @type {any} */ (options));
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toEqual(expected("INVALID_INPUT"));
    expect(error.message).toContain(hint);
    expect(shown(error)).not.toContain("s3cret");
  });
});

describe("the guide", () => {
  test.each(examples("secondary-storage.md"))("%s", async (source) => {
    expect(promised(source)).not.toEqual([]);
    expect(await printed(source, { REDIS_URL: process.env.TEST_REDIS_URL })).toEqual(promised(source));
  });
});
