// migrate: brings the database in step.

import { count, show } from "./plan.js";

/** @type {import("../arguments.js").Command} */
export const migrate = {
  summary: "Adds what is missing, and records it",
  about: `Creates what the auth configuration asks for and the database lacks, or runs the files of --dir
that are not applied yet, and records each version in the table auth_schema_versions. Drops and
changes nothing that exists, and stops with UNSAFE_MIGRATION where rows are in the way. Several
processes may run it at once: one does the work, the others wait.`,
  flags: ["dir", "yes", "dry-run"],
  exits: "0 done, or nothing to do; 1 failed; 2 with --dry-run, something is missing.",
  examples: ["npx better-auth-native migrate --yes", "npx better-auth-native migrate --dir ./migrations --yes"],
  needs: "options",
  async run(context) {
    const { database, options, values, output, title } = context;
    if (values["dry-run"]) return show(context);
    const settings = { dir: values.dir };
    if (!values.yes) {
      const { steps } = await output.progress("looking", database.plan(options, settings));
      if (steps.length > 0) {
        output.heading(title);
        output.diff(steps);
        if (!(await output.confirm(`Apply ${count(steps.length, "step")}? [y/N]`, false))) return 1;
      }
    }
    const done = await output.progress("migrating", database.migrate(options, settings));
    output.answer(done, () => {
      if (done.steps.length === 0) {
        const version = done.version === null ? "" : `, version ${done.version}`;
        output.good(`${title} is in step${version}: nothing to do.`);
        return;
      }
      for (const { version, description } of done.applied) {
        output.good(`version ${version}: ${description}`);
      }
      output.line(`${count(done.steps.length, "step")} taken in ${title}.`);
    });
    return 0;
  },
};
