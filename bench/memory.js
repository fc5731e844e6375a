// Memory of one contestant: only in a process of its own can it be told from the others'. Prints
// the resident bytes with the database open, and after a thousand calls of every operation.

import { engines } from "./engines.js";
import { operationsOn } from "./operations.js";

const CALLS = 1_000;

const [engine, name, place, users] = process.argv.slice(2);
const { open } = await engines[engine]();
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
