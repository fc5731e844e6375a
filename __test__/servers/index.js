// The kinds of servers; each module finds or unpacks its programs, and starts any number of them.

import * as galera from "./galera.js";
import * as mariadb from "./mariadb.js";
import * as mysql from "./mysql.js";
import * as pgbouncer from "./pgbouncer.js";
import * as postgres from "./postgres.js";
import * as redis from "./redis.js";
import * as tls from "./tls.js";

export { galera, mariadb, mysql, pgbouncer, postgres, redis };
export { startProxy } from "./proxy.js";
export { makeCertificates } from "./tls.js";

/** Does what takes long, so that tests need not: the programs, and data directories to copy. */
export async function install() {
  await Promise.all([galera, mysql, pgbouncer, postgres, redis, tls].map((each) => each.install()));
}
