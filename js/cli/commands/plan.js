// plan: what migrate would do.

/** @type {import("../arguments.js").Command} */
export const plan = {
  summary: "Shows what migrate would do",
  about: `Compares the database with the tables, columns, indexes and foreign keys that the auth
configuration asks for, or with the files of --dir, and prints the statements between the two.
Changes nothing.`,
  flags: ["dir"],
  exits: "0 in step, 2 something is missing, 1 failed.",
  examples: ["npx better-auth-native plan", "npx better-auth-native plan --url postgres://localhost/app --json"],
  needs: "options",
  run: show,
};

/** @param {import("../arguments.js").Context} context */
export async function show({ database, options, values, output, title }) {
  const planned = await output.progress("looking", database.plan(options, { dir: values.dir }));
  output.answer(planned, () => {
    output.heading(`${title}${planned.version === null ? "" : `, version ${planned.version}`}`);
    if (planned.steps.length === 0) {
      output.good("In step: nothing is missing.");
      return;
    }
    output.diff(planned.steps);
    output.bad(`${count(planned.steps.length, "step")} missing. Apply with: npx better-auth-native migrate`);
  });
  return planned.steps.length === 0 ? 0 : 2;
}

/** @param {number} number @param {string} noun */
export function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
