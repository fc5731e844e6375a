// drop: deletes the tables of Better Auth, for those who mean it.

import { UsageError } from "../arguments.js";
import { count } from "./plan.js";

/** @type {import("../arguments.js").Command} */
export const drop = {
  summary: "Drops the tables of the auth configuration, and every user with them",
  about: `Drops the tables that the auth configuration knows, with every row, and the history. No other table is
touched; one that refers to them stops it. Asks for the name of the database, which --confirm gives
where nobody can be asked.`,
  flags: ["yes", "confirm", "dry-run"],
  exits: "0 dropped, 1 failed or not confirmed, 2 with --dry-run, there is something to drop.",
  examples: ["npx better-auth-native drop --dry-run", "npx better-auth-native drop --yes --confirm auth.db"],
  needs: "options",
  async run({ database, options, values, output, title, name }) {
    const planned = await database.drop({ dryRun: true }, options);
    const show = () => {
      output.heading(title);
      for (const { table, rows } of planned.tables) {
        output.line(`  ${output.style("red", "-")} table ${table}, ${count(rows, "row")}`);
      }
      output.line();
    };
    const nothing = planned.tables.length === 0;
    if (values["dry-run"] || nothing) {
      output.answer(planned, () => {
        if (!nothing) show();
        output.line(nothing ? "There is nothing to drop." : "Nothing was changed.");
      });
      return nothing ? 0 : 2;
    }
    if (values.yes && values.confirm !== name) {
      throw new UsageError(`with --yes, drop takes --confirm ${name}`);
    }
    if (!values.yes) {
      show();
      if (!(await output.confirm(`Type the name of the database (${name}) to drop them:`, false, name))) return 1;
    }
    const done = await database.drop({ confirm: name }, options);
    output.answer(done, () => output.good(`dropped ${count(done.tables.length, "table")} of ${title}`));
    return 0;
  },
};
