// Visitors of an application, by what they have just done.

import { expect } from "vitest";
import { browser } from "./browser.js";
import { credentials } from "./rows.js";

/**
 * A visitor who has just signed up.
 *
 * @param {any} auth
 * @param {string} name
 * @param {object} [more] fields
 */
export async function signUp(auth, name, more) {
  const visitor = browser(auth);
  const { status, data } = await visitor.post("/sign-up/email", { ...credentials(name), ...more });
  expect(status, JSON.stringify(data)).toBe(200);
  return Object.assign(visitor, { id: data.user.id });
}

/**
 * A visitor who tries to sign in.
 *
 * @param {any} auth
 * @param {string} name
 */
export async function signIn(auth, name) {
  const visitor = browser(auth);
  const { status, data, headers } = await visitor.post("/sign-in/email", credentials(name));
  return Object.assign(visitor, { status, data, responseHeaders: headers });
}
