// generate: what is missing, as files.

import { count } from "./plan.js";

/** @type {import("../arguments.js").Command} */
export const generate = {
  summary: "Writes what is missing as NNNN_name.up.sql and .down.sql",
  about: `Compares the auth configuration with the database and writes the difference into --dir
(default ./migrations), with the way back. Review it, commit it, and apply it with
migrate --dir. A folder with files that are not applied yet has to be applied first.`,
  flags: ["dir", "name", "dry-run"],
  exits: "0 written, or nothing is missing; 1 failed; 2 with --dry-run, something is missing.",
  examples: ["npx better-auth-native generate --name add_two_factor"],
  needs: "options",
  async run({ database, options, values, output }) {
    const { dir, name } = values;
    if (values["dry-run"]) {
      const planned = await database.plan(options);
      output.answer(planned, () => output.sql(planned.statements));
      return planned.statements.length === 0 ? 0 : 2;
    }
    const written = await output.progress("looking", database.generate(options, { dir, name }));
    output.answer(written, () => {
      if (written.files.length === 0) output.good("In step: nothing to write.");
      for (const file of written.files) output.good(`wrote ${file}`);
      if (written.files.length > 0) output.line(`${count(written.statements.length, "statement")}. Apply with: npx better-auth-native migrate --dir ${dir ?? "./migrations"}`);
    });
    return 0;
  },
};
