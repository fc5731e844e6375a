// status: the versions, and whether anything is missing.

import { count } from "./plan.js";

/** @type {Record<string, import("../output.js").Style>} */
const STYLES = {
  pending: "yellow",
  interrupted: "red",
  changed: "red",
  missing: "red",
  unknown: "yellow",
  "rolled-back": "dim",
};

/** @type {import("../arguments.js").Command} */
export const status = {
  summary: "Shows the versions and what is missing",
  about: `Lists what auth_schema_versions records, and with --dir compares it with the files:
  applied      it is in the database          pending      a file that is not applied yet
  baseline     what was there before          changed      its file is not what was applied
  rolled-back  it was taken back              missing      its file is gone
  interrupted  some of its statements ran     unknown      newer than every file`,
  flags: ["dir"],
  exits: "0 in step, 2 not, 1 failed.",
  needs: "options",
  async run({ database, options, values, output, title }) {
    const found = await output.progress("looking", database.status(options, { dir: values.dir }));
    output.answer(found, () => {
      output.heading(title);
      if (found.versions.length > 0) {
        const rows = found.versions.map((version) => [
          `${version.version}`,
          version.state,
          version.appliedAt === null ? "" : version.appliedAt.toISOString().slice(0, 19).replace("T", " "),
          version.appliedAt === null ? "" : version.durationMs === 0 ? "<1 ms" : `${version.durationMs} ms`,
          version.checksum.slice(0, 8),
          version.description,
        ]);
        const style = (/** @type {number} */ row) => STYLES[found.versions[row].state];
        output.table(["version", "state", "applied (UTC)", "took", "checksum", "description"], rows, style);
      } else {
        output.line("  Nothing is recorded yet.");
        output.line();
      }
      if (found.blocked) output.bad(found.blocked);
      else if (found.pending.length > 0) output.bad(`${count(found.pending.length, "step")} missing. See: npx better-auth-native plan`);
      else if (found.inStep) output.good("In step.");
      else output.bad("Not in step: see the states above.");
    });
    return found.inStep ? 0 : 2;
  },
};
