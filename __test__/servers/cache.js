// What is made once per machine and kept: unpacked packages and initialised data directories.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, rename } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { remove, temporaryDirectory } from "./temporary.js";

/** Where servers can read it, which root runs as somebody else. */
export const cacheFolder =
  process.getuid?.() === 0
    ? "/var/cache/better-auth-native-servers"
    : join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "better-auth-native-servers");

/**
 * A folder made by that recipe; made when there is none yet. Processes that make the same one at
 * the same time do not wait for each other: the first result is kept.
 *
 * @param {string} name
 * @param {unknown} recipe all that the content depends on
 * @param {(folder: string) => Promise<void>} make fills an empty folder
 */
export async function cached(name, recipe, make) {
  const hash = createHash("sha256").update(JSON.stringify(recipe)).digest("hex");
  const path = join(cacheFolder, `${name}-${hash.slice(0, 12)}`);
  if (existsSync(path)) return path;
  await mkdir(cacheFolder, { recursive: true });
  const unfinished = await temporaryDirectory(cacheFolder);
  try {
    await make(unfinished);
    await chmod(unfinished, 0o755);
    await rename(unfinished, path);
  } catch (error) {
    if (!existsSync(path)) throw error;
  } finally {
    await remove(unfinished);
  }
  return path;
}
