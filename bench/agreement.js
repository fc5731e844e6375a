// Equal answers, before anything is timed, and equal databases in the end: who is fast by doing
// something else is out.

import { deepStrictEqual, notStrictEqual } from "node:assert/strict";

/**
 * @typedef {import("./operations.js").Contestant} Contestant
 * @typedef {import("./operations.js").Operation} Operation
 */

/** Calls that are not made again when time is taken. */
const SAMPLES = [100_000_000, 100_000_001, 100_000_002];

/** Every row of these, in an order that the rows decide. */
const CONTENTS = [
  { model: "user", field: "email" },
  { model: "session", field: "token" },
  { model: "account", field: "accountId" },
  { model: "verification", field: "identifier" },
  { model: "rateLimit", field: "key" },
];

/**
 * @param {Contestant[]} contestants
 * @param {Operation[]} operations
 */
export async function checkAnswers(contestants, operations) {
  for (const { name, run, prepare } of operations) {
    for (const n of SAMPLES) {
      await checkEqual(contestants, name, async (contestant) => {
        await prepare?.(contestant, n);
        const answer = await run(contestant, n);
        notStrictEqual(answer, null, `${contestant.name}: ${name} found nothing`);
        return answer;
      });
    }
  }
}

/** @param {Contestant[]} contestants */
export async function checkContents(contestants) {
  for (const { model, field } of CONTENTS) {
    const limit = 100_000_000;
    await checkEqual(contestants, `the rows of ${model}`, ({ adapter }) =>
      adapter.findMany({ model, limit, sortBy: { field, direction: "asc" } }),
    );
  }
}

/**
 * @param {Contestant[]} contestants
 * @param {string} what
 * @param {(contestant: Contestant) => Promise<any>} ask
 */
async function checkEqual(contestants, what, ask) {
  const [first, ...others] = contestants;
  const expected = normalised(await ask(first));
  for (const other of others) {
    const answer = normalised(await ask(other));
    deepStrictEqual(answer, expected, `${what}: ${other.name} differs from ${first.name}`);
  }
}

/**
 * Without what may differ: generated ids, and whether a field without value is there.
 *
 * @param {any} answer
 * @returns {any}
 */
function normalised(answer) {
  if (Array.isArray(answer)) return answer.map(normalised);
  if (answer?.constructor !== Object) return answer;
  const fields = Object.entries(answer).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    fields.map(([name, value]) => {
      if (isNewId(name, value)) return [name, "new"];
      // 64 bits: a number, a BigInt, or with the built-in adapter on pg a text.
      if (name === "lastRequest") return [name, Number(value)];
      return [name, normalised(value)];
    }),
  );
}

/** @param {string} name @param {unknown} value */
function isNewId(name, value) {
  return name === "id" && typeof value === "string" && !value.includes("-");
}
