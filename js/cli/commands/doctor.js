// doctor: how a database is, and what to do about it.

import { adviceOn } from "../../maintenance/advice.js";
import { count } from "./plan.js";

/** @typedef {import("../output.js").Output} Output */

/** @type {Record<string, import("../output.js").Style>} */
const STYLES = { error: "red", warning: "yellow", hint: "cyan", unused: "dim", low: "yellow" };

/** @type {import("../arguments.js").Command} */
export const doctor = {
  summary: "Examines the database, and says what to do, the most important first",
  about: `Runs validate, diagnose and statistics: how the tables are built, what is in them and what should not
be, how large they are, how their indexes are used, and which statements are slow, as far as the
database tells. Reads all rows of the tables, and changes nothing.`,
  flags: ["slow-ms"],
  exits: "0 healthy, perhaps with hints; 2 there is something to do; 1 failed.",
  examples: ["npx better-auth-native doctor", "npx better-auth-native doctor --json"],
  needs: "options",
  async run({ database, options, values, output, title }) {
    const slowMs = values["slow-ms"] === undefined ? undefined : Number(values["slow-ms"]);
    const look = async () => {
      const statistics = await database.statistics(options, { slowMs });
      const validation = await database.validate(options);
      const diagnosis = await database.diagnose(options);
      return { validation, diagnosis, statistics };
    };
    const found = await output.progress("examining", look());
    const advice = adviceOn(found);
    const healthy = advice.every(({ severity }) => severity === "hint");
    output.answer({ healthy, advice, ...found }, () => {
      output.heading(`${title} (${found.statistics.engine} ${found.statistics.version.split(" ")[0]})`);
      showRows(output, found.diagnosis);
      showTables(output, found.statistics);
      showIndexes(output, found.statistics);
      showUnavailable(output, found.statistics);
      showAdvice(output, advice, healthy);
    });
    return healthy ? 0 : 2;
  },
};

/** @param {Output} output @param {import("../../../index.js").DatabaseDiagnosis} diagnosis */
function showRows(output, { users, accounts, credentials, sessions, verifications }) {
  /** @param {Record<string, number | undefined>} counts */
  const listed = (counts) =>
    Object.entries(counts)
      .filter(([, number]) => number !== undefined && number > 0)
      .map(([name, number]) => `${large(number)} ${name}`)
      .join(", ");
  /** @type {[string, string][]} */
  const lines = [];
  if (users) {
    const { total, verified, banned, twoFactor } = users;
    const more = listed({ verified, banned, "with two factors": twoFactor });
    lines.push(["users", `${large(total)}${more && `: ${more}`}`]);
  }
  if (accounts) {
    const more = listed(accounts.byProvider);
    lines.push(["accounts", `${large(accounts.total)}${more && `: ${more}`}`]);
  }
  if (credentials) {
    const { withoutPassword, betterAuth, scrypt, bcrypt, argon2, malformed } = credentials;
    const forms = { "in Better Auth's form": betterAuth, scrypt, bcrypt, argon2 };
    const more = listed({ ...forms, "in no known form": malformed, missing: withoutPassword });
    lines.push(["passwords", more || "none"]);
  }
  if (sessions) lines.push(["sessions", `${large(sessions.active)} active, ${large(sessions.expired)} expired`]);
  if (verifications) {
    lines.push(["verifications", `${large(verifications.pending)} pending, ${large(verifications.expired)} expired`]);
  }
  for (const [name, text] of lines) output.line(`  ${output.style("dim", name.padEnd(14))}${text}`);
  if (lines.length > 0) output.line();
}

/** @param {Output} output @param {import("../../../index.js").DatabaseStatistics} statistics */
function showTables(output, { tables, rowsAreExact }) {
  if (tables.length === 0) return;
  const rows = tables.map(({ table, rows: number, bytes, indexBytes }) => [
    table,
    large(number),
    size(bytes),
    size(indexBytes),
  ]);
  output.table(["table", rowsAreExact ? "rows" : "rows, about", "data", "indexes"], rows);
}

/** @param {Output} output @param {import("../../../index.js").DatabaseStatistics} statistics */
function showIndexes(output, { indexes, indexUsage, since }) {
  if (!indexUsage.available || indexes.length === 0) return;
  const rows = indexes.map(({ table, index, columns, bytes, uses, usage }) => [
    `${table} (${columns.join(", ")})`,
    usage ?? "",
    uses === null ? "" : large(uses),
    size(bytes),
    index,
  ]);
  const style = (/** @type {number} */ row) => STYLES[indexes[row].usage ?? ""];
  const counted = since === null ? "uses" : `uses since ${since.toISOString().slice(0, 10)}`;
  output.table(["index on", "used", counted, "size", "name"], rows, style);
}

/** @param {Output} output @param {import("../../../index.js").DatabaseStatistics} statistics */
function showUnavailable(output, { tableSizes, indexSizes, indexUsage, slowStatements }) {
  const parts = { "table sizes": tableSizes, "index sizes": indexSizes, "use of indexes": indexUsage, "slow statements": slowStatements };
  const missing = Object.entries(parts).filter(([, { available }]) => !available);
  for (const [what, { reason }] of missing) output.line(output.style("dim", `  not told, ${what}: ${reason}`));
  if (missing.length > 0) output.line();
}

/**
 * @param {Output} output
 * @param {import("../../maintenance/advice.js").Advice[]} advice
 * @param {boolean} healthy
 */
function showAdvice(output, advice, healthy) {
  for (const [index, { severity, about, todo }] of advice.entries()) {
    const number = `${index + 1}.`.padStart(3);
    output.line(`${number} ${output.style(STYLES[severity], severity)} ${about}`);
    // Once for all that one thing does.
    if (advice[index + 1]?.todo === todo) continue;
    output.line(output.style("dim", `    → ${todo.split("\n").join("\n      ")}`));
  }
  if (advice.length > 0) output.line();
  const hints = advice.filter(({ severity }) => severity === "hint").length;
  if (healthy) output.good(hints > 0 ? `Healthy, with ${count(hints, "hint")}.` : "Healthy: there is nothing to do.");
  else output.bad(`${count(advice.length - hints, "thing")} to do.`);
}

/** @param {number | undefined} number */
function large(number = 0) {
  return number.toLocaleString("en");
}

/** @param {number | null} bytes */
function size(bytes) {
  if (bytes === null) return "";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const unit = bytes === 0 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  const number = bytes / 1024 ** unit;
  return `${number < 10 && unit > 0 ? number.toFixed(1) : Math.round(number)} ${units[unit]}`;
}
