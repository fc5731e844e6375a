// One user's way through Better Auth, over HTTP, each step checked and told in a line.

import { randomBytes } from "node:crypto";
import { Client } from "./client.js";
import { facts, heading, line } from "./report.js";

/**
 * @typedef {object} Step
 * @property {string} what
 * @property {(client: Client) => Promise<import("./client.js").Answer>} send
 * @property {number} status the only right one
 * @property {(body: any) => string | false} told what came back in words, or that it is wrong
 */

/** @returns {Step[]} */
function steps() {
  const name = "Ada Lovelace";
  // Nobody's yet, so that a database can be walked through again.
  const email = `ada-${randomBytes(4).toString("hex")}@example.com`;
  const password = randomBytes(16).toString("hex");
  return [
    {
      what: "sign up",
      send: (client) => client.post("/sign-up/email", { name, email, password }),
      status: 200,
      told: (body) => body?.user?.email === email && `user ${email} and a session`,
    },
    {
      what: "sign in",
      send: (client) => client.post("/sign-in/email", { email, password }),
      status: 200,
      told: (body) => body?.user?.email === email && "another session",
    },
    {
      what: "read session",
      send: (client) => client.get("/get-session"),
      status: 200,
      told: (body) => body?.user?.email === email && `${name}, until ${day(body.session.expiresAt)}`,
    },
    {
      what: "wrong password",
      send: (client) => client.post("/sign-in/email", { email, password: `${password}?` }),
      status: 401,
      told: (body) => body?.code === "INVALID_EMAIL_OR_PASSWORD" && `refused: ${body.message}`,
    },
    {
      what: "sign out",
      send: (client) => client.post("/sign-out", {}),
      status: 200,
      told: (body) => body?.success === true && "that session has ended",
    },
    {
      what: "read session",
      send: (client) => client.get("/get-session"),
      status: 200,
      told: (body) => body === null && "none",
    },
  ];
}

/** @param {string} date */
function day(date) {
  return date.slice(0, "2000-01-01".length);
}

/** @param {import("./app.js").App} app */
export async function walkThrough(app) {
  heading(`Better Auth on better-auth-native, at ${app.url}`);
  const { statements, milliseconds } = app.migration;
  const migrated = statements.length === 0 ? "nothing to do" : `${statements.length} statements run`;
  line({ what: "migrate", told: migrated, milliseconds });

  const client = new Client(app.url);
  for (const { what, send, status, told } of steps()) {
    const answer = await send(client);
    const words = answer.status === status && told(answer.body);
    if (!words) {
      // Not the whole answer: there may be a token in it.
      const reason = answer.body?.message ?? "not the answer expected";
      throw new Error(`${what}: HTTP ${answer.status}, ${reason}`);
    }
    line({ what, status, told: words, milliseconds: answer.milliseconds });
  }

  const counts = await app.countRows();
  console.log();
  facts({
    Database: app.databaseUrl,
    Rows: counts.map(({ model, rows }) => `${model} ${rows}`).join(", "),
    "Sign-in page": `npm run demo -- --serve --database "${app.databaseUrl}"`,
  });
}
