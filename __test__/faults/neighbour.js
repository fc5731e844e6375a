// A second process, without the shim: it commits rows of its own to the same file all along.

import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { nativeAdapter } from "../../index.js";
import { createRow, neighbours } from "./rows.js";
import { PATIENT, SMALL_CACHE } from "./scenarios.js";

/** How many it commits before it says that it has begun, and again after it was told to end. */
const SOME = 10;

/** @param {string} path @returns how many rows were acknowledged */
async function work(path) {
  const database = nativeAdapter({ url: `sqlite:${path}`, ...PATIENT, ...SMALL_CACHE });
  const adapter = database({});
  let created = 0;
  const create = async () => {
    await createRow(adapter, neighbours(created), neighbours(created));
    created += 1;
  };
  let ends = false;
  const told = once(process, "message").then(() => (ends = true));
  while (created < SOME) await create();
  process.send?.("begun");
  while (!ends) {
    await create();
    await setImmediate();
  }
  await told;
  for (let n = 0; n < SOME; n += 1) await create();
  await database.close();
  return created;
}

process.send?.("ready");
for (;;) {
  const [path] = await once(process, "message");
  try {
    process.send?.({ result: await work(path) });
  } catch (error) {
    process.send?.({ error: /** @type {any} */ (error).stack });
  }
}
