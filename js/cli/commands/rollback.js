// rollback: takes versions back, newest first.

import { count } from "./plan.js";

/** @type {import("../arguments.js").Command} */
export const rollback = {
  summary: "Takes the newest version back, or all above --to",
  about: `Runs the way back that the history keeps of each version, newest first. What rows and values that
would lose is counted and shown first; --yes accepts the loss. A baseline has no way back.`,
  flags: ["to", "yes", "dry-run"],
  exits: "0 done; 1 failed, or not confirmed; 2 with --dry-run, there is something to take back.",
  examples: ["npx better-auth-native rollback", "npx better-auth-native rollback --to 3 --yes"],
  needs: "database",
  async run({ database, values, output, title }) {
    const to = values.to === undefined ? undefined : Number(values.to);
    const planned = await output.progress("looking", database.rollback({ to, dryRun: true }));
    const nothing = planned.rolledBack.length === 0;
    const show = () => {
      output.heading(title);
      for (const { version, description } of planned.rolledBack) {
        output.line(`  ${output.style("red", "-")} version ${version}: ${description}`);
      }
      output.line();
      output.sql(planned.statements);
      for (const { table, column, rows, statement } of planned.losses) {
        const what = rows === null ? `what ${statement} takes away` : loss(table, column, rows);
        output.line(`  ${output.style("red", "loses")} ${what}`);
      }
      if (planned.losses.length > 0) output.line();
    };
    if (values["dry-run"]) {
      output.answer(planned, () => {
        show();
        output.line(nothing ? "Nothing to take back." : "Nothing was changed.");
      });
      return nothing ? 0 : 2;
    }
    if (!nothing && !values.yes) {
      show();
      if (!(await output.confirm(`Take back ${count(planned.rolledBack.length, "version")}? [y/N]`, false))) return 1;
    }
    const done = await output.progress("rolling back", database.rollback({ to, force: true }));
    output.answer(done, () => {
      for (const { version, description } of done.rolledBack) output.good(`took back version ${version}: ${description}`);
      output.line(done.version === null ? `${title} has no version left.` : `${title} is at version ${done.version}.`);
    });
    return 0;
  },
};

/** @param {string | null} table @param {string | null} column @param {number} rows */
function loss(table, column, rows) {
  return column === null ? `${count(rows, "row")} of ${table}` : `the values of ${table}.${column} in ${count(rows, "row")}`;
}
