// What to do about what was found, the most important first.

/**
 * @typedef {object} Advice
 * @property {"error" | "warning" | "hint"} severity error: sign-ins fail or rows are wrong; warning:
 *   something to do; hint: good to know.
 * @property {string} about
 * @property {string} todo
 */

/**
 * @typedef {object} Findings
 * @property {import("../../index.js").ValidationReport} validation
 * @property {import("../../index.js").DatabaseDiagnosis} diagnosis
 * @property {import("../../index.js").DatabaseStatistics} statistics
 */

/** From so many expired rows on, when they are more than those that live. */
const MANY = 1_000;

/** From so many rows on, a planner without statistics matters. */
const LARGE = 1_000;

const ORDER = ["error", "warning", "hint"];

/**
 * @param {Findings} findings
 * @returns {Advice[]}
 */
export function adviceOn({ validation, diagnosis, statistics }) {
  const all = [
    ...onValidation(validation),
    ...onOrphans(diagnosis),
    ...onCredentials(diagnosis),
    ...onExpired(diagnosis),
    ...onStatistics(statistics),
  ];
  return all.sort((one, other) => ORDER.indexOf(one.severity) - ORDER.indexOf(other.severity));
}

/** @param {Findings["validation"]} validation @returns {Advice[]} */
function onValidation({ errors, warnings }) {
  const migrates = "npx better-auth-native migrate";
  const toldBy = (/** @type {import("../../index.js").ValidationFinding} */ { code, fix }) => {
    if (code.startsWith("MISSING_")) return migrates;
    if (fix) return `${fix};`;
    if (code === "MIXED_CASE_EMAILS") return "decide which of the two users stays, and merge the other into it";
    return "npx better-auth-native validate tells more";
  };
  const absent = new Set(errors.filter(({ code }) => code === "MISSING_TABLE").map(({ table }) => table));
  // What a table that is missing would have is part of it.
  const counts = (/** @type {import("../../index.js").ValidationFinding} */ { code, table }) =>
    code === "MISSING_TABLE" || !absent.has(table);
  /** @param {Advice["severity"]} severity @param {typeof errors} findings */
  const told = (severity, findings) =>
    findings.filter(counts).map((finding) => ({ severity, about: finding.message, todo: toldBy(finding) }));
  return [...told("error", errors), ...told("warning", warnings)];
}

/** @param {Findings["diagnosis"]} diagnosis @returns {Advice[]} */
function onOrphans({ orphans }) {
  return orphans
    .filter(({ rows }) => rows !== null && rows > 0)
    .map(({ table, column, references, rows }) => ({
      severity: "error",
      about: `${large(rows)} ${rows === 1 ? "row" : "rows"} of "${table}" refer to no row of "${references}" (${column})`,
      todo: `delete them: nobody can reach what belongs to nobody. A foreign key keeps more from coming`,
    }));
}

/** @param {Findings["diagnosis"]} diagnosis @returns {Advice[]} */
function onCredentials({ credentials }) {
  if (!credentials) return [];
  const { malformed, withoutPassword, bcrypt, argon2 } = credentials;
  const foreign = bcrypt + argon2;
  /** @type {Advice[]} */
  const advice = [];
  if (malformed > 0) {
    advice.push({
      severity: "error",
      about: `${large(malformed)} password ${malformed === 1 ? "hash is" : "hashes are"} in no known form`,
      todo: "unless the application has a hasher of its own, these users cannot sign in: send them a link to reset the password",
    });
  }
  if (withoutPassword > 0) {
    advice.push({
      severity: "warning",
      about: `${large(withoutPassword)} credential ${withoutPassword === 1 ? "account has" : "accounts have"} no password`,
      todo: "these users sign in another way, or not at all: send them a link to set one, or delete the accounts",
    });
  }
  if (foreign > 0) {
    advice.push({
      severity: "hint",
      about: `${large(foreign)} password ${foreign === 1 ? "hash is" : "hashes are"} of bcrypt or argon2`,
      todo: "the application's own password.verify has to know them; Better Auth's and this package's do not",
    });
  }
  return advice;
}

/** @param {Findings["diagnosis"]} diagnosis @returns {Advice[]} */
function onExpired({ sessions, verifications }) {
  /** @type {[string, { expired: number } | null, number][]} */
  const kinds = [
    ["sessions", sessions, sessions?.active ?? 0],
    ["verifications", verifications, verifications?.pending ?? 0],
  ];
  return kinds
    .filter(([, counts, living]) => counts !== null && counts.expired >= MANY && counts.expired > living)
    .map(([what, counts]) => ({
      severity: "warning",
      about: `${large(counts?.expired)} ${what} have expired and are still there`,
      todo: "npx better-auth-native cleanup",
    }));
}

/** @param {Findings["statistics"]} statistics @returns {Advice[]} */
function onStatistics({ tables, slowStatements }) {
  const blind = tables.filter(({ analyzed, rows }) => analyzed === false && rows >= LARGE);
  /** @type {Advice[]} */
  const advice = slowStatements.statements.map(({ statement, meanMs, calls }) => ({
    severity: "hint",
    about: `${large(Math.round(meanMs))} ms on average, ${large(calls)} times: ${statement}`,
    todo: "look at its plan with EXPLAIN, and whether an index would serve it",
  }));
  if (blind.length > 0) {
    advice.push({
      severity: "hint",
      about: `the planner knows nothing about ${blind.map(({ table }) => `"${table}"`).join(", ")}`,
      todo: "await database.analyze()",
    });
  }
  return advice;
}

/** @param {number | null | undefined} number */
function large(number) {
  return (number ?? 0).toLocaleString("en");
}
