// One process in which this package and a neighbour write to the same file, on this thread and on one
// of the neighbour's own. Forked by index.js, which may kill it.

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import * as own from "../../index.js";
import { adapterWriter } from "./adapter.js";
import { openNeighbour } from "./drivers.js";
import { longEnough, modes } from "./modes.js";

/** @typedef {import("./writer.js").Figures} Figures */

/**
 * @typedef {object} Task
 * @property {string} neighbour
 * @property {string} mode
 * @property {string} path of the database
 * @property {string} ledgers
 * @property {string} secondCopy
 * @property {number} seconds
 * @property {number} incarnation of the process
 */

/** @typedef {{ figures: Record<string, Figures>, intrusions: number }} Told */

/** In milliseconds: on the thread that our transactions need. */
const PATIENCE = 2;

// Without the one who asked nobody is to go on.
process.once("disconnect", () => process.exit(1));
const [task] = await once(process, "message");
process.send?.({ result: await main(task) });
process.removeAllListeners("disconnect").disconnect();

/** @param {Task} task @returns {Promise<Told>} */
async function main(task) {
  const { neighbour: beside, mode, path, ledgers, incarnation } = task;
  const worker = new Worker(new URL("thread.js", import.meta.url), { workerData: task });
  const workerTold = once(worker, "message");
  const workerEnded = once(worker, "exit");

  const ours = adapterWriter(own, path, ledgers, `ours-${incarnation}`);
  const neighbour = await openNeighbour(beside, task, `neighbour-${incarnation}`, PATIENCE);
  const goesOn = longEnough(task.seconds, ours, neighbour);
  tellWhenWriting(ours, neighbour);
  let intrusions = 0;
  await modes[mode].run({ ours, neighbour, goesOn, intruded: () => (intrusions += 1) });
  ours.close();
  neighbour.close();

  const [figures] = await workerTold;
  await workerEnded;
  return { figures: { ours: ours.figures, neighbour: neighbour.figures, "neighbour's thread": figures }, intrusions };
}

/** Tells once that both sides have been acknowledged something. @param {...import("./modes.js").Writer} writers */
function tellWhenWriting(...writers) {
  const look = setInterval(() => {
    if (!writers.every(({ figures }) => figures.acknowledged > 0)) return;
    clearInterval(look);
    process.send?.({ writing: true });
  }, 10);
  look.unref();
}
