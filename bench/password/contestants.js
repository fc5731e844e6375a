// Who hashes: this package on each kernel that this CPU supports, what Better Auth does without it,
// and a native neighbour with another algorithm, for context.

import { NATIVE } from "../contestants.js";
import { nameAndVersion, ownVersion } from "../machine.js";
import { load } from "../peers.js";

/**
 * @typedef {object} Hasher As `emailAndPassword.password` takes it.
 * @property {(password: string) => Promise<string>} hash
 * @property {(data: { hash: string, password: string }) => Promise<boolean>} verify
 */

/**
 * @typedef {object} Contestant
 * @property {string} name
 * @property {() => string[]} versions Read once they are installed.
 * @property {() => Promise<Hasher>} open Called in a process of its own.
 * @property {string} [kernel] Forced by the environment of that process.
 * @property {boolean} [otherAlgorithm] Its hashes are not Better Auth's.
 * @property {number} mostCallers At a time; those that take minutes for more are spared it.
 */

export const NODE_CRYPTO = "node:crypto (the default)";

/** The best first, as the core has them. */
const KERNELS = ["avx512", "avx2", "sse2", "neon", "scalar"];

/** @param {string} kernel */
export const forced = (kernel) => `  forced: ${kernel}`;

/** @type {Contestant[]} */
export const contestants = [
  {
    name: NATIVE,
    versions: () => [ownVersion()],
    open: openNative,
    mostCallers: Infinity,
  },
  {
    name: NODE_CRYPTO,
    versions: () => [nameAndVersion("better-auth"), `OpenSSL ${process.versions.openssl}`],
    async open() {
      const { hashPassword, verifyPassword } = await import("better-auth/crypto");
      return { hash: hashPassword, verify: verifyPassword };
    },
    mostCallers: Infinity,
  },
  {
    name: "@noble/hashes (fallback)",
    versions: () => [nameAndVersion("@noble/hashes")],
    async open() {
      // What Better Auth takes where there is no node:crypto; Node itself would not choose it.
      const fallback = new URL("../node_modules/@better-auth/utils/dist/password.mjs", import.meta.url);
      const { hashPassword, verifyPassword } = await load(fallback.href);
      return { hash: hashPassword, verify: ({ hash, password }) => verifyPassword(hash, password) };
    },
    mostCallers: 8,
  },
  {
    name: "@node-rs/argon2 (argon2id)",
    versions: () => [nameAndVersion("@node-rs/argon2")],
    async open() {
      const { hash, verify } = await load("@node-rs/argon2");
      return { hash, verify: ({ hash: text, password }) => verify(text, password) };
    },
    otherAlgorithm: true,
    mostCallers: Infinity,
  },
  ...KERNELS.map((kernel) => ({
    name: forced(kernel),
    versions: () => [ownVersion()],
    open: openNative,
    kernel,
    mostCallers: Infinity,
  })),
];

async function openNative() {
  const { password } = await import("../../index.js");
  return password;
}
