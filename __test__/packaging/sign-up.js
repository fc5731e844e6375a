// The application of 90-packaging.test.js: signs a user up and in through the installed package,
// on the database given as argument, and prints what it saw as one line of JSON.

import { createRequire } from "node:module";
import { betterAuth } from "better-auth";
import { nativeAdapter, password } from "better-auth-native";

const database = nativeAdapter(process.argv[2] ?? "sqlite::memory:");
const auth = betterAuth({
  baseURL: "http://localhost:3000",
  secret: "a-secret-for-tests-only-0123456789",
  database,
  emailAndPassword: { enabled: true, password },
});
await database.migrate();

const credentials = { email: "ada@example.com", password: "correct horse battery staple" };
await auth.api.signUpEmail({ body: { name: "Ada", ...credentials } });

const { headers } = await auth.api.signInEmail({ body: credentials, returnHeaders: true });
const cookie = headers.getSetCookie().map((line) => line.split(";", 1)[0]).join("; ");
const session = await auth.api.getSession({ headers: new Headers({ cookie }) });

const wrong = { ...credentials, password: "wrong" };
const refusal = await auth.api.signInEmail({ body: wrong }).catch((error) => error);
await database.close();

const loaded = Object.keys(createRequire(import.meta.url).cache);
console.log(
  JSON.stringify({
    user: session?.user.email,
    refusal: refusal.body?.code,
    addons: loaded.filter((path) => path.endsWith(".node")),
  }),
);
