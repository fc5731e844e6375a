// The application's auth configuration, found and loaded as Better Auth's command does it.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { createJiti } from "jiti";
import { UsageError } from "./arguments.js";

/** As `auth` has them, in its order. */
const NAMES = ["auth.ts", "auth.tsx", "auth.js", "auth.jsx", "auth.server.js", "auth.server.ts"];
const FILES = [
  ...NAMES,
  ...["ts", "tsx", "js", "jsx", "server.js", "server.ts"].map((ending) => `auth/index.${ending}`),
];
const FOLDERS = ["", "lib/server/", "server/auth/", "server/", "auth/", "lib/", "utils/"];
const ROOTS = ["", "src/", "app/"];

const paths = ROOTS.flatMap((root) =>
  FOLDERS.flatMap((folder) => FILES.map((file) => `${root}${folder}${file}`)),
);

/**
 * @param {string} cwd
 * @param {string} [given] The file, where it is told.
 * @returns {Promise<import("@better-auth/core").BetterAuthOptions | undefined>} none where there is no file
 */
export async function loadConfig(cwd, given) {
  const file = given === undefined ? paths.find((path) => existsSync(join(cwd, path))) : given;
  if (file === undefined) return undefined;
  const path = resolve(cwd, file);
  if (!existsSync(path)) throw new UsageError(`there is no file ${path}`);
  loadEnvironment(cwd);
  const auth = authOf(await load(cwd, path), path);
  return auth.options;
}

/** What the shell has set counts more than .env.local, and that more than .env. @param {string} cwd */
function loadEnvironment(cwd) {
  for (const name of [".env.local", ".env"]) {
    const path = join(cwd, name);
    if (existsSync(path)) process.loadEnvFile(path);
  }
}

/**
 * TypeScript, and the path aliases of tsconfig.json or jsconfig.json.
 *
 * @param {string} cwd
 * @param {string} path
 */
async function load(cwd, path) {
  const project = ["tsconfig.json", "jsconfig.json"].map((name) => join(cwd, name)).find(existsSync);
  const jiti = createJiti(join(cwd, "_"), {
    tsconfigPaths: project ?? false,
    jsx: { runtime: "automatic" },
    interopDefault: false,
    moduleCache: false,
    fsCache: false,
  });
  try {
    return /** @type {any} */ (await jiti.import(path));
  } catch (cause) {
    const { message } = /** @type {Error} */ (cause);
    const why = message.includes("Client Component module")
      ? "it imports server-only, which only a framework can; take that line out while this runs"
      : message;
    throw new Error(`the auth configuration ${path} cannot be loaded: ${why}`, { cause });
  }
}

/**
 * `export const auth`, `export default auth` or `export default { auth }`.
 *
 * @param {any} module
 * @param {string} path
 */
function authOf(module, path) {
  const auth = module?.auth ?? module?.default?.auth ?? module?.default;
  if (auth?.options) return auth;
  throw new UsageError(
    `${path} exports no Better Auth instance: export it as \`auth\`, or as the default`,
  );
}
