// cleanup: deletes what has expired.

import { UsageError } from "../arguments.js";
import { count } from "./plan.js";

/** @type {import("../arguments.js").Command} */
export const cleanup = {
  summary: "Deletes expired sessions, verifications and rate-limit rows",
  about: `Deletes in small batches with pauses, so that sign-ins go on meanwhile; rows that somebody else has
locked stay for the next time. Ctrl-C ends it after the batch that is under way. It may run while an
application cleans up in the background, too.`,
  flags: ["batch-size", "pause", "older-than", "tables", "dry-run"],
  exits: "0 done; 1 failed or interrupted; 2 with --dry-run, there is something to delete.",
  examples: [
    "npx better-auth-native cleanup --dry-run",
    "npx better-auth-native cleanup --older-than 7d --tables session,verification",
  ],
  needs: "options",
  async run({ database, options, values, output, title }) {
    const settings = {
      batchSize: whole("batch-size", values["batch-size"]),
      pauseMs: milliseconds("pause", values.pause),
      olderThanMs: milliseconds("older-than", values["older-than"]),
      tables: values.tables?.split(",").map((/** @type {string} */ name) => name.trim()),
    };
    if (values["dry-run"]) {
      const counted = await output.progress("counting", database.cleanup({ ...settings, dryRun: true }, options));
      const expired = counted.tables.reduce((sum, table) => sum + (table.expired ?? 0), 0);
      output.answer(counted, () => {
        output.heading(title);
        output.table(["table", "expired"], counted.tables.map(({ table, expired }) => [table, (expired ?? 0).toLocaleString("en")]));
        output.line(expired === 0 ? "Nothing to delete." : "Nothing was deleted.");
      });
      return expired === 0 ? 0 : 2;
    }
    const interrupt = new AbortController();
    const stop = () => interrupt.abort();
    process.once("SIGINT", stop);
    const bars = output.bars();
    const cleaning = database.cleanup(
      {
        ...settings,
        signal: interrupt.signal,
        onProgress: ({ table, deleted, total }) => bars.show(table, deleted, total),
      },
      options,
    );
    const done = await cleaning.finally(() => {
      bars.end();
      process.off("SIGINT", stop);
    });
    output.answer(done, () => {
      for (const { table, deleted } of done.tables) output.good(`${table}: ${count(deleted, "row")} deleted`);
      if (done.aborted) output.bad("Interrupted; what is left is deleted the next time.");
      else output.line(`${count(done.deleted, "row")} deleted from ${title} in ${(done.durationMs / 1_000).toFixed(1)} s.`);
    });
    return done.aborted ? 1 : 0;
  },
};

/** @type {Record<string, number>} */
const UNITS = { "": 1, ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * @param {string} flag
 * @param {string | undefined} text
 */
function milliseconds(flag, text) {
  if (text === undefined) return undefined;
  const [, number, unit] = /^(\d+)(ms|s|m|h|d|)$/.exec(text) ?? [];
  if (number === undefined) throw new UsageError(`--${flag} takes a time such as 500ms, 30m, 12h or 7d`);
  return Number(number) * UNITS[unit];
}

/**
 * @param {string} flag
 * @param {string | undefined} text
 */
function whole(flag, text) {
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  throw new UsageError(`--${flag} takes a whole number`);
}
