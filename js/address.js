// Where a server is: a URL, or its parts.
//
// Errors quote of a URL its scheme and the names of its parameters: the rest may hold a password.

import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { invalidInput } from "./errors.js";

/**
 * @typedef {object} ParsedUrl
 * @property {"sqlite" | "postgres" | "mysql"} engine
 * @property {Record<string, any>} address The parts that the URL names.
 * @property {Record<string, any>} settings Other options, from its parameters.
 */

/** @type {Record<string, ParsedUrl["engine"]>} */
const SCHEMES = {
  sqlite: "sqlite",
  file: "sqlite",
  postgres: "postgres",
  postgresql: "postgres",
  mysql: "mysql",
  mariadb: "mysql",
};

const PORTS = { postgres: 5432, mysql: 3306 };

/**
 * A URL without what a file or a shell leaves around it: a line's end is no part of a path.
 *
 * @template {string | undefined} T
 * @param {string} owner The function whose option it is.
 * @param {T} url
 * @returns {T}
 */
export function cleanUrl(owner, url) {
  if (url === undefined) return url;
  if (typeof url !== "string") throw invalidInput(`the option url of ${owner} must be a string`);
  if (url.includes("\0")) throw invalidInput(`the url of ${owner} contains a NUL character`);
  return /** @type {T} */ (url.trim());
}

/**
 * @param {string | undefined} url
 * @param {string | undefined} named The engine, where there is no URL.
 * @returns {ParsedUrl}
 */
export function readUrl(url, named) {
  if (url === undefined) {
    if (named === "sqlite") throw invalidInput("SQLite needs the option url, such as sqlite:./auth.db");
    return { engine: SCHEMES[/** @type {string} */ (named)], address: {}, settings: {} };
  }
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1].toLowerCase();
  const engine = url === ":memory:" ? "sqlite" : SCHEMES[scheme ?? ""];
  if (engine === undefined) {
    const found = scheme === undefined ? "names no database" : `begins with "${scheme}:"`;
    throw invalidInput(
      `the url of nativeAdapter ${found}; it knows sqlite:<path>, sqlite::memory:, file:<path>, postgres://, postgresql://, mysql:// and mariadb://`,
    );
  }
  if (named !== undefined && SCHEMES[named] !== engine) {
    throw invalidInput(`the option engine says ${named}, and the url begins with "${scheme}:"`);
  }
  return engine === "sqlite" ? { engine, address: {}, settings: {} } : parseServerUrl(url, engine);
}

/**
 * scheme://user:password@host:port/path?parameters, every part percent-encoded and, but for the
 * scheme, optional.
 */
const PARTS =
  /^[^:]+:\/\/(?:(?<user>[^:@/?#]*)(?::(?<password>[^@/?#]*))?@)?(?<host>\[[^\]]*\]|[^:/?#@]*)(?::(?<port>\d*))?(?:\/(?<path>[^?#]*))?(?:\?(?<query>[^#]*))?$/;

/**
 * The parts of a server's URL, decoded; those that it leaves out, or leaves empty, are undefined.
 *
 * @param {string} owner The function whose option it is.
 * @param {string} url
 * @param {string} form What it is to look like.
 */
export function splitUrl(owner, url, form) {
  const parts = PARTS.exec(url)?.groups;
  if (!parts) {
    throw invalidInput(
      `the url of ${owner} cannot be read; it has the form ${form}, with special characters in the password percent-encoded`,
    );
  }
  const decoded = (/** @type {string | undefined} */ part) => (part ? decode(owner, part) : undefined);
  const port = parts.port ? Number(parts.port) : undefined;
  if (port === 0 || (port ?? 0) > 65_535) {
    throw invalidInput(`the port in the url of ${owner} must be from 1 to 65535`);
  }
  return {
    user: decoded(parts.user),
    // An empty one is one.
    password: parts.password === undefined ? undefined : decode(owner, parts.password),
    host: decoded(parts.host)?.replace(/^\[|\]$/g, ""),
    port,
    path: decoded(parts.path),
    parameters: parametersOf(owner, parts.query),
  };
}

/**
 * @param {string} owner
 * @param {string | undefined} query
 */
function parametersOf(owner, query = "") {
  const parameters = new URLSearchParams(query);
  for (const [name, value] of parameters) {
    if (value.includes("\0")) throw invalidInput(`${name} in the url of ${owner} contains a NUL character`);
  }
  return parameters;
}

/**
 * @param {string} owner
 * @param {string} part
 */
function decode(owner, part) {
  const decoded = decodeText(owner, part);
  if (decoded.includes("\0")) throw invalidInput(`the url of ${owner} contains a NUL character`);
  return decoded;
}

/**
 * @param {string} owner
 * @param {string} part
 */
function decodeText(owner, part) {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalidInput(`the url of ${owner} has a malformed percent escape`);
  }
}

/**
 * @param {string} url
 * @param {"postgres" | "mysql"} engine
 * @returns {ParsedUrl}
 */
function parseServerUrl(url, engine) {
  const form = `${engine}://user:password@host:port/database`;
  const { host, path, parameters, ...rest } = splitUrl("nativeAdapter", url, form);
  const given = Object.entries({ ...rest, database: path }).filter(([, part]) => part !== undefined);
  /** @type {ParsedUrl} */
  const parsed = { engine, address: Object.fromEntries(given), settings: {} };
  if (host) setHost(parsed.address, host);
  for (const [name, value] of parameters) setParameter(parsed, name, value);
  return parsed;
}

/**
 * A host that is a path is a Unix socket, as for libpq.
 *
 * @param {Record<string, any>} address
 * @param {string} host
 */
function setHost(address, host) {
  if (host.startsWith("/")) address.socket = host;
  else address.host = host;
}

/** @param {string} value */
const number = (value) => (/^\d+$/.test(value) ? Number(value) : Number.NaN);
/** @param {string} value */
const flag = (value) => ({ true: true, false: false })[value] ?? value;

/** @type {Record<string, (parsed: ParsedUrl, value: string) => void>} */
const PARAMETERS = {
  sslmode: ({ address }, value) => setTls(address, "mode", value),
  "ssl-mode": ({ address }, value) => setTls(address, "mode", value),
  sslrootcert: ({ address }, value) => setTls(address, "ca", value),
  "ssl-ca": ({ address }, value) => setTls(address, "ca", value),
  sslcert: ({ address }, value) => setTls(address, "cert", value),
  "ssl-cert": ({ address }, value) => setTls(address, "cert", value),
  sslkey: ({ address }, value) => setTls(address, "key", value),
  "ssl-key": ({ address }, value) => setTls(address, "key", value),
  ssl: ({ address }, value) => setSsl(address, value),
  // Part of the URLs that Neon hands out; TLS with a verified certificate is what it is for.
  channel_binding: () => {},
  host: ({ address }, value) => setHost(address, value),
  port: ({ address }, value) => void (address.port = number(value)),
  user: ({ address }, value) => void (address.user = value),
  password: ({ address }, value) => void (address.password = value),
  dbname: ({ address }, value) => void (address.database = value),
  socket: ({ address }, value) => void (address.socket = value),
  schema: ({ settings }, value) => void (settings.schema = value),
  application_name: ({ settings }, value) => void (settings.applicationName = value),
  prepare: ({ settings }, value) => void (settings.prepare = flag(value)),
  pgbouncer: ({ settings }, value) => void (settings.prepare = value !== "true"),
  // In seconds, as libpq has it.
  connect_timeout: ({ settings }, value) => void (settings.connectTimeoutMs = number(value) * 1000),
  statement_timeout: ({ settings }, value) => void (settings.statementTimeoutMs = number(value)),
  acquire_timeout: ({ settings }, value) => void (settings.acquireTimeoutMs = number(value)),
  idle_timeout: ({ settings }, value) => void (settings.idleTimeoutMs = number(value)),
  max_lifetime: ({ settings }, value) => void (settings.maxLifetimeMs = number(value)),
  connect_retry: ({ settings }, value) => void (settings.connectRetryMs = number(value)),
  max_connections: ({ settings }, value) => void (settings.maxConnections = number(value)),
  min_connections: ({ settings }, value) => void (settings.minConnections = number(value)),
};

/**
 * @param {ParsedUrl} parsed
 * @param {string} name
 * @param {string} value
 */
function setParameter(parsed, name, value) {
  if (!Object.hasOwn(PARAMETERS, name)) {
    const known = Object.keys(PARAMETERS).join(", ");
    throw invalidInput(`the url of nativeAdapter has an unknown parameter "${name}"; it may have ${known}`);
  }
  PARAMETERS[name](parsed, value);
}

/**
 * @param {Record<string, any>} address
 * @param {string} name
 * @param {unknown} value
 */
function setTls(address, name, value) {
  address.tls = { ...address.tls, [name]: value };
}

/**
 * `ssl=true`, or `ssl={"rejectUnauthorized":true}` as MySQL's drivers for JavaScript take it.
 *
 * @param {Record<string, any>} address
 * @param {string} value
 */
function setSsl(address, value) {
  const given = value.startsWith("{") ? parseJson(value) : flag(value);
  if (typeof given === "boolean") setTls(address, "mode", given ? "require" : "disable");
  else if (typeof given === "object") address.tls = { mode: "require", ...address.tls, ...given };
  else throw invalidInput("the parameter ssl in the url must be true, false or a JSON object");
}

/** @param {string} text */
function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/**
 * The address as the core takes it.
 *
 * @param {ParsedUrl} parsed
 * @param {Record<string, any>} own options, which override the parts of the URL
 */
export function addressOf({ engine, address }, own) {
  const names = ["host", "port", "socket", "user", "password", "database", "tls"];
  const given = Object.fromEntries(
    names.filter((name) => own[name] !== undefined).map((name) => [name, own[name]]),
  );
  // A host of the options replaces a socket of the URL, and the reverse.
  /** @type {Record<string, any>} */
  const place = given.host === undefined ? address : { ...address, socket: undefined };
  const all = { ...place, ...given };
  // A server's protocol ends a text at a NUL, and what is behind it would be lost.
  const cut = names.find((name) => typeof all[name] === "string" && all[name].includes("\0"));
  if (cut !== undefined) throw invalidInput(`the ${cut} of a server contains a NUL character`);
  const user = all.user ?? userInfo().username;
  return {
    host: all.host ?? "localhost",
    port: all.port ?? PORTS[/** @type {"postgres" | "mysql"} */ (engine)],
    socket: all.socket ?? null,
    user,
    password: all.password ?? null,
    database: all.database ?? user,
    tls: tlsOf(all.tls),
  };
}

/** Spellings of libpq and of MySQL. @type {Record<string, string>} */
const MODES = {
  disable: "disable",
  disabled: "disable",
  allow: "prefer",
  prefer: "prefer",
  preferred: "prefer",
  require: "require",
  required: "require",
  "verify-ca": "verify-ca",
  verify_ca: "verify-ca",
  "verify-full": "verify-full",
  verify_identity: "verify-full",
};

/**
 * Whoever asks for TLS gets a server whose certificate is verified, unless it is said otherwise:
 * what is encrypted for an unknown other end is not secret.
 *
 * @param {any} tls
 */
function tlsOf(tls) {
  const options = typeof tls === "object" && tls !== null ? tls : {};
  const asked = typeof tls === "object" ? options.mode : tls;
  const known = ["mode", "ca", "cert", "key", "rejectUnauthorized"];
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw invalidInput(`the option tls of nativeAdapter has no "${unknown}"; it has ${known.join(", ")}`);
  }
  const given = Object.keys(options).length > 0;
  const spelled = asked === true ? "require" : asked === false ? "disable" : asked;
  const mode = spelled === undefined ? (given ? "require" : "prefer") : MODES[`${spelled}`.toLowerCase()];
  if (mode === undefined) {
    throw invalidInput(`the TLS mode must be one of ${Object.keys(MODES).join(", ")}`);
  }
  const verifies = options.rejectUnauthorized !== false;
  return {
    mode: mode === "require" ? (verifies ? "verify-full" : "encrypt") : mode,
    ca: pem("ca", options.ca),
    cert: pem("cert", options.cert),
    key: pem("key", options.key),
  };
}

/**
 * PEM text, or the path of a file that holds it.
 *
 * @param {string} name
 * @param {unknown} given
 */
export function pem(name, given) {
  if (given === undefined || given === null) return null;
  const text = given instanceof Uint8Array ? Buffer.from(given).toString() : given;
  if (typeof text !== "string") throw invalidInput(`tls.${name} must be PEM text or the path of a file`);
  if (text.includes("-----BEGIN")) return text;
  try {
    return readFileSync(text, "utf8");
  } catch (cause) {
    throw invalidInput(`tls.${name} is neither PEM text nor a file that can be read`, { cause });
  }
}
