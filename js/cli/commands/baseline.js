// baseline: takes an existing database into the history.

/** @type {import("../arguments.js").Command} */
export const baseline = {
  summary: "Takes what is there for the first version, or files for applied",
  about: `For a database that Better Auth's migrator, Drizzle, Prisma or hand-written SQL has made: records
its present state as the first version, so that versions after it can be told apart from it. With
--dir, records the files of the folder as applied instead. Runs nothing. migrate does it by itself
before it adds anything to such a database.`,
  flags: ["dir", "description"],
  exits: "0 recorded, 1 failed.",
  needs: "options",
  async run({ database, options, values, output, title }) {
    const { dir, description } = values;
    const done = await database.baseline(options, { dir, description });
    output.answer(done, () => {
      for (const version of done.applied) output.good(`version ${version.version}: ${version.description}`);
      output.line(`Recorded in ${title}; nothing was run.`);
    });
    return 0;
  },
};
