// Lets every operation of a scenario fail or be fatal, one in each run, and compares afterwards.

import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Driver from "libsql";
import { nativeAdapter } from "../../index.js";
import { compare } from "./check.js";
import { readLedger } from "./ledger.js";
import { Neighbour, Workers } from "./processes.js";
import { createRow, neighbours } from "./rows.js";
import { AFTERWARDS, ROWS } from "./scenarios.js";
import { HARMLESS_TO_WRITES, KILLS, compileShim } from "./shim.js";

/**
 * @import { Scenario } from "./scenarios.js"
 * @import { Action } from "./shim.js"
 * @import { Entry, Filled } from "./ledger.js"
 */

/** @typedef {{ operation: string, file: string }} Fault */

/**
 * @typedef {object} How
 * @property {boolean} beside Whether a second process commits to the same file all along.
 * @property {number} every Which operations fail: every one, every second ...
 * @property {number} last Of the last ones, how many fail whatever their number is.
 */

/** What one action came to. */
export class Figures {
  /** Of a run without a fault. */
  operations = 0;
  faults = 0;
  /** Runs of which a caller was told that something failed. */
  refused = 0;
  /** What was wrong: nothing should be. @type {string[]} */
  findings = [];
}

/** How often a run is repeated that did not come as far as others, beside a second process. */
const TRIES = 5;

export class Campaign {
  #directory = mkdtempSync(join(tmpdir(), "better-auth-native-faults-"));
  #template = join(this.#directory, "template.db");
  #workers = new Workers(compileShim(this.#directory), this.#directory);
  /** @type {Neighbour | undefined} */
  #neighbour;
  #runs = 0;

  static async start() {
    const campaign = new Campaign();
    await campaign.#prepare();
    return campaign;
  }

  async #prepare() {
    const database = nativeAdapter({ url: `sqlite:${this.#template}` });
    await database.migrate({});
    const adapter = database({});
    for (const { id, value } of ROWS) await createRow(adapter, id, value);
    await database.close();
  }

  async stop() {
    await Promise.all([this.#workers.stop(), this.#neighbour?.stop()]);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /**
   * @param {Scenario} scenario
   * @param {Action} action
   * @param {How} how
   */
  async run(scenario, action, { beside, every, last }) {
    const figures = new Figures();
    const counted = await this.#once(scenario, action, Number.MAX_SAFE_INTEGER, beside, figures);
    figures.operations = counted.operations;
    const isChosen = (/** @type {number} */ at) => at % every === 0 || at > figures.operations - last;
    // The second process makes runs differ: some do not come as far as others, some further.
    let most = counted.operations;
    for (let at = 1; at <= most; at += 1) {
      if (!isChosen(at)) continue;
      for (let tries = beside ? TRIES : 1; tries > 0; tries -= 1) {
        const { operations, failed } = await this.#once(scenario, action, at, beside, figures);
        // After a failure there may be more of them, because of it.
        if (!failed) most = Math.max(most, operations);
        if (operations >= at) break;
      }
    }
    return figures;
  }

  /** @param {Scenario} scenario @param {Action} action @param {number} at @param {boolean} beside @param {Figures} figures */
  async #once(scenario, action, at, beside, figures) {
    this.#runs += 1;
    const directory = join(this.#directory, `run-${this.#runs}`);
    mkdirSync(directory);
    const path = join(directory, "faults.db");
    const ledgerPath = join(directory, "ledger");
    copyFileSync(this.#template, path);

    const worker = this.#workers.take(KILLS.includes(action) ? 1 : 0);
    if (beside) await (this.#neighbour ??= new Neighbour()).begin(path);
    const ran = await worker.carryOut({ scenario: scenario.name, path, ledger: ledgerPath, at, action });
    const created = beside ? await this.#neighbour?.end() : 0;
    await this.#workers.giveBack(worker);

    const ledger = readLedger(ledgerPath);
    const { killed, operations, fault } = ran;
    const findings = [
      ...ran.findings,
      ...inspect(path, scenario, ledger, created ?? 0, killed),
      ...(fault ? answered(scenario, ledger, action, fault) : []),
      ...(killed && !fault ? ["it was killed by somebody else"] : []),
    ];
    const what = fault ? `${action}, ${fault.operation} of the ${fault.file}` : "without a fault";
    figures.findings.push(...findings.map((finding) => `operation ${at} (${what}): ${finding}`));
    const failed = outcomes(ledger).some(({ outcome }) => outcome === "failed");
    if (fault) {
      figures.faults += 1;
      if (failed) figures.refused += 1;
    }
    rmSync(directory, { recursive: true });
    return { operations, failed };
  }
}

/** @param {(Entry | Filled)[]} ledger @returns {Entry[]} */
const outcomes = (ledger) => ledger.filter((entry) => "outcome" in entry);

/**
 * Looks at the files with another copy of SQLite, in a process without the shim.
 *
 * @param {string} path
 * @param {Scenario} scenario
 * @param {(Entry | Filled)[]} ledger
 * @param {number} created by the second process
 * @param {boolean} killed
 */
function inspect(path, scenario, ledger, created, killed) {
  const driver = new Driver(path);
  try {
    const query = (/** @type {string} */ sql) => /** @type {Record<string, string>[]} */ (driver.prepare(sql).all());
    const rows = new Map(query('SELECT id, value FROM "verification"').map(({ id, value }) => [id, value]));
    const integrity = query("PRAGMA integrity_check").map((row) => row.integrity_check);
    const findings = integrity.filter((line) => line !== "ok");
    for (let n = 0; n < created; n += 1) {
      if (rows.get(neighbours(n)) !== neighbours(n)) findings.push(`lost: row ${n} of ${created} of the second process`);
      rows.delete(neighbours(n));
    }
    const afterwards = rows.get(AFTERWARDS.id);
    rows.delete(AFTERWARDS.id);
    if (afterwards !== (killed ? undefined : AFTERWARDS.after)) findings.push("the row that was created afterwards is not as it should be");
    return [...findings, ...compare(scenario, ledger, rows)];
  } catch (error) {
    return [`it cannot be read: ${/** @type {any} */ (error).message}`];
  } finally {
    driver.close();
  }
}

/**
 * Whether the process was told what happened.
 *
 * @param {Scenario} scenario
 * @param {(Entry | Filled)[]} ledger
 * @param {Action} action
 * @param {Fault} fault
 */
function answered(scenario, ledger, action, { operation, file }) {
  const failures = outcomes(ledger).filter(({ outcome }) => outcome === "failed");
  const findings = [];
  const isCovered = HARMLESS_TO_WRITES.includes(action) && operation !== "sync";
  if (isCovered && failures.length > 0) findings.push(`"${failures[0].message}", which SQLite makes up for`);
  // A check-point that fails is made up for by a later one, and what could not be committed together
  // is committed apart.
  const isTriedAgain = operation !== "write" || file !== "log" || scenario.steps.some(({ way }) => way === "at once");
  const isTold = !KILLS.includes(action) && !isCovered && !isTriedAgain;
  if (isTold && failures.length === 0) findings.push("nobody was told");
  // That the disk is full, SQLite tells only of pages.
  const isFull = action.includes("ENOSPC") && operation === "write" && file !== "log's index";
  const reason = isFull ? /the disk is full/ : /(file|log).* cannot be/;
  const [first] = failures;
  if (first && !(first.code === "STORAGE_FAILED" && reason.test(`${first.message}`))) {
    findings.push(`the error is ${first.code}, "${first.message}"`);
  }
  return findings;
}
