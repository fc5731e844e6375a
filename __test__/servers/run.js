// Servers in the foreground, for development: prints their URLs; Ctrl-C ends them.

import { galera, mariadb, mysql, pgbouncer, postgres, redis } from "./index.js";

/** @type {Record<string, () => Promise<{ url: string }[]>>} */
const kinds = {
  postgres: async () => [await postgres.start()],
  mysql: async () => [await mysql.start()],
  mariadb: async () => [await mariadb.start()],
  async standby() {
    const primary = await postgres.start();
    return [primary, await postgres.startStandby(primary)];
  },
  async pgbouncer() {
    const server = await postgres.start();
    return [server, await pgbouncer.start(server)];
  },
  galera: () => galera.startCluster(),
  redis: async () => [await redis.start()],
  "redis-cluster": () => redis.startCluster(),
};

const names = process.argv.slice(2);
if (names.length === 0 || !names.every((name) => Object.hasOwn(kinds, name))) {
  console.error(`usage: node __test__/servers/run.js <${Object.keys(kinds).join("|")}>...`);
  process.exit(1);
}
const print = async (/** @type {string} */ name) => {
  for (const { url } of await kinds[name]()) console.log(`${name} ${url}`);
};
await Promise.all(names.map(print));
// Their watcher ends them when this process is gone.
setInterval(() => {}, 1_000_000);
