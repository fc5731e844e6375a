// Whatever operation on SQLite's files fails, or is the last one of a process: what was acknowledged
// is there, what was refused is not, a transaction is there wholly or not at all, and the process
// that met the failure goes on.
//
// Not at random: the operations of a scenario are counted, and then each of them is the one that
// fails, in a run of its own. The scenarios are in faults/scenarios.js. By the environment variable
// FAULTS:
// - without it, what a test's name says;
// - "full": every operation of every scenario, beside a second process too, and a transaction larger
//   than the default page cache; prints the figures that docs/sqlite.md has;
// - "exhaustive": every operation of that largest transaction too, which takes most of a day.

import { describe, expect, test } from "vitest";
import { Campaign } from "./faults/campaign.js";
import { LARGER, LARGEST, OTHERS, SMALLER } from "./faults/scenarios.js";
import { ERRORS, KILLS } from "./faults/shim.js";

/** @import { How } from "./faults/campaign.js" */
/** @import { Scenario } from "./faults/scenarios.js" */
/** @import { Action } from "./faults/shim.js" */

const size = process.env.FAULTS;

/** Bounds a hang, not slowness. */
const TIMEOUT = size ? 48 * 3_600_000 : 600_000;

/**
 * Lets the operations of a scenario meet with every one of `actions`.
 *
 * @param {Scenario} scenario
 * @param {readonly Action[]} actions
 * @param {How} how
 */
async function expectNothingFound(scenario, actions, how) {
  const campaign = await Campaign.start();
  try {
    const findings = [];
    for (const action of actions) {
      const figures = await campaign.run(scenario, action, how);
      const { operations, faults, refused } = figures;
      if (size) {
        const processes = how.beside ? 2 : 1;
        console.log([scenario.name, processes, action, operations, faults, refused, figures.findings.length].join(" | "));
      }
      expect(faults, `how often there was ${action}`).toBeGreaterThan(0);
      findings.push(...figures.findings);
    }
    expect(findings).toEqual([]);
  } finally {
    await campaign.stop();
  }
}

const [fifth, ninth] = size ? [1, 1] : [5, 9];
const few = size === "exhaustive" ? 1 : 97;
/** Where the others would take too long for every day. @type {readonly Action[]} */
const errors = size ? ERRORS : ["EIO", "short write, then ENOSPC"];
/** @type {readonly Action[]} */
const kills = size ? KILLS : ["SIGKILL before"];

/** @type {[Scenario[], readonly Action[], How][]} */
const cases = [
  [[SMALLER, LARGER], ERRORS, { beside: false, every: 1, last: 0 }],
  [[SMALLER, LARGER], KILLS, { beside: false, every: ninth, last: 40 }],
  [[SMALLER, LARGER], errors, { beside: true, every: ninth, last: 40 }],
  [[SMALLER, LARGER], kills, { beside: true, every: ninth, last: 40 }],
  [OTHERS, ERRORS, { beside: false, every: fifth, last: 0 }],
  [OTHERS, kills, { beside: false, every: ninth, last: 0 }],
];
/** @type {typeof cases} */
const more = [
  [OTHERS, ERRORS, { beside: true, every: 1, last: 0 }],
  [OTHERS, KILLS, { beside: true, every: 1, last: 0 }],
  [[LARGEST], ERRORS, { beside: false, every: few, last: 40 }],
  [[LARGEST], KILLS, { beside: false, every: few, last: 40 }],
];

/** @param {How} how */
const which = ({ every, last }) =>
  every === 1 ? "every operation" : `one operation of ${every}${last > 0 ? ` and each of the last ${last}` : ""}`;

const runs = (size ? [...cases, ...more] : cases).flatMap(([scenarios, actions, how]) =>
  scenarios.map((scenario) => {
    const what = KILLS.includes(actions[0]) ? "its process dies at" : "there is a failure of";
    const company = how.beside ? ", beside a process that writes too" : "";
    return { name: `${scenario.name}: ${what} ${which(how)}${company}`, scenario, actions, how };
  }),
);

describe.concurrent("a file whose operations fail", () => {
  test.each(runs)("$name", ({ scenario, actions, how }) => expectNothingFound(scenario, actions, how), TIMEOUT);
});
