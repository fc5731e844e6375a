// The rows that the writers write: their contents follow from key and version, so that a ledger need
// not hold them.

/** Where the key and the content of a row are, by table. */
export const tables = {
  user: { key: "name", content: "image" },
  account: { key: "accountId", content: "password" },
  session: { key: "token", content: "userAgent" },
  verification: { key: "identifier", content: "value" },
  notes: { key: "key", content: "content" },
};

/** Rows of "rateLimit" that every side adds to. */
export const counters = {
  /** By one statement. */
  added: "counter:added",
  /** Read and then written, in a transaction that has written before. */
  read: "counter:read",
};

/** What the application has of its own. */
export const NOTES = "CREATE TABLE notes (key TEXT PRIMARY KEY, content TEXT NOT NULL)";

/** The parts of Better Auth's options that these tables come from. */
export const withCounters = { rateLimit: { enabled: false, storage: /** @type {const} */ ("database") } };

/** @param {string} key @param {number} version */
export function content(key, version) {
  const number = Number(key.slice(key.lastIndexOf(".") + 1));
  return `${key} ${version} ${"0123456789".repeat(1 + ((number + 7 * version) % 150))}`;
}

/**
 * The version that a row has; NaN where its content is not what any version has. In a damaged file both
 * may be anything.
 *
 * @param {unknown} key
 * @param {unknown} stored
 */
export function versionOf(key, stored) {
  if (typeof key !== "string" || typeof stored !== "string") return NaN;
  const version = Number(stored.split(" ", 2)[1]);
  return stored === content(key, version) ? version : NaN;
}
