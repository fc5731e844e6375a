// One contestant as a whole application: Better Auth behind node:http, in a process of its own,
// which does what the comparison asks for.

import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { toNodeHandler } from "better-auth/node";
import { NATIVE, OPTIONS } from "../contestants.js";
import { engines } from "../engines.js";
import { watchProcess } from "../measure.js";

const PASSWORD = "correct horse battery staple";
/** Who sign in, in turns. */
const USERS = 16;

const [engine, name, place] = process.argv.slice(2);
const { open } = await engines[engine]();
const contestant = await open(name, place);
const secret = randomBytes(32).toString("hex");

const server = createServer();
server.listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
const origin = `http://127.0.0.1:${port}`;

const auth = betterAuth({
  ...OPTIONS,
  baseURL: origin,
  secret,
  database: contestant.database,
  emailAndPassword: { enabled: true, ...(name === NATIVE && { password: await ownHasher() }) },
  rateLimit: { enabled: false },
  logger: { disabled: true },
  telemetry: { enabled: false },
});
server.on("request", toNodeHandler(auth));
const context = await auth.$context;

async function ownHasher() {
  const { password } = await import("../../index.js");
  return password;
}

/** @type {ReturnType<typeof watchProcess> | undefined} */
let watch;

/** What can be asked for. */
const answers = {
  origin: async () => origin,

  versions: async () => contestant.versions,

  /** The e-mail addresses of users who can sign in. */
  async users() {
    const emails = Array.from({ length: USERS }, (_, n) => `visitor${n}@example.com`);
    for (const email of emails) {
      await auth.api.signUpEmail({ body: { name: "A visitor", email, password: PASSWORD } });
    }
    return emails;
  },

  /** Cookies of new sessions. @param {{ email: string, count: number }} wanted */
  async cookies({ email, count }) {
    const { adapter, internalAdapter, authCookies } = context;
    const where = [{ field: "email", value: email }];
    const user = /** @type {{ id: string }} */ (await adapter.findOne({ model: "user", where }));
    const cookies = [];
    for (let n = 0; n < count; n++) {
      const { token } = await internalAdapter.createSession(user.id);
      const signature = createHmac("sha256", context.secret).update(token).digest("base64");
      cookies.push(`${authCookies.sessionToken.name}=${encodeURIComponent(`${token}.${signature}`)}`);
    }
    return cookies;
  },

  async begin() {
    watch = watchProcess();
  },

  end: async () => watch?.stop(),

  async close() {
    server.closeAllConnections();
    server.close();
    await contestant.close();
  },
};

process.on("message", async (/** @type {{ ask: keyof typeof answers, about: any }} */ { ask, about }) => {
  try {
    process.send?.({ answer: await answers[ask](about) });
  } catch (error) {
    process.send?.({ error });
  }
  if (ask === "close") process.disconnect();
});
process.send?.({ answer: "ready" });
