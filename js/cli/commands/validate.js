// validate: what is wrong, and what could be better.

import { count } from "./plan.js";

/** @type {import("../arguments.js").Command} */
export const validate = {
  summary: "Says what is wrong with the database, and how to mend it",
  about: `Looks at tables, columns, types, nullability, foreign keys, unique constraints and indexes, and for
e-mail addresses that differ in letter case only. Changes nothing. Each finding has a stable code.`,
  flags: ["no-rows"],
  exits: "0 valid, perhaps with warnings; 2 not valid; 1 failed.",
  needs: "options",
  async run({ database, options, values, output, title }) {
    const rows = !values["no-rows"];
    const report = await output.progress("looking", database.validate(options, { rows }));
    output.answer(report, () => {
      output.heading(title);
      for (const [findings, style, word] of /** @type {const} */ ([
        [report.errors, "red", "error"],
        [report.warnings, "yellow", "warning"],
      ])) {
        for (const { code, message, fix } of findings) {
          output.line(`  ${output.style(style, word)} ${output.style("bold", code)} ${message}`);
          if (fix) output.line(output.style("dim", `      ${fix.split("\n").join("\n      ")};`));
        }
      }
      if (report.errors.length + report.warnings.length > 0) output.line();
      const warnings = report.warnings.length > 0 ? `, ${count(report.warnings.length, "warning")}` : "";
      if (report.valid) output.good(`Valid${warnings}.`);
      else output.bad(`${count(report.errors.length, "error")}${warnings}.`);
    });
    return report.valid ? 0 : 2;
  },
};
