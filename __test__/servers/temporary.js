// Temporary directories, and the servers that live in them. None outlives this process, however it
// ends: a second process watches it and clears up what it leaves.

import { spawn } from "node:child_process";
import { chmod, chown, copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { account } from "./program.js";

/** @type {import("node:net").Socket | undefined} */
let watcher;

function startWatcher() {
  const script = fileURLToPath(new URL("watcher.js", import.meta.url));
  // Detached: Ctrl-C in a terminal ends this process, and not the one that clears up after it.
  const child = spawn(process.execPath, [script], {
    cwd: "/",
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  child.unref();
  const pipe = /** @type {import("node:net").Socket} */ (child.stdin);
  pipe.unref();
  return pipe;
}

/**
 * Tells the watcher what to end and remove; the last word about a directory counts.
 *
 * @param {string} directory
 * @param {Omit<import("./watcher.js").State, "directory">} state
 */
export function guard(directory, state) {
  watcher ??= startWatcher();
  watcher.write(`${JSON.stringify({ directory, ...state })}\n`);
}

/**
 * An empty directory that belongs to the account servers run as.
 *
 * @param {string} [parent]
 */
export async function temporaryDirectory(parent = tmpdir()) {
  const directory = await mkdtemp(join(parent, "better-auth-native-"));
  guard(directory, {});
  await give(directory);
  return directory;
}

/**
 * A copy of a file that only the account of the servers can read, as they want it of keys.
 *
 * @param {string} file
 * @param {string} directory
 */
export async function privateCopy(file, directory) {
  const copy = join(directory, basename(file));
  await copyFile(file, copy);
  await chmod(copy, 0o600);
  await give(copy);
  return copy;
}

/** @param {string} path what belongs to the account servers run as */
async function give(path) {
  const { uid, gid } = account;
  if (uid !== undefined && gid !== undefined) await chown(path, uid, gid);
}

/** @param {string} directory */
export async function remove(directory) {
  await rm(directory, { recursive: true, force: true });
  guard(directory, { removed: true });
}
