// Plugins, Better Auth's own and its packages': one path through each that shows what it stores and
// finds again.

import { createHmac, createPublicKey, verify } from "node:crypto";
import { apiKey } from "@better-auth/api-key";
import { passkey } from "@better-auth/passkey";
import { betterAuth } from "better-auth";
import {
  admin,
  anonymous,
  bearer,
  deviceAuthorization,
  emailOTP,
  jwt,
  magicLink,
  organization,
  twoFactor,
  username,
} from "better-auth/plugins";
import { createLocalJWKSet, errors, jwtVerify } from "jose";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { nativeAdapter, password } from "../index.js";
import { basics } from "./support/basics.js";
import { browser } from "./support/browser.js";
import { emptyDatabase, everyEngine, openApplication } from "./support/database.js";
import { everyPlugin } from "./support/plugins.js";
import { credentials } from "./support/rows.js";
import { signIn, signUp } from "./support/visitors.js";

afterEach(() => vi.useRealTimers());

/** @param {string} field @param {any} value */
const by = (field, value) => [{ field, value }];

describe.each(everyEngine)("%s", (_, engine) => {
  test("organization: members are invited, accept, are listed and removed", async () => {
    const { auth, adapter } = await openApplication(engine, {
      plugins: [organization({ teams: { enabled: true } })],
    });
    const [ada, grace] = [await signUp(auth, "ada"), await signUp(auth, "grace")];
    const { data: created } = await ada.post("/organization/create", { name: "Engines", slug: "engines" });
    const taken = await grace.post("/organization/create", { name: "Engines", slug: "engines" });
    expect(taken.status).toBe(400);

    // Invitations are for whoever has the address.
    await adapter.update({ model: "user", where: by("id", grace.id), update: { emailVerified: true } });
    const organizationId = created.id;
    const invited = { organizationId, email: credentials("grace").email, role: "member" };
    const { data: invitation } = await ada.post("/organization/invite-member", invited);
    expect((await grace.get("/organization/list-user-invitations")).data).toMatchObject([{ id: invitation.id }]);
    await grace.post("/organization/accept-invitation", { invitationId: invitation.id });

    const listed = async () => {
      const { data } = await ada.get(`/organization/list-members?organizationId=${organizationId}&sortBy=createdAt`);
      return data.members.map((/** @type {any} */ { user, role }) => [user.name, role]);
    };
    expect(await listed()).toEqual([["ada", "owner"], ["grace", "member"]]);
    expect((await grace.get("/organization/list")).data).toMatchObject([{ slug: "engines" }]);
    const { data: full } = await ada.get("/organization/get-full-organization");
    expect(full).toMatchObject({ slug: "engines", invitations: [{ status: "accepted" }], members: [{}, {}] });

    const member = { organizationId, memberIdOrEmail: credentials("grace").email };
    expect((await grace.post("/organization/remove-member", { ...member, memberIdOrEmail: credentials("ada").email })).status).not.toBe(200);
    await ada.post("/organization/remove-member", member);
    expect(await listed()).toEqual([["ada", "owner"]]);

    await ada.post("/organization/delete", { organizationId });
    for (const model of ["organization", "member", "invitation", "team"]) {
      expect(await adapter.count({ model })).toBe(0);
    }
  });

  test("organization: a role is what its member may do", async () => {
    const { auth, adapter } = await openApplication(engine, { plugins: [organization()] });
    const [ada, grace] = [await signUp(auth, "ada"), await signUp(auth, "grace")];
    const { data: created } = await ada.post("/organization/create", { name: "Engines", slug: "engines" });
    const organizationId = created.id;
    await auth.api.addMember({ body: { organizationId, userId: grace.id, role: "member" } });

    const invites = async (/** @type {string} */ name) => {
      const invitation = { organizationId, email: credentials(name).email, role: /** @type {const} */ ("member") };
      return (await grace.post("/organization/invite-member", invitation)).status;
    };
    const [{ id: memberId }] = await adapter.findMany({ model: "member", where: by("userId", grace.id) });
    const becomes = async (/** @type {string} */ role, by = ada) =>
      (await by.post("/organization/update-member-role", { organizationId, memberId, role })).status;

    expect(await invites("alan")).toBe(403);
    expect(await becomes("owner", grace)).toBe(403);
    expect(await adapter.count({ model: "invitation" })).toBe(0);
    expect(await becomes("admin")).toBe(200);
    expect(await adapter.findOne({ model: "member", where: by("id", memberId) })).toMatchObject({ role: "admin" });
    expect(await invites("alan")).toBe(200);
    expect(await adapter.findMany({ model: "invitation" })).toMatchObject([{ email: credentials("alan").email, inviterId: grace.id }]);
  });

  test("organization: an invitation ends, and is for the one invited", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { auth, adapter } = await openApplication(engine, { plugins: [organization({ invitationExpiresIn: 100 })] });
    const [ada, grace, eve] = [await signUp(auth, "ada"), await signUp(auth, "grace"), await signUp(auth, "eve")];
    await adapter.updateMany({ model: "user", where: [], update: { emailVerified: true } });
    const { data: created } = await ada.post("/organization/create", { name: "Engines", slug: "engines" });
    const invited = { organizationId: created.id, email: credentials("grace").email, role: "member" };
    const invite = async () => ({ invitationId: (await ada.post("/organization/invite-member", invited)).data.id });

    const late = await invite();
    vi.setSystemTime(Date.now() + 101_000);
    expect((await grace.post("/organization/accept-invitation", late)).status).toBe(400);
    const timely = await invite();
    expect((await eve.post("/organization/accept-invitation", timely)).status).toBe(403);
    expect(await adapter.count({ model: "member" })).toBe(1);
    expect((await grace.post("/organization/accept-invitation", timely)).status).toBe(200);
    expect(await adapter.count({ model: "member" })).toBe(2);
  });

  test("twoFactor: sign-in asks for a code, and a backup code works once", async () => {
    const { auth } = await openApplication(engine, { plugins: [twoFactor()] });
    const ada = await signUp(auth, "ada");
    const { data: enabled } = await ada.post("/two-factor/enable", { password: credentials("ada").password });
    const secret = new URL(enabled.totpURI).searchParams.get("secret") ?? "";
    expect((await ada.post("/two-factor/verify-totp", { code: totp(secret) })).status).toBe(200);
    expect(await ada.user()).toMatchObject({ twoFactorEnabled: true });

    const proofs = [
      ["/two-factor/verify-totp", { code: totp(secret) }, 200],
      ["/two-factor/verify-totp", { code: "nonsense" }, 401],
      ["/two-factor/verify-backup-code", { code: enabled.backupCodes[0] }, 200],
      ["/two-factor/verify-backup-code", { code: enabled.backupCodes[0] }, 401],
      ["/two-factor/verify-backup-code", { code: enabled.backupCodes[1] }, 200],
    ];
    for (const [path, body, status] of proofs) {
      const visitor = await signIn(auth, "ada");
      expect(visitor.data).toMatchObject({ twoFactorRedirect: true });
      expect(await visitor.user()).toBe(null);
      expect((await visitor.post(`${path}`, /** @type {object} */ (body))).status).toBe(status);
      expect(await visitor.user()).toEqual(status === 200 ? expect.objectContaining({ name: "ada" }) : null);
    }
  });

  test("twoFactor: failures are counted, also those at once, and lock the account for a while", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { auth, adapter } = await openApplication(engine, {
      plugins: [twoFactor({ accountLockout: { enabled: true, maxFailedAttempts: 4, durationSeconds: 100 } })],
    });
    const ada = await signUp(auth, "ada");
    const { data: enabled } = await ada.post("/two-factor/enable", { password: credentials("ada").password });
    const secret = new URL(enabled.totpURI).searchParams.get("secret") ?? "";
    await ada.post("/two-factor/verify-totp", { code: totp(secret) });
    const [stored] = await adapter.findMany({ model: "twoFactor" });
    expect(JSON.stringify(stored)).not.toContain(secret);
    expect(stored).toMatchObject({ userId: ada.id, verified: true });

    const row = () => adapter.findOne({ model: "twoFactor", where: by("userId", ada.id) });
    const tries = async (/** @type {string} */ code) => (await (await signIn(auth, "ada")).post("/two-factor/verify-totp", { code })).status;
    expect(await Promise.all(["000", "000", "000"].map(tries))).toEqual([401, 401, 401]);
    expect(await row()).toMatchObject({ failedVerificationCount: 3, lockedUntil: null });
    expect(await tries("000")).toBe(401);
    expect(await row()).toMatchObject({ lockedUntil: new Date(Date.now() + 100_000) });
    expect(await tries(totp(secret))).toBe(429);
    vi.setSystemTime(Date.now() + 101_000);
    expect(await tries(totp(secret))).toBe(200);
    expect(await row()).toMatchObject({ failedVerificationCount: 0, lockedUntil: null });
  });

  test("twoFactor: a backup code that several use at once works for one", async () => {
    const { auth } = await openApplication(engine, { plugins: [twoFactor()] });
    const ada = await signUp(auth, "ada");
    const { data: enabled } = await ada.post("/two-factor/enable", { password: credentials("ada").password });
    const secret = new URL(enabled.totpURI).searchParams.get("secret") ?? "";
    await ada.post("/two-factor/verify-totp", { code: totp(secret) });
    const visitors = [];
    for (let n = 0; n < 8; n += 1) visitors.push(await signIn(auth, "ada"));
    const code = { code: enabled.backupCodes[0] };
    const uses = await Promise.all(visitors.map((visitor) => visitor.post("/two-factor/verify-backup-code", code)));
    expect(uses.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  test("admin: users are searched, sorted, counted and banned", async () => {
    const { auth, adapter } = await openApplication(engine, { plugins: [admin()] });
    const ada = await signUp(auth, "ada");
    await adapter.update({ model: "user", where: by("id", ada.id), update: { role: "admin" } });
    const visitors = [];
    for (const name of ["grace", "alan", "Grete", "edsger"]) visitors.push(await signUp(auth, name));
    await signUp(auth, "mar%a", { email: "maria@example.com" });

    /** @type {[string, string[], number][]} [query, names, total] */
    const searches = [
      ["sortBy=name&sortDirection=desc", ["mar%a", "grace", "edsger", "alan", "ada", "Grete"], 6],
      ["sortBy=name&limit=2&offset=1", ["ada", "alan"], 6],
      ["searchField=name&searchValue=gr&searchOperator=starts_with", ["grace"], 1],
      ["searchField=name&searchValue=%25&searchOperator=contains", ["mar%a"], 1],
      ["searchField=email&searchValue=a@example.com&searchOperator=ends_with&sortBy=name", ["ada", "mar%a"], 2],
      ["filterField=role&filterValue=admin", ["ada"], 1],
      ["filterField=role&filterOperator=ne&filterValue=admin&sortBy=name&limit=1", ["Grete"], 5],
    ];
    for (const [query, names, total] of searches) {
      const { data } = await ada.get(`/admin/list-users?${query}`);
      expect([data.users.map((/** @type {any} */ { name }) => name), data.total], query).toEqual([names, total]);
    }

    const [grace] = visitors;
    expect((await grace.get("/admin/list-users")).status).toBe(403);
    await ada.post("/admin/ban-user", { userId: grace.id, banReason: "for the test" });
    expect(await grace.user()).toBe(null);
    expect((await signIn(auth, "grace")).status).toBe(403);
    await ada.post("/admin/unban-user", { userId: grace.id });
    expect((await signIn(auth, "grace")).status).toBe(200);
  });

  test("admin: a ban ends when it is over", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { auth, adapter } = await openApplication(engine, { plugins: [admin()] });
    const [ada, grace] = [await signUp(auth, "ada"), await signUp(auth, "grace")];
    await adapter.update({ model: "user", where: by("id", ada.id), update: { role: "admin" } });
    await ada.post("/admin/ban-user", { userId: grace.id, banExpiresIn: 100, banReason: "for the test" });
    const banned = () => adapter.findOne({ model: "user", where: by("id", grace.id) });
    const banExpires = new Date(Date.now() + 100_000);
    expect(await banned()).toMatchObject({ banned: true, banReason: "for the test", banExpires });
    vi.setSystemTime(Date.now() + 99_000);
    expect((await signIn(auth, "grace")).status).toBe(403);
    vi.setSystemTime(Date.now() + 2_000);
    expect((await signIn(auth, "grace")).status).toBe(200);
    expect(await banned()).toMatchObject({ banned: false, banReason: null, banExpires: null });
  });

  test("username: signs in whatever the case, and belongs to one user", async () => {
    const { auth } = await openApplication(engine, { plugins: [username()] });
    await signUp(auth, "ada", { username: "Countess" });
    const visitor = browser(auth);
    const { password } = credentials("ada");
    expect((await visitor.post("/sign-in/username", { username: "COUNTESS", password })).status).toBe(200);
    expect(await visitor.user()).toMatchObject({ name: "ada", username: "countess", displayUsername: "Countess" });
    const free = async (/** @type {string} */ name) => (await visitor.post("/is-username-available", { username: name })).data;
    expect([await free("countess"), await free("lovelace")]).toEqual([{ available: false }, { available: true }]);
    const twin = await browser(auth).post("/sign-up/email", { ...credentials("twin"), username: "countess" });
    expect(twin.data.code).toBe("USERNAME_IS_ALREADY_TAKEN");
  });

  test("jwt: tokens verify with the key that is stored", async () => {
    const { auth, adapter } = await openApplication(engine, { plugins: [jwt()] });
    const ada = await signUp(auth, "ada");
    for (let round = 0; round < 2; round += 1) {
      const { data } = await ada.get("/token");
      const { keys } = (await ada.get("/jwks")).data;
      expect(verifiedPayload(data.token, keys[0])).toMatchObject({ sub: ada.id, name: "ada" });
    }
    expect(await adapter.count({ model: "jwks" })).toBe(1);
  });

  test("jwt: whoever has the key set can verify a token, also one of another process", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const options = { plugins: [jwt()] };
    const { auth, database, adapter } = await openApplication(engine, options);
    const ada = await signUp(auth, "ada");
    const { data: first } = await ada.get("/token");
    const twin = betterAuth({ ...basics, ...options, database });
    const { data: second } = await (await signIn(twin, "ada")).get("/token");
    const { data: keySet } = await browser(twin).get("/jwks");
    expect(keySet.keys.map((/** @type {any} */ { kid }) => kid)).toEqual([(await adapter.findMany({ model: "jwks" }))[0].id]);

    const expected = { issuer: basics.baseURL, audience: basics.baseURL };
    const verified = (/** @type {string} */ token) =>
      jwtVerify(token, createLocalJWKSet(keySet), { ...expected, currentDate: new Date() });
    for (const { token } of [first, second]) {
      expect((await verified(token)).payload).toMatchObject({ sub: ada.id, email: credentials("ada").email });
    }
    const [header, , signature] = first.token.split(".");
    const forged = Buffer.from(JSON.stringify({ sub: "eve", ...expected })).toString("base64url");
    await expect(verified(`${header}.${forged}.${signature}`)).rejects.toThrow(errors.JWSSignatureVerificationFailed);
    vi.setSystemTime(Date.now() + 16 * 60_000);
    await expect(verified(first.token)).rejects.toThrow(errors.JWTExpired);
  });

  test("bearer: a session is found by its token alone", async () => {
    const { auth } = await openApplication(engine, { plugins: [bearer()] });
    await signUp(auth, "ada");
    const { responseHeaders } = await signIn(auth, "ada");
    const authorization = `Bearer ${responseHeaders.get("set-auth-token")}`;
    const { data } = await browser(auth).get("/get-session", { authorization });
    expect(data.user.name).toBe("ada");
    const { data: none } = await browser(auth).get("/get-session", { authorization: `${authorization}x` });
    expect(none).toBe(null);
  });

  test("apiKey: a key is found by its secret, and is used up", async () => {
    const { auth } = await openApplication(engine, { plugins: [apiKey({ rateLimit: { enabled: true, maxRequests: 2 } })] });
    const ada = await signUp(auth, "ada");
    const verify = async (/** @type {string} */ key) => {
      const { valid, error } = await auth.api.verifyApiKey({ body: { key } });
      return valid || error?.code;
    };
    const create = async (/** @type {object} */ options) =>
      (await auth.api.createApiKey({ body: { userId: ada.id, ...options } })).key;

    const used = await create({ name: "twice", remaining: 2, rateLimitEnabled: false });
    expect([await verify(used), await verify(used), await verify(used)]).toEqual([true, true, "USAGE_EXCEEDED"]);
    const hasty = await create({ name: "hasty" });
    expect([await verify(hasty), await verify(hasty), await verify(hasty)]).toEqual([true, true, "RATE_LIMITED"]);
    expect(await verify("nonsense")).toBe("INVALID_API_KEY");

    const shared = await create({ name: "shared", remaining: 5, rateLimitEnabled: false });
    const verdicts = await Promise.all(Array.from({ length: 20 }, () => verify(shared)));
    // Who finds a key used up removes it, and with it what others of the five were about to read.
    expect(verdicts.filter((verdict) => verdict === true).length).toBeLessThanOrEqual(5);
    expect(await verify(shared)).not.toBe(true);
    const { data } = await ada.get("/api-key/list");
    expect(data.apiKeys).toMatchObject([{ name: "hasty", remaining: null, requestCount: 2 }]);
  });

  test("apiKey: uses count down, and come back with a refill or a new window", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { auth, adapter } = await openApplication(engine, { plugins: [apiKey()] });
    const { id: userId } = await signUp(auth, "ada");
    const verify = async (/** @type {string} */ key) => (await auth.api.verifyApiKey({ body: { key } })).error?.code ?? "valid";
    const times = async (/** @type {number} */ n, /** @type {string} */ key) => {
      const verdicts = [];
      for (let use = 0; use < n; use += 1) verdicts.push(await verify(key));
      return verdicts;
    };
    const remaining = async (/** @type {string} */ id) => (await adapter.findOne({ model: "apikey", where: by("id", id) })).remaining;

    const refilled = await auth.api.createApiKey({
      body: { userId, remaining: 3, refillAmount: 2, refillInterval: 60_000, rateLimitEnabled: false },
    });
    const left = [];
    for (let use = 0; use < 3; use += 1) {
      expect(await verify(refilled.key)).toBe("valid");
      left.push(await remaining(refilled.id));
    }
    expect(left).toEqual([2, 1, 0]);
    expect(await verify(refilled.key)).toBe("USAGE_EXCEEDED");
    vi.setSystemTime(Date.now() + 60_001);
    const verdicts = await Promise.all(Array.from({ length: 6 }, () => verify(refilled.key)));
    expect(verdicts.filter((verdict) => verdict === "valid")).toHaveLength(2);

    const hasty = await auth.api.createApiKey({ body: { userId, rateLimitMax: 2, rateLimitTimeWindow: 60_000 } });
    expect(await verify(hasty.key)).toBe("valid");
    vi.setSystemTime(Date.now() + 10_000);
    expect(await times(2, hasty.key)).toEqual(["valid", "RATE_LIMITED"]);
    const used = await adapter.findOne({ model: "apikey", where: by("id", hasty.id) });
    expect(used).toMatchObject({ requestCount: 2, lastRequest: new Date() });
    vi.setSystemTime(Date.now() + 60_001);
    expect(await times(3, hasty.key)).toEqual(["valid", "valid", "RATE_LIMITED"]);

    const day = 86_400;
    const brief = await auth.api.createApiKey({ body: { userId, expiresIn: day } });
    expect(await verify(brief.key)).toBe("valid");
    vi.setSystemTime(Date.now() + (day + 1) * 1_000);
    expect(await verify(brief.key)).toBe("KEY_EXPIRED");
  });

  test("passkey: what an authenticator registered is stored whole, listed and deleted", async () => {
    const { auth, adapter } = await openApplication(engine, { plugins: [passkey()] });
    const ada = await signUp(auth, "ada");
    const { data: options } = await ada.get("/passkey/generate-register-options");
    expect(options.user.name).toBe("ada@example.com");
    const key = {
      name: "laptop",
      publicKey: Buffer.from("a public key").toString("base64"),
      userId: ada.id,
      credentialID: "credential",
      counter: 2 ** 32 - 1,
      deviceType: "multiDevice",
      backedUp: true,
      transports: "internal,hybrid",
      createdAt: new Date(),
      aaguid: "00000000-0000-0000-0000-000000000000",
    };
    const created = await adapter.create({ model: "passkey", data: key });
    expect(created).toMatchObject(key);
    expect(await adapter.findOne({ model: "passkey", where: by("credentialID", "credential") })).toEqual(created);
    expect((await ada.get("/passkey/list-user-passkeys")).data).toMatchObject([{ name: "laptop", counter: key.counter }]);
    await ada.post("/passkey/delete-passkey", { id: created.id });
    expect((await ada.get("/passkey/list-user-passkeys")).data).toEqual([]);
  });

  test("passkey: a counter grows beyond 32 bits, and only that of its credential", async () => {
    const { auth, adapter } = await openApplication(engine, { plugins: [passkey()] });
    const ada = await signUp(auth, "ada");
    const rest = { publicKey: "", userId: ada.id, deviceType: "singleDevice", backedUp: false };
    for (const credentialID of ["one", "Other"]) {
      await adapter.create({ model: "passkey", data: { ...rest, credentialID, counter: 0 } });
    }
    const found = () => adapter.findOne({ model: "passkey", where: by("credentialID", "one") });
    const { id } = await found();
    for (const counter of [1, 2 ** 31, 2 ** 32, 2 ** 53 - 1]) {
      expect(await adapter.update({ model: "passkey", where: by("id", id), update: { counter } })).toMatchObject({ counter });
      expect(await found()).toMatchObject({ counter });
    }
    const other = (/** @type {string} */ credentialID) => adapter.findOne({ model: "passkey", where: by("credentialID", credentialID) });
    expect(await other("Other")).toMatchObject({ counter: 0 });
    // The IDs are base64: another case is another credential.
    expect(await other("other")).toBe(null);
  });

  test("magicLink: a link signs in once", async () => {
    /** @type {string[]} */
    const sent = [];
    const { auth } = await openApplication(engine, {
      plugins: [magicLink({ sendMagicLink: async ({ token }) => void sent.push(token) })],
    });
    const visitor = browser(auth);
    await visitor.post("/sign-in/magic-link", credentials("ada"));
    const visits = await Promise.all(
      Array.from({ length: 10 }, () => browser(auth).get(`/magic-link/verify?token=${sent[0]}`)),
    );
    expect(visits.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  test("magicLink: a link leaves nothing behind, and ends", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    /** @type {string[]} */
    const sent = [];
    const { auth, adapter } = await openApplication(engine, {
      plugins: [magicLink({ expiresIn: 100, sendMagicLink: async ({ token }) => void sent.push(token) })],
    });
    const visitor = browser(auth);
    const send = () => visitor.post("/sign-in/magic-link", credentials("ada"));
    const follow = (/** @type {string} */ token) => visitor.get(`/magic-link/verify?token=${token}`);

    await send();
    vi.setSystemTime(Date.now() + 101_000);
    expect((await follow(sent[0])).status).toBe(302);
    expect(await visitor.user()).toBe(null);
    expect(await adapter.count({ model: "user" })).toBe(0);

    await send();
    expect(await adapter.count({ model: "verification", where: by("identifier", `magic-link:${sent[1]}`) })).toBe(1);
    expect((await follow(sent[1])).status).toBe(200);
    expect(await visitor.user()).toMatchObject({ email: credentials("ada").email, emailVerified: true });
    expect(await adapter.count({ model: "verification" })).toBe(0);
  });

  test("deviceAuthorization: a device gets a session once its user approves, and only one", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { auth, adapter } = await openApplication(engine, { plugins: [deviceAuthorization({ interval: "5s" })] });
    const ada = await signUp(auth, "ada");
    const device = browser(auth);
    const { data: code } = await device.post("/device/code", { client_id: "television" });
    const grant = {
      grant_type: "urn:ietf:params:oauth:grant-type:device_code",
      device_code: code.device_code,
      client_id: "television",
    };
    expect((await device.post("/device/token", grant)).data.error).toBe("authorization_pending");
    expect((await device.post("/device/token", grant)).data.error).toBe("slow_down");
    await ada.get(`/device?user_code=${code.user_code}`);
    expect(await adapter.findMany({ model: "deviceCode" })).toMatchObject([{ status: "pending", userId: ada.id }]);
    expect((await ada.post("/device/approve", { userCode: code.user_code })).status).toBe(200);

    vi.setSystemTime(Date.now() + 6_000);
    const sessions = await adapter.count({ model: "session" });
    const grants = await Promise.all(Array.from({ length: 8 }, () => device.post("/device/token", grant)));
    expect(grants.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await adapter.count({ model: "session" })).toBe(sessions + 1);
    expect(await adapter.count({ model: "deviceCode" })).toBe(0);
  });

  test("emailOTP: a code signs in once, and only so many are tried", async () => {
    /** @type {string[]} */
    const sent = [];
    const { auth } = await openApplication(engine, {
      plugins: [emailOTP({ allowedAttempts: 2, sendVerificationOTP: async ({ otp }) => void sent.push(otp) })],
    });
    const { email } = credentials("ada");
    const visitor = browser(auth);
    const send = () => visitor.post("/email-otp/send-verification-otp", { email, type: "sign-in" });
    const tries = async (/** @type {string} */ otp) => (await visitor.post("/sign-in/email-otp", { email, otp })).status;
    await send();
    expect([await tries("wrong"), await tries(sent[0]), await tries(sent[0])]).toEqual([400, 200, 400]);
    await send();
    expect([await tries("wrong"), await tries("wrong"), await tries(sent[1])]).toEqual([400, 400, 403]);
  });

  test("anonymous: a guest becomes the user who signs up, and the guest is gone", async () => {
    /** @type {string[]} */
    const linked = [];
    const { auth, adapter } = await openApplication(engine, {
      plugins: [anonymous({ onLinkAccount: async ({ anonymousUser, newUser }) => void linked.push(anonymousUser.user.id, newUser.user.id) })],
    });
    const visitor = browser(auth);
    const { data: guest } = await visitor.post("/sign-in/anonymous");
    const { data: ada } = await visitor.post("/sign-up/email", credentials("ada"));
    expect(linked).toEqual([guest.user.id, ada.user.id]);
    expect(await adapter.findMany({ model: "user" })).toMatchObject([{ name: "ada" }]);
  });

  test("every plugin at once, with this package's passwords, on tables made after betterAuth()", async () => {
    const database = nativeAdapter({ url: await emptyDatabase(engine) });
    onTestFinished(() => database.close());
    const auth = betterAuth({ ...basics, ...everyPlugin, emailAndPassword: { enabled: true, password }, database });
    expect((await database.migrate()).statements).not.toEqual([]);
    const ada = await signUp(auth, "ada", { username: "countess" });
    const { adapter } = await auth.$context;
    const [account] = await adapter.findMany({ model: "account", where: by("userId", ada.id) });
    expect(account.password).toMatch(/^[0-9a-f]{32}:[0-9a-f]{128}$/);

    const signsIn = (/** @type {string} */ password) =>
      auth.api.signInUsername({ body: { username: "Countess", password } });
    await expect(signsIn("another password")).rejects.toMatchObject({ statusCode: 401 });
    expect(await signsIn(credentials("ada").password)).toMatchObject({ user: { id: ada.id } });
    const { headers } = ada;
    const { id } = await auth.api.createOrganization({ headers, body: { name: "Engines", slug: "engines" } });
    expect(await auth.api.listOrganizations({ headers })).toMatchObject([{ id, slug: "engines" }]);
    const { key } = await auth.api.createApiKey({ body: { userId: ada.id } });
    expect(await auth.api.verifyApiKey({ body: { key } })).toMatchObject({ valid: true, key: { referenceId: ada.id } });
    expect((await auth.api.getSession({ headers }))?.user).toMatchObject({ username: "countess", role: "user" });
  });
});

/** The code of an authenticator app (RFC 6238). @param {string} secret in base 32 */
function totp(secret) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeUInt32BE(Math.floor(Date.now() / 30_000), 4);
  const digest = createHmac("sha1", key).update(counter).digest();
  const number = digest.readUInt32BE(digest[19] & 0xf) & 0x7fffffff;
  return `${number % 1_000_000}`.padStart(6, "0");
}

/**
 * What a token says, if its signature is right.
 *
 * @param {string} token
 * @param {import("node:crypto").JsonWebKey} key
 */
function verifiedPayload(token, key) {
  const [header, payload, signature] = token.split(".");
  const signed = Buffer.from(`${header}.${payload}`);
  const publicKey = createPublicKey({ key, format: "jwk" });
  if (!verify(null, signed, publicKey, Buffer.from(signature, "base64url"))) return null;
  return JSON.parse(Buffer.from(payload, "base64url").toString());
}
