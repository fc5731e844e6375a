// The thread of the neighbour's own; see process.js.

import { parentPort, workerData } from "node:worker_threads";
import { openNeighbour } from "./drivers.js";
import { longEnough, modes } from "./modes.js";

/** In milliseconds: nobody needs this thread meanwhile. */
const PATIENCE = 1_000;

/** @type {import("./process.js").Task} */
const task = workerData;
const { neighbour, mode, seconds, incarnation } = task;
const writer = await openNeighbour(neighbour, task, `neighbour-${incarnation}-thread`, PATIENCE);
await modes[mode].onAThread(writer, longEnough(seconds, writer));
writer.close();
parentPort?.postMessage(writer.figures);
