// Data to write.

/** @param {string | number} name */
export function credentials(name) {
  return { name: `${name}`, email: `${name}@example.com`, password: "correct horse battery staple" };
}

/**
 * A row for the table "user".
 *
 * @param {string | number} name
 */
export function user(name) {
  const now = new Date();
  const { email } = credentials(name);
  return { name: `${name}`, email, emailVerified: false, createdAt: now, updatedAt: now };
}

/**
 * A row for the table "verification".
 *
 * @param {string | number} identifier
 * @param {string} [value]
 */
export function verification(identifier, value = "") {
  const now = new Date();
  return { identifier: `${identifier}`, value, expiresAt: now, createdAt: now, updatedAt: now };
}

/** Where there is something to count. */
export const withRateLimit = { rateLimit: { storage: /** @type {const} */ ("database") } };

/** A row for the table "rateLimit". */
export const counter = { key: "counter", count: 0, lastRequest: 0 };

/** What counts it; without what it adds, what finds it. */
export const increment = {
  model: "rateLimit",
  where: [{ field: "key", value: "counter" }],
  increment: { count: 1 },
};
