// A cluster of MariaDB servers, Galera: each takes writes, and a transaction that conflicts with
// one of another server fails when it commits.

import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "./cache.js";
import { unpack } from "./debian.js";
import * as mariadb from "./mariadb.js";
import { serve } from "./mysql-protocol.js";
import { freePort } from "./port.js";
import { environment, findFolder, run } from "./program.js";

const LIBRARY = "libgalera_smm.so";

/** What Galera asks for. */
const SETTINGS = {
  "wsrep-on": "ON",
  "binlog-format": "ROW",
  "innodb-autoinc-lock-mode": 2,
  "wsrep-sst-method": "rsync",
};

/** The library, and an environment with the programs that copy data from server to server. */
async function galera() {
  const installed = ["/usr/lib/galera", "/usr/lib"].map((folder) => join(folder, LIBRARY));
  const library = installed.find((path) => existsSync(path));
  const copies = ["wsrep_sst_rsync", "rsync"].every((program) => findFolder(program));
  if (library !== undefined && copies) return { library, env: {} };
  const { root, libraries } = await unpack(["galera-4", "mariadb-server", "rsync"]);
  const env = {
    PATH: [environment.PATH, join(root, "usr/bin"), join(root, "bin")].join(":"),
    LD_LIBRARY_PATH: libraries.join(":"),
  };
  return { library: join(root, "usr/lib", LIBRARY), env };
}

/** What runs: a program, and data to copy, of which each copy knows the same state of a cluster. */
async function prepare() {
  const { env, ...mariadbd } = await mariadb.prepare();
  const { library, ...more } = await galera();
  const alone = { ...mariadbd, library, env: { ...env, ...more.env } };
  const made = await cached("galera-data", [alone.data, SETTINGS], async (folder) => {
    const node = await startNode(alone, [await freePort()], 0);
    await node.shutDown();
    await run(["cp", "-a", join(node.directory, "data"), folder]);
    await node.stop();
    // With their writes in it, which nobody will ask for.
    await rm(join(folder, "data/galera.cache"));
  });
  return { ...alone, data: join(made, "data") };
}

export async function install() {
  await prepare();
}

/**
 * Three servers: when one dies, the others are the majority and go on. One that comes back gets
 * what it has missed from another.
 *
 * @param {import("./mysql-protocol.js").Options} [options] of each
 */
export async function startCluster(options) {
  const prepared = await prepare();
  const ports = [await freePort(), await freePort(), await freePort()];
  const cluster = [];
  // At the same time they would take longer.
  for (const index of ports.keys()) {
    cluster.push(await startNode(prepared, ports, index, options));
  }
  return cluster;
}

/**
 * @param {Awaited<ReturnType<typeof prepare>>} prepared
 * @param {number[]} ports at which the servers of the cluster talk to each other
 * @param {number} index of this one; the first begins the cluster, the others join
 * @param {import("./mysql-protocol.js").Options} [options]
 */
async function startNode({ library, ...prepared }, ports, index, options) {
  const addresses = ports.map((port) => `127.0.0.1:${port}`);
  const provider = {
    "gmcast.listen_addr": `tcp://${addresses[index]}`,
    "ist.recv_addr": `127.0.0.1:${await freePort()}`,
    "gcache.size": "16M",
    "evs.keepalive_period": "PT0.3S",
    "evs.inactive_check_period": "PT0.3S",
    "evs.join_retrans_period": "PT0.3S",
    "evs.suspect_timeout": "PT2S",
    "evs.inactive_timeout": "PT5S",
  };
  const settings = {
    ...prepared.settings,
    ...SETTINGS,
    "wsrep-provider": library,
    "wsrep-provider-options": Object.entries(provider).map((pair) => pair.join("=")).join(";"),
    "wsrep-cluster-address": `gcomm://${addresses.join()}`,
    "wsrep-node-address": addresses[index],
    "wsrep-sst-receive-address": `127.0.0.1:${await freePort()}`,
  };
  const firstly = index === 0 ? ["--wsrep-new-cluster"] : [];
  const ready = "SHOW STATUS WHERE Variable_name = 'wsrep_ready' AND Value = 'ON'";
  return serve({ ...prepared, settings, firstly, ready }, options);
}
