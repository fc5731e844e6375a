// Where the demo's database is: a place for a new one, and a name for it that may be printed.

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new one every time, in a folder that only this user can read. */
export function newDatabaseUrl() {
  const path = join(mkdtempSync(join(tmpdir(), "better-auth-native-demo-")), "auth.db");
  // In a URL these two mean something else.
  return `sqlite:${path.replace(/[%?]/g, encodeURIComponent)}`;
}

/**
 * The URL without what may be secret in it: user, password and parameters.
 *
 * @param {string} url
 */
export function publicUrl(url) {
  return url.replace(/\/\/.*@/s, "//").replace(/\?.*/s, "");
}
