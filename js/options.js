// The options of nativeAdapter(), checked, and brought into the form that the core opens.

import { invalidInput } from "./errors.js";
import { addressOf, cleanUrl, readUrl } from "./address.js";
import { FLAG, MILLISECONDS, TEXT, checkOptions, oneOf, whole } from "./checks.js";
import { binding, unwrap } from "./native.js";
import { RUNNING, runningOptions } from "./running/options.js";

/** @typedef {import("./checks.js").Check} Check */

/** What an option is for: the adapter, one engine, or a server's address. */
const GENERAL = {
  usePlural: FLAG,
  debugLogs: {
    expected: "true, false or an object",
    fits: (/** @type {any} */ value) =>
      typeof value === "boolean" || (typeof value === "object" && value !== null),
  },
  migrations: {
    expected: "an object",
    fits: (/** @type {any} */ value) => typeof value === "object" && value !== null,
  },
};

/** What migrations make beside Better Auth's tables. */
const MIGRATIONS = {
  recommendedIndexes: true,
  uniqueAccounts: false,
  caseInsensitiveEmail: false,
  updatedAtTriggers: false,
  concurrentIndexes: false,
  userSearch: false,
};

const SQLITE = {
  busyTimeoutMs: MILLISECONDS,
  acquireTimeoutMs: MILLISECONDS,
  synchronous: oneOf("normal", "full"),
  cacheSizeKiB: whole(64, 2 ** 31 - 1),
};

const ADDRESS = {
  host: TEXT,
  port: whole(1, 65_535),
  socket: TEXT,
  user: TEXT,
  password: TEXT,
  database: TEXT,
  tls: {
    expected: "true, false, an sslmode or { mode, ca, cert, key, rejectUnauthorized }",
    fits: (/** @type {any} */ value) =>
      ["boolean", "string"].includes(typeof value) || (typeof value === "object" && value !== null),
  },
};

/** @type {Record<string, Check & { default: unknown }>} */
const SERVER = {
  schema: { ...TEXT, default: null },
  prepare: { ...FLAG, default: true },
  applicationName: { ...TEXT, default: "better-auth-native" },
  maxConnections: { ...whole(1, 10_000), default: 10 },
  minConnections: { ...whole(0, 10_000), default: 0 },
  maxWaiting: { ...whole(1, 1_000_000), default: 10_000 },
  acquireTimeoutMs: { ...MILLISECONDS, default: 10_000 },
  connectTimeoutMs: { ...MILLISECONDS, default: 10_000 },
  connectRetryMs: { ...MILLISECONDS, default: 0 },
  idleTimeoutMs: { ...MILLISECONDS, default: 300_000 },
  maxLifetimeMs: { ...MILLISECONDS, default: 1_800_000 },
  statementTimeoutMs: { ...MILLISECONDS, default: 30_000 },
  primaryAfterWriteMs: { ...MILLISECONDS, default: 1_000 },
};

/** @type {Record<string, Check>} */
const REPLICAS = {
  replicas: {
    expected: "a list of URLs or addresses",
    fits: (value) =>
      Array.isArray(value) &&
      value.every((item) => typeof item === "string" || (typeof item === "object" && item !== null)),
  },
};

const ENGINES = ["sqlite", "postgres", "mysql", "mariadb"];

/**
 * @typedef {object} Settings
 * @property {boolean} usePlural
 * @property {any} debugLogs
 * @property {import("./schema/desired.js").Extras} migrations
 * @property {"sqlite" | "postgres" | "mysql"} kind
 * @property {string} name The database's own: of a file, the file's.
 * @property {string | undefined} schema
 * @property {import("./running/options.js").RunningSettings} running
 * @property {string} engine JSON for the core.
 */

/**
 * @param {unknown} given
 * @returns {Settings}
 */
export function readOptions(given) {
  const options = typeof given === "string" ? { url: given } : given;
  if (typeof options !== "object" || options === null || !("url" in options || "engine" in options)) {
    throw invalidInput(
      'nativeAdapter takes a URL such as "sqlite:./auth.db", { url, ...options } or { engine, host, ...options }',
    );
  }
  const { url: asGiven, engine: named, ...rest } = /** @type {Record<string, any>} */ (options);
  const url = cleanUrl("nativeAdapter", asGiven);
  if (named !== undefined && !ENGINES.includes(named)) {
    throw invalidInput(`the option engine of nativeAdapter must be one of ${ENGINES.join(", ")}`);
  }
  const { usePlural = false, debugLogs = false, migrations, ...others } = rest;
  const { slowQuery, events, cleanup, shutdownSignals, ...own } = others;
  const parsed = readUrl(url, named);
  const checks = parsed.engine === "sqlite" ? SQLITE : { ...ADDRESS, ...SERVER, ...REPLICAS };
  check(rest, { ...GENERAL, ...RUNNING, ...checks }, parsed.engine);
  const running = runningOptions({ slowQuery, events, cleanup, shutdownSignals });
  const engine =
    parsed.engine === "sqlite" ? { engine: "sqlite", url, ...own } : serverOptions(parsed, own);
  return {
    usePlural,
    debugLogs,
    migrations: migrationOptions(migrations),
    kind: parsed.engine,
    name: "primary" in engine ? engine.primary.database : unwrap(binding.sqliteFileName(url)),
    schema: "primary" in engine ? (/** @type {any} */ (engine).schema ?? undefined) : undefined,
    running,
    engine: JSON.stringify({ slowAfterMs: running.slowAfterMs, database: engine }),
  };
}

/**
 * @param {Record<string, unknown>} [given]
 * @returns {import("./schema/desired.js").Extras}
 */
function migrationOptions(given = {}) {
  const checks = Object.fromEntries(Object.keys(MIGRATIONS).map((name) => [name, FLAG]));
  checkOptions("nativeAdapter's migrations", given, checks);
  const told = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...MIGRATIONS, ...Object.fromEntries(told) };
}

/**
 * @param {Record<string, unknown>} options
 * @param {Record<string, Check>} checks
 * @param {string} engine
 */
function check(options, checks, engine) {
  checkOptions("nativeAdapter", options, checks, { where: ` for ${engine}`, also: ["url", "engine"] });
}

/**
 * Options override the parameters of the URL, which override the defaults.
 *
 * @param {import("./address.js").ParsedUrl} parsed
 * @param {Record<string, any>} own
 */
function serverOptions(parsed, own) {
  const { replicas = [], ...given } = own;
  /** @type {Record<string, any>} */
  const settings = {};
  for (const [name, { default: otherwise, expected, fits }] of Object.entries(SERVER)) {
    const value = given[name] ?? parsed.settings[name] ?? otherwise;
    // What the URL says has not been checked yet.
    if (value !== otherwise && !fits(value)) {
      throw invalidInput(`the parameter for ${name} in the URL must be ${expected}`);
    }
    settings[name] = value;
  }
  const engine = parsed.engine === "postgres" ? "postgres" : "mysql";
  const primary = addressOf(parsed, given);
  return {
    engine,
    ...settings,
    primary,
    replicas: replicas.map((/** @type {string | Record<string, any>} */ replica) =>
      replicaOf(replica, parsed, given),
    ),
  };
}

/**
 * A replica has its own address; what it leaves out is the primary's.
 *
 * @param {string | Record<string, any>} replica
 * @param {import("./address.js").ParsedUrl} primary
 * @param {Record<string, any>} shared the primary's options
 */
function replicaOf(replica, primary, shared) {
  const { url: given, ...own } = typeof replica === "string" ? { url: replica } : replica;
  check(own, ADDRESS, "a replica");
  const url = cleanUrl("a replica", given);
  const parsed = readUrl(url, url === undefined ? primary.engine : undefined);
  if ((parsed.engine === "postgres") !== (primary.engine === "postgres")) {
    throw invalidInput("a replica must be a database of the same kind as the primary");
  }
  const { host, port, socket, ...rest } = { ...primary.address, ...shared };
  return addressOf({ ...parsed, address: { ...rest, ...parsed.address } }, own);
}
