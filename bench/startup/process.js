// One application from nothing to its first answer and its end: prints the resident bytes with the
// database open. Whoever starts this process takes the time.

import { contestants } from "./contestants.js";

const [engine, name, place] = process.argv.slice(2);
const { database, close } = await contestants[engine][name](place);
const { getAdapter } = await import("better-auth/db/adapter");
const adapter = await getAdapter({ database });
const user = await adapter.findOne({ model: "user", where: [{ field: "email", value: "user7@example.com" }] });
if (name !== "memory adapter" && user === null) throw new Error("the first query found nothing");
console.log(process.memoryUsage.rss());
await close();
