// backup: a copy of a SQLite database while it is in use.

/** @type {import("../arguments.js").Command} */
export const backup = {
  summary: "Copies a SQLite database that is in use to a file",
  about: `Copies the database as it is at this moment, while others go on writing, checks the copy, and gives
it its name when it is whole. For servers, docs/backup.md shows their own tools.`,
  argument: "path",
  flags: ["overwrite"],
  exits: "0 copied, 1 failed, and nothing is left behind.",
  examples: ["npx better-auth-native backup ./backups/auth.db", "npx better-auth-native backup copy.db --url sqlite:./auth.db"],
  needs: "database",
  async run({ database, values, output, title }) {
    const { path, overwrite = false } = values;
    const interrupted = new AbortController();
    const stop = () => interrupted.abort(new Error("the backup was interrupted; nothing of it is left"));
    process.once("SIGINT", stop);
    const bars = output.bars();
    try {
      const { signal } = interrupted;
      const onProgress = (/** @type {{ copied: number, total: number }} */ { copied, total }) =>
        bars.show("pages copied", copied, total);
      const done = await database.backup(path, { overwrite, signal, onProgress });
      bars.end();
      output.answer({ path, ...done }, () => output.good(`${title} copied to ${path}, ${done.pages} pages, and checked.`));
      return 0;
    } finally {
      bars.end();
      process.removeListener("SIGINT", stop);
    }
  },
};
