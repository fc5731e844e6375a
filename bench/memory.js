// Memory of one contestant: only in a process of its own can it be told from the others'. Prints
// the resident bytes with the database open, and after a thousand calls of every operation.

import { operationsOn } from "./operations.js";

const CALLS = 1_000;

const [comparison, name, place, users] = process.argv.slice(2);
/** @type {{ open: typeof import("./sqlite.js").open }} */
const { open } = await import(comparison);
const contestant = await open(name, place);
const operations = operationsOn(Number(users));

const before = process.memoryUsage.rss();
for (const { prepare, run } of operations) {
  for (let n = 0; n < CALLS; n++) {
    await prepare?.(contestant, n);
    await run(contestant, n);
  }
}
console.log(JSON.stringify({ before, after: process.memoryUsage.rss() }));
await contestant.close();
