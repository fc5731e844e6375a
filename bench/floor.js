// The floor of a comparison: what an operation costs by way of Better Auth's adapter factory where no
// database is behind it, on its memory adapter. That looks at every row, and copies all of them for a
// transaction: it has few, and anew for each round. It takes no turns: nobody is compared with it.

import { memoryAdapter } from "better-auth/adapters/memory";
import { checkAnswers } from "./agreement.js";
import { contestant } from "./contestants.js";
import { contentOf } from "./dataset.js";
import { nameAndVersion } from "./machine.js";
import { WARM_UP, runLap, summarise } from "./measure.js";
import { operationsOn } from "./operations.js";

/** @typedef {Omit<import("./measure.js").Result, "ratio">} Floor */

const NAME = "memory adapter, no database";

/** As many as the longest list wants. */
const USERS = 100;
const CALLS = 200;

const operations = new Map(operationsOn(USERS).map((operation) => [operation.name, operation]));

/** Whether it finds everything there is to measure. */
export async function checkFloor() {
  const floor = await open();
  await checkAnswers([floor], [...operations.values()]);
  return { name: floor.name, versions: floor.versions, users: USERS };
}

/**
 * @param {string} name of an operation
 * @param {number} callers
 * @param {number} rounds
 * @returns {Promise<Floor>}
 */
export async function floorOf(name, callers, rounds) {
  const operation = /** @type {import("./operations.js").Operation} */ (operations.get(name));
  /** @type {import("./measure.js").Lap[][]} */
  const played = [];
  for (let round = 0; round < WARM_UP + rounds; round++) {
    played.push([await runLap(await open(), operation, callers, 0, CALLS)]);
  }
  const { ratio, ...floor } = summarise(NAME, 0, played.slice(WARM_UP), 0, callers > 1);
  return floor;
}

function open() {
  const { rateLimit, ...tables } = contentOf(USERS);
  const database = memoryAdapter({ ...tables, verification: [], rateLimit: rateLimit.slice(0, CALLS) });
  return contestant({ name: NAME, versions: [nameAndVersion("better-auth")], database, close() {} });
}
