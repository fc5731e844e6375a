// Somebody who comes to the file by another copy of SQLite, and goes again.
//
// Without prepared statements where possible: libsql closes when the last one has been collected.

import Driver from "libsql";

/** @param {string} path */
export function visit(path) {
  const driver = new Driver(path);
  driver.exec("SELECT count(*) FROM verification");
  driver.close();
}

/** @param {string} path */
export function canWrite(path) {
  const driver = new Driver(path);
  try {
    driver.exec("BEGIN IMMEDIATE; INSERT INTO notes VALUES ('of somebody else'); COMMIT");
    return true;
  } catch (error) {
    if (/** @type {{ code?: string }} */ (error).code === "SQLITE_BUSY") return false;
    throw error;
  } finally {
    driver.close();
  }
}

/** @param {string} path */
export function canResetLog(path) {
  const driver = new Driver(path);
  try {
    const { busy } = /** @type {any} */ (driver.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get());
    return busy === 0;
  } finally {
    driver.close();
  }
}
