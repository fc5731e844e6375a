// A SQLite file that another program works on, with a driver that is not this package's.
// Both may have it open at the same time; 65-two-copies-of-sqlite.test.js has what that rests on.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Driver from "libsql";

/**
 * @param {string} [script] what the other program runs first
 */
export function sqliteFile(script = "") {
  const directory = mkdtempSync(join(tmpdir(), "better-auth-native-"));
  const path = join(directory, "auth.db");
  /**
   * @template T
   * @param {(driver: Driver.Database) => T} work
   */
  const open = (work) => {
    const driver = new Driver(path);
    try {
      return work(driver);
    } finally {
      driver.close();
    }
  };
  open((driver) => driver.exec(script));
  return {
    path,
    url: `sqlite:${path}`,
    open,
    /** @param {string} sql */
    run: (sql) => open((driver) => driver.exec(sql)),
    drop: () => rmSync(directory, { recursive: true, force: true }),
  };
}
