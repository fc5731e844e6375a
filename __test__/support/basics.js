// What every application here has in common.

/** Better Auth's hash takes as long as a hundred tests; where hashing is not the topic, this does. */
const quickPassword = {
  hash: async (/** @type {string} */ password) => `not a hash: ${password}`,
  verify: async (/** @type {{ hash: string, password: string }} */ { hash, password }) =>
    hash === `not a hash: ${password}`,
};

export const basics = {
  baseURL: "http://localhost:3000",
  secret: "a-secret-for-tests-only-0123456789",
  emailAndPassword: { enabled: true, password: quickPassword },
  telemetry: { enabled: false },
  logger: { disabled: true },
};
