// What Linux knows of the locks on a file, and of who has it open.

import { readFileSync, readdirSync, readlinkSync, statSync } from "node:fs";

/**
 * The locks on a file, of all processes, one text each, in order: of what kind, for what, and which
 * bytes.
 *
 * @param {string} path
 * @param {"OFDLCK" | "POSIX"} kind of the open file description, or of the process
 */
export function locksOn(path, kind) {
  const inode = `${statSync(path).ino}`;
  const locks = readFileSync("/proc/locks", "utf8").split("\n").map((line) => line.trim().split(/ +/));
  // "1: OFDLCK ADVISORY WRITE -1 fe:00:1234 120 120"; who waits for a lock has an arrow before the kind.
  return locks
    .filter((lock) => lock[1] === kind && lock[5].split(":")[2] === inode)
    .map(([, , , access, , , first, last]) => `${access} ${first} to ${last}`)
    .toSorted();
}

/** The names of this process's descriptors of a database's files. @param {string} path */
export function descriptorsOf(path) {
  const targets = readdirSync("/proc/self/fd").map((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`);
    } catch {
      // The one that the folder was read by.
      return "";
    }
  });
  return targets.filter((target) => target.startsWith(path)).toSorted();
}
