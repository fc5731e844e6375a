// Redis, alone or as a cluster.

import { join } from "node:path";
import { password } from "./accounts.js";
import { startDaemon } from "./daemon.js";
import { unpack } from "./debian.js";
import { freePort } from "./port.js";
import { findFolder, run } from "./program.js";
import { privateCopy, temporaryDirectory } from "./temporary.js";

/**
 * @typedef {object} Options
 * @property {Record<string, string | string[]>} [settings] as in redis.conf, each as often as it
 *   has values
 * @property {{ cert: string, key: string, ca?: string }} [tls] files; then it speaks nothing else
 * @property {boolean} [login] whether it wants the password; default: true
 */

/** How much higher the port is by which the members of a cluster talk to each other. */
const CLUSTER_BUS = 10_000;

/** @typedef {import("./daemon.js").Server & { cli: (...command: string[]) => Promise<string> }} Redis */

/** Nothing has to survive the machine. */
const SETTINGS = { bind: "127.0.0.1", save: "", appendonly: "no" };

/** Where the programs are, and what they need in their environment. */
async function programs() {
  const bin = findFolder("redis-server");
  if (bin !== undefined) return { bin, env: {} };
  const { root, libraries } = await unpack(["redis-server", "redis-tools"]);
  return { bin: join(root, "usr/bin"), env: { LD_LIBRARY_PATH: libraries.join(":") } };
}

export async function install() {
  await programs();
}

/**
 * @param {Options} [options]
 * @returns {Promise<Redis>}
 */
export async function start({ settings = {}, tls, login = true } = {}) {
  const { bin, env } = await programs();
  const [directory, port] = [await temporaryDirectory(), await freePort(CLUSTER_BUS)];
  const socket = join(directory, "socket");
  const all = {
    ...SETTINGS,
    ...(tls ? { port: "0", "tls-port": `${port}`, ...(await tlsSettings(directory, tls)) } : { port: `${port}` }),
    ...(login && { requirepass: password }),
    unixsocket: socket,
    dir: directory,
    ...settings,
  };
  const given = Object.entries(all).flatMap(([name, values]) =>
    [values].flat().flatMap((value) => [`--${name}`, ...(name === "rename-command" ? value.split(" ") : [value])]),
  );
  const by = ["-s", socket, ...(login ? ["--no-auth-warning", "-a", password] : [])];
  const cli = (/** @type {string[]} */ ...command) => run([join(bin, "redis-cli"), ...by, ...command], { env });
  const daemon = await startDaemon({
    command: [join(bin, "redis-server"), ...given],
    directory,
    env,
    async answers() {
      const answer = await cli("PING");
      if (answer.trim() !== "PONG") throw new Error(answer);
    },
  });
  const scheme = tls ? "rediss" : "redis";
  const url = `${scheme}://${login ? `:${encodeURIComponent(password)}@` : ""}127.0.0.1:${port}`;
  return { ...daemon, port, socket, socketDirectory: directory, url, adminUrl: url, cli };
}

/**
 * Primaries that share the keys between them.
 *
 * @param {number} [size]
 */
export async function startCluster(size = 3) {
  const settings = {
    "cluster-enabled": "yes",
    "cluster-node-timeout": "2000",
    // Where one is away, the others go on.
    "cluster-require-full-coverage": "no",
    masterauth: password,
  };
  const nodes = await Promise.all(Array.from({ length: size }, () => start({ settings })));
  const { bin, env } = await programs();
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  const login = ["--no-auth-warning", "-a", password];
  await run([join(bin, "redis-cli"), ...login, "--cluster", "create", ...addresses, "--cluster-yes"], { env });
  return nodes;
}

/**
 * @param {string} directory where the server may read them, and nobody else
 * @param {NonNullable<Options["tls"]>} tls
 */
async function tlsSettings(directory, { cert, key, ca }) {
  const own = (/** @type {string} */ file) => privateCopy(file, directory);
  return {
    "tls-cert-file": await own(cert),
    "tls-key-file": await own(key),
    "tls-ca-cert-file": await own(ca ?? cert),
    "tls-auth-clients": ca ? "yes" : "no",
  };
}
