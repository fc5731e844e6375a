// What there is to clean up: which tables, by which column, and until when.

import { Models } from "../adapter/models.js";
import { invalidInput } from "../errors.js";

/**
 * @typedef {import("@better-auth/core").BetterAuthOptions} BetterAuthOptions
 * @typedef {import("../adapter/models.js").Model} Model
 * @typedef {import("../adapter/models.js").Field} Field
 */

/**
 * @typedef {object} Target
 * @property {Model} model
 * @property {Field} field By which rows expire.
 * @property {number} cutoff Rows with an earlier moment have expired; milliseconds since 1970.
 */

/** By Better Auth's names. */
const EXPIRING = [
  ["session", "expiresAt"],
  ["verification", "expiresAt"],
  ["rateLimit", "lastRequest"],
];

/**
 * @param {BetterAuthOptions} options
 * @param {boolean} usePlural
 * @param {{ tables?: string[], olderThanMs: number }} settings
 * @returns {Target[]}
 */
export function targetsOf(options, usePlural, { tables, olderThanMs }) {
  const models = new Models(options, usePlural);
  const now = Date.now() - olderThanMs;
  const targets = EXPIRING.flatMap(([key, name]) => {
    const model = models.all.find((model) => model.key === key);
    const field = model?.fields.get(name);
    if (!model || !field) return [];
    return [{ model, field, cutoff: key === "rateLimit" ? now - longestWindow(options) : now }];
  });
  if (tables) return tables.map((name) => named(targets, name));
  return targets.filter(({ model }) => !(model.key === "session" && keepsSessions(options)));
}

/**
 * @param {Target[]} targets
 * @param {string} name Better Auth's, or the table's.
 */
function named(targets, name) {
  const target = targets.find(({ model }) => model.key === name || model.table === name);
  if (target) return target;
  const known = targets.map(({ model }) => model.key).join(", ");
  throw invalidInput(`cleanup() knows no table "${name}"; this application has ${known}`);
}

/** The application wants ended sessions to stay, to look them up later. @param {BetterAuthOptions} options */
function keepsSessions({ secondaryStorage, session }) {
  return Boolean(secondaryStorage && session?.preserveSessionInDatabase);
}

const DAY = 86_400;

/** In seconds, as Better Auth's own rules have it. */
const LONGEST_OF_ITS_OWN = 60;

/**
 * A row that is older than the longest window limits nothing: the next request begins a new one
 * whether it is there or not. A rule that is a function may have any window; a day is allowed it.
 *
 * @param {BetterAuthOptions} options
 * @returns {number} milliseconds
 */
function longestWindow({ rateLimit, plugins = [] }) {
  const rules = Object.values(rateLimit?.customRules ?? {});
  const windows = [
    LONGEST_OF_ITS_OWN,
    rateLimit?.window,
    ...plugins.flatMap((plugin) => plugin.rateLimit ?? []).map(({ window }) => window),
    ...rules.map((rule) => (typeof rule === "function" ? DAY : rule && rule.window)),
  ];
  return Math.max(...windows.map((window) => (Number.isFinite(window) ? Number(window) : 0))) * 1_000;
}
