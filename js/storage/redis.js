// redisStorage(): Better Auth's secondary storage in Redis.
//
// Errors quote of a URL its scheme and the names of its parameters: the rest may hold a password.

import { cleanUrl, pem, splitUrl } from "../address.js";
import { FLAG, TEXT, checkOptions, whole } from "../checks.js";
import { invalidInput } from "../errors.js";
import { binding, unwrap } from "../native.js";
import { storageOf } from "./storage.js";

/** @typedef {import("../checks.js").Check} Check */

const OWNER = "redisStorage";

/** @type {Record<string, { tls?: boolean, socket?: boolean }>} */
const SCHEMES = {
  redis: {},
  valkey: {},
  rediss: { tls: true },
  valkeys: { tls: true },
  unix: { socket: true },
  "redis+unix": { socket: true },
};

/** @type {Check} */
const DATABASE = whole(0, 2 ** 31 - 1);
/** @type {Check} */
const PORT = whole(1, 65_535);

/** Who asks, and where a server is. @type {Record<string, Check>} */
const ADDRESS = {
  host: TEXT,
  port: PORT,
  socket: TEXT,
  username: TEXT,
  password: TEXT,
  database: DATABASE,
  tls: {
    expected: "true, false or { ca, cert, key, rejectUnauthorized }",
    fits: (value) => typeof value === "boolean" || (typeof value === "object" && value !== null),
  },
};

/** @type {Record<string, Check & { default: unknown }>} */
const SETTINGS = {
  prefix: { ...TEXT, default: "better-auth:" },
  maxQueue: { ...whole(1, 1_000_000), default: 10_000 },
  connectTimeoutMs: { ...whole(1, 2 ** 31 - 1), default: 5_000 },
  responseTimeoutMs: { ...whole(1, 2 ** 31 - 1), default: 5_000 },
  retryPauseMs: { ...whole(1, 2 ** 31 - 1), default: 100 },
  maxRetryPauseMs: { ...whole(1, 2 ** 31 - 1), default: 3_000 },
};

/** @type {Record<string, Check>} */
const CLUSTER = {
  cluster: FLAG,
  nodes: {
    expected: "a list of URLs or { host, port }",
    fits: (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((node) => typeof node === "string" || (typeof node === "object" && node !== null)),
  },
};

const TLS = {
  ca: { expected: "PEM text or the path of a file", fits: () => true },
  cert: { expected: "PEM text or the path of a file", fits: () => true },
  key: { expected: "PEM text or the path of a file", fits: () => true },
  rejectUnauthorized: FLAG,
};

/**
 * @param {string | import("../../index.js").RedisStorageOptions} [urlOrOptions]
 * @returns {import("../../index.js").RedisStorage}
 */
export function redisStorage(urlOrOptions = {}) {
  const native = unwrap(binding.openRedis(JSON.stringify(readOptions(urlOrOptions))));
  return {
    ...storageOf(native),
    async health() {
      try {
        return { healthy: true, latencyMs: unwrap(await native.ping()), error: null };
      } catch (error) {
        return { healthy: false, latencyMs: null, error: /** @type {any} */ (error) };
      }
    },
  };
}

/**
 * As the core takes them.
 *
 * @param {unknown} given
 */
function readOptions(given) {
  const options = typeof given === "string" ? { url: given } : given;
  if (typeof options !== "object" || options === null) {
    throw invalidInput('redisStorage takes a URL such as "redis://localhost:6379", or options');
  }
  const { url: asGiven, ...own } = /** @type {Record<string, any>} */ (options);
  const url = cleanUrl(OWNER, asGiven);
  checkOptions(OWNER, own, { ...ADDRESS, ...SETTINGS, ...CLUSTER }, { also: ["url"] });
  const addresses = readAddresses(url, own);
  const cluster = own.cluster ?? own.nodes !== undefined;
  if (addresses.length > 1 && !cluster) {
    throw invalidInput("redisStorage takes several nodes of a cluster only: cluster is false");
  }
  const { username, password, database = 0, tls } = Object.assign({}, ...addresses);
  if (cluster && database !== 0) throw invalidInput("a Redis cluster has no database but 0");
  if (cluster && addresses.some(({ socket }) => socket !== undefined)) {
    throw invalidInput("a Redis cluster is not reached by a Unix socket");
  }
  const settings = Object.entries(SETTINGS).map(([name, { default: otherwise }]) => [
    name,
    own[name] ?? otherwise,
  ]);
  return {
    ...Object.fromEntries(settings),
    cluster,
    nodes: addresses.map(({ host, port, socket }) => ({
      host: host ?? "localhost",
      port: port ?? 6379,
      socket: socket ?? null,
    })),
    username: username ?? null,
    password: password ?? null,
    database,
    tls: tlsOf(tls),
  };
}

/**
 * The addresses of all nodes; options override what URLs say, and apply to each.
 *
 * @param {string | undefined} url
 * @param {Record<string, any>} own
 * @returns {Record<string, any>[]}
 */
function readAddresses(url, { nodes = [], ...own }) {
  const given = Object.keys(ADDRESS).filter((name) => own[name] !== undefined);
  const options = Object.fromEntries(given.map((name) => [name, own[name]]));
  const { host, port, socket, ...shared } = options;
  const first = url === undefined && nodes.length > 0 && !host && !port && !socket ? [] : [options];
  const all = [
    ...first.map((each) => over(url === undefined ? {} : parseUrl(url), each)),
    ...nodes.map((/** @type {any} */ node) => over(parseNode(node), shared)),
  ];
  for (const name of ["username", "password", "database"]) {
    const values = new Set(all.map((each) => each[name]).filter((value) => value !== undefined));
    if (values.size > 1) throw invalidInput(`the nodes of a Redis cluster have one ${name}`);
  }
  if (new Set(all.map(({ tls }) => Boolean(tls))).size > 1) {
    throw invalidInput("either all nodes of a Redis cluster are spoken to by TLS, or none");
  }
  return all;
}

/**
 * A host of the options replaces a socket of the URL, and the reverse.
 *
 * @param {Record<string, any>} address
 * @param {Record<string, any>} options
 */
function over(address, options) {
  const place = options.host === undefined ? address : { ...address, socket: undefined };
  return { ...place, ...options };
}

/** @param {any} node */
function parseNode(node) {
  if (typeof node === "string") return parseUrl(cleanUrl(OWNER, node));
  checkOptions("a node of redisStorage", node, { host: TEXT, port: PORT });
  return node;
}

/**
 * @param {string} url
 * @returns {Record<string, any>}
 */
function parseUrl(url) {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1].toLowerCase() ?? "";
  if (!Object.hasOwn(SCHEMES, scheme)) {
    const found = scheme === "" ? "has no scheme" : `begins with "${scheme}:"`;
    throw invalidInput(
      `the url of redisStorage ${found}; it knows redis://, rediss:// (TLS), valkey://, valkeys:// and unix://`,
    );
  }
  const { tls, socket } = SCHEMES[scheme];
  const form = socket ? `${scheme}:///path/of/socket` : `${scheme}://username:password@host:port/database`;
  const parts = splitUrl(OWNER, url, form);
  const database = databaseOf(socket ? undefined : parts.path, parts.parameters);
  const address = {
    host: parts.host,
    port: parts.port,
    socket: socket ? `/${parts.path ?? ""}` : undefined,
    username: parts.user,
    password: parts.password,
    database,
    tls,
  };
  return Object.fromEntries(Object.entries(address).filter(([, value]) => value !== undefined));
}

/**
 * @param {string | undefined} path
 * @param {URLSearchParams} parameters
 */
function databaseOf(path, parameters) {
  for (const name of parameters.keys()) {
    if (name !== "db") {
      throw invalidInput(`the url of redisStorage has an unknown parameter "${name}"; it may have db`);
    }
  }
  const text = parameters.get("db") ?? path;
  if (text === undefined) return undefined;
  const database = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!DATABASE.fits(database)) throw invalidInput("the database in the url of redisStorage must be a number");
  return database;
}

/**
 * Whoever asks for TLS gets a server whose certificate is verified, unless it is said otherwise.
 *
 * @param {any} tls
 */
function tlsOf(tls) {
  if (!tls) return null;
  const { rejectUnauthorized = true, ...files } = tls === true ? {} : tls;
  checkOptions("redisStorage's tls", { rejectUnauthorized, ...files }, TLS);
  const [ca, cert, key] = ["ca", "cert", "key"].map((name) => pem(name, files[name]));
  if ((cert === null) !== (key === null)) throw invalidInput("tls.cert and tls.key belong together");
  return { verify: rejectUnauthorized, ca, cert, key };
}
