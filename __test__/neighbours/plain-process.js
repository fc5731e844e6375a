// A process of its own that writes to the same file by another driver. Forked by index.js, which may
// kill it.

import { once } from "node:events";
import { openNeighbour } from "./drivers.js";
import { longEnough, stay } from "./modes.js";

const PATIENCE = 1_000;

process.once("disconnect", () => process.exit(1));
const [task] = await once(process, "message");
const writer = await openNeighbour("libsql", task, `second-${task.incarnation}`, PATIENCE);
const writing = setInterval(() => {
  if (writer.figures.acknowledged > 0) process.send?.({ writing: true });
}, 10);
await stay(writer, longEnough(task.seconds, writer));
clearInterval(writing);
writer.close();
process.send?.({ result: { figures: { "second process": writer.figures }, intrusions: 0 } });
process.removeAllListeners("disconnect").disconnect();
