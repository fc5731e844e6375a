// The servers that all test files share, one of each engine: started before the first of them and
// stopped after the last (vitest's globalSetup), each unless its variable names one that is there.

import * as mariadb from "./mariadb.js";
import * as mysql from "./mysql.js";
import * as postgres from "./postgres.js";
import * as redis from "./redis.js";

/** By the environment variable with the URL, of somebody who may make databases (Redis: write). */
const kinds = {
  TEST_POSTGRES_URL: postgres,
  TEST_MYSQL_URL: mysql,
  TEST_MARIADB_URL: mariadb,
  TEST_REDIS_URL: redis,
};

/** @returns {Promise<() => Promise<void>>} what stops them */
export async function setup() {
  const missing = Object.entries(kinds).filter(([variable]) => !process.env[variable]);
  const starts = missing.map(async ([variable, kind]) => {
    const { url, stop } = await kind.start();
    process.env[variable] = url;
    return async () => {
      delete process.env[variable];
      await stop();
    };
  });
  const started = await Promise.allSettled(starts);
  const stop = async () => {
    await Promise.all(started.map((each) => each.status === "fulfilled" && each.value()));
  };
  for (const each of started) {
    if (each.status === "fulfilled") continue;
    await stop();
    throw each.reason;
  }
  return stop;
}
