// Whether a database has what its writers were told.

import { FILLER, ROWS, filling } from "./scenarios.js";

/**
 * @import { Change, Scenario } from "./scenarios.js"
 * @import { Entry, Filled } from "./ledger.js"
 */

/** Changes that are made together or not at all. @typedef {{ what: string, changes: Change[], outcome: string }} Unit */

/**
 * What is wrong, in words; nothing is.
 *
 * @param {Scenario} scenario
 * @param {(Entry | Filled)[]} ledger
 * @param {Map<string, string>} rows the values, by id
 * @returns {string[]}
 */
export function compare(scenario, ledger, rows) {
  const units = scenario.steps.flatMap((step, index) => unitsOf(step, index, ledger));
  const changed = new Set(units.flatMap(({ changes }) => changes.map(({ id }) => id)));
  const filled = ledger.findLast((entry) => "filled" in entry)?.filled ?? 0;
  const findings = units.flatMap((unit) => judge(unit, rows));
  for (const { id, value } of ROWS) {
    const expected = id === FILLER ? filling(filled) : value;
    if (!changed.has(id) && rows.get(id) !== expected) findings.push(`"${id}", which nobody changed, is ${shown(rows.get(id))}`);
  }
  const known = new Set([...changed, ...ROWS.map(({ id }) => id)]);
  for (const id of rows.keys()) if (!known.has(id)) findings.push(`nobody created "${id}"`);
  return findings;
}

/**
 * @param {import("./scenarios.js").Step} step
 * @param {number} index
 * @param {(Entry | Filled)[]} ledger
 * @returns {Unit[]}
 */
function unitsOf({ way, changes }, index, ledger) {
  const outcomeOf = (/** @type {number | undefined} */ change) => {
    const last = ledger.findLast((entry) => "step" in entry && entry.step === index && entry.change === change);
    return last && "outcome" in last ? last.outcome : "never begun";
  };
  const alone = (/** @type {Change} */ change, /** @type {string} */ outcome) => ({ what: `"${change.id}"`, changes: [change], outcome });
  if (way === "in turn" || way === "at once") return changes.map((change, n) => alone(change, outcomeOf(n)));
  const outcome = outcomeOf(undefined);
  const what = `the ${way}`;
  if (way === "transaction") return [{ what, changes, outcome }];
  const made = (/** @type {number} */ n) => outcomeOf(n) === "acknowledged";
  return [
    { what, changes: changes.filter((_, n) => made(n)), outcome },
    ...changes.filter((_, n) => !made(n)).map((change) => alone(change, "failed")),
  ];
}

/** @param {Unit} unit @param {Map<string, string>} rows @returns {string[]} */
function judge({ what, changes, outcome }, rows) {
  const there = changes.filter(({ id, after }) => (rows.get(id) ?? null) === after);
  const untouched = changes.filter(({ id, before }) => (rows.get(id) ?? null) === before);
  const isThere = there.length === changes.length;
  const isUntouched = untouched.length === changes.length;
  const fits = { acknowledged: isThere, begun: isThere || isUntouched }[outcome] ?? isUntouched;
  if (fits) return [];
  return [`${what} (${outcome}): of ${changes.length} changes ${there.length} are there, ${untouched.length} rows are as before`];
}

/** @param {string | undefined} value */
const shown = (value) => (value === undefined ? "missing" : `"${value.slice(0, 30)}..."`);
