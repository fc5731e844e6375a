// Makes the database that every run starts with, in a process that ends.

import { once } from "node:events";
import Driver from "libsql";
import { nativeAdapter } from "../../index.js";
import { NOTES, counters, withCounters } from "./rows.js";

const [path] = await once(process, "message");
const database = nativeAdapter(`sqlite:${path}`);
await database.migrate(withCounters);
const adapter = /** @type {any} */ (database(withCounters));
for (const key of Object.values(counters)) {
  await adapter.create({ model: "rateLimit", data: { key, count: 0, lastRequest: 0 } });
}
await database.close();
const driver = new Driver(path);
driver.exec(NOTES);
driver.close();
process.disconnect();
