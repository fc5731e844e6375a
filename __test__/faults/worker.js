// The process under test: it has the shim preloaded, and carries out a scenario while one operation
// on the files fails or kills it.

import { closeSync, openSync, readSync, statSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { nativeAdapter } from "../../index.js";
import { compare } from "./check.js";
import { Ledger } from "./ledger.js";
import { createRow, make, updateRow, valuesById } from "./rows.js";
import { AFTERWARDS, FILLER, PATIENT, filling, scenarioNamed } from "./scenarios.js";
import { Control } from "./shim.js";

/**
 * @import { Step } from "./scenarios.js"
 * @import { Action } from "./shim.js"
 */

/**
 * @typedef {object} Task
 * @property {string} scenario
 * @property {string} path of the database
 * @property {string} ledger a path
 * @property {number} at
 * @property {Action} action
 */

/** Pages in the log, after which the adapter has it moved. */
const DUE = 1_000;

const HEADER = 32;
const FRAME = 24 + 4_096;

const control = new Control(`${process.env.FAULTS_CONTROL}`);

/** @param {any} adapter @param {Ledger} ledger @param {Step} step @param {number} index */
async function takeStep(adapter, ledger, { way, changes }, index) {
  const attempt = (/** @type {any} */ on, /** @type {number} */ n) =>
    ledger.attempt({ step: index, change: n }, () => make(on, changes[n]));
  if (way === "in turn") {
    for (const n of changes.keys()) await attempt(adapter, n);
  } else if (way === "at once") {
    await Promise.all([...changes.keys()].map((n) => attempt(adapter, n)));
  } else {
    await ledger.attempt({ step: index }, () =>
      adapter.transaction(async (/** @type {any} */ inside) => {
        for (const n of changes.keys()) {
          if (way === "transaction") await make(inside, changes[n]);
          else await attempt(inside, n);
        }
      }),
    );
  }
}

/** Commits until the log has so many pages. @param {any} adapter @param {Ledger} ledger @param {string} path @param {number} pages */
async function fillLog(adapter, ledger, path, pages) {
  let count = 0;
  do {
    count += 1;
    await updateRow(adapter, FILLER, filling(count));
  } while (statSync(`${path}-wal`).size < HEADER + pages * FRAME);
  ledger.note({ filled: count });
}

/**
 * Until a check-point, which runs beside the writers, moved the log, or something failed.
 *
 * @param {number} index of the log: a descriptor, which stays open as long as the database (closing
 *   it drops this process's POSIX locks on that file)
 */
async function checkpointEnded(index) {
  const until = performance.now() + 10_000;
  const header = new Uint32Array(25);
  for (;;) {
    readSync(index, header, 0, header.byteLength, 0);
    // See https://www.sqlite.org/walformat.html#the_wal_index_file_format.
    const [frames, moved] = [header[4], header[24]];
    // A log that begins again was moved before.
    if (moved > 0 || frames < DUE || control.seen().fault) return;
    if (performance.now() > until) throw new Error("the log was not moved within 10 s");
    await setTimeout(1);
  }
}

/** @param {Task} task */
async function carryOut({ scenario: name, path, ledger: ledgerPath, at, action }) {
  const scenario = scenarioNamed(name);
  const ledger = new Ledger(ledgerPath);
  const open = () => nativeAdapter({ url: `sqlite:${path}`, ...PATIENT, ...scenario.options });
  let database = open();
  let adapter = /** @type {any} */ (database({}));
  await adapter.count({ model: "verification" });
  if (scenario.fill) await fillLog(adapter, ledger, path, scenario.fill);

  const index = scenario.checkpoints ? openSync(`${path}-shm`, "r") : undefined;
  control.arm(at, action);
  for (const [n, step] of scenario.steps.entries()) await takeStep(adapter, ledger, step, n);
  if (index !== undefined) await checkpointEnded(index);
  if (scenario.closes) await database.close();
  control.disarm();

  if (scenario.closes) {
    database = open();
    adapter = database({});
  }
  const findings = compare(scenario, ledger.entries, await valuesById(adapter)).map((finding) => `in the process itself: ${finding}`);
  await createRow(adapter, AFTERWARDS.id, `${AFTERWARDS.after}`);
  await database.close();
  if (index !== undefined) closeSync(index);
  ledger.close();
  return { ...control.seen(), findings };
}

process.on("message", async (task) => {
  try {
    process.send?.({ result: await carryOut(/** @type {Task} */ (task)) });
  } catch (error) {
    process.send?.({ error: /** @type {any} */ (error).stack });
  }
});
process.send?.("ready");
