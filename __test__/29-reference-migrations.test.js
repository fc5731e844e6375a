// migrations/: SQL for those who work with the database's own tools. It is what this package makes
// itself; `vitest -u` writes it anew.

import { join } from "node:path";
import { passkey } from "@better-auth/passkey";
import { organization, twoFactor } from "better-auth/plugins";
import { describe, expect, onTestFinished, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { readFolder, toScript } from "../js/schema/files.js";
import { root } from "../scripts/step.js";
import { serverEngines } from "./engines/index.js";
import { named } from "./support/database.js";
import { sqliteFile } from "./support/sqlite-file.js";

/** @typedef {import("better-auth").BetterAuthOptions} BetterAuthOptions */

/** The files, and the options that each of them brings the database to. @type {[string, BetterAuthOptions][]} */
const files = [
  ["0001_core", {}],
  ["0002_two_factor", { plugins: [twoFactor()] }],
  ["0003_passkey", { plugins: [twoFactor(), passkey()] }],
  ["0004_organization", { plugins: [twoFactor(), passkey(), organization()] }],
  [
    "0005_rate_limit",
    { plugins: [twoFactor(), passkey(), organization()], rateLimit: { storage: "database" } },
  ],
];
const nothingWrong = { valid: true, errors: [], warnings: [] };
const everything = files[files.length - 1][1];

const sqlite = {
  name: "SQLite",
  async create() {
    const { url, run, drop } = sqliteFile();
    return { url, query: async (/** @type {string} */ sql) => run(sql), drop: async () => drop() };
  },
};

/** @param {any} engine */
async function emptyDatabase(engine) {
  const { url, query, drop } = await engine.create();
  onTestFinished(drop);
  return {
    query,
    /** Not open while another driver works with the file. @param {(database: import("../index.js").NativeDatabase) => Promise<void>} work */
    async ours(work) {
      const database = nativeAdapter(url);
      try {
        await work(database);
      } finally {
        await database.close();
      }
    },
  };
}

describe.each(named(/** @type {any} */ ([sqlite, ...serverEngines])))("%s", (name, engine) => {
  const folder = join(root, "migrations", name === "PostgreSQL" ? "postgres" : name.toLowerCase());

  test("the files are what a migration makes", async () => {
    const { ours } = await emptyDatabase(engine);
    await ours(async (database) => {
      for (const [file, options] of files) {
        const { statements, steps } = await database.plan(options);
        await expect(toScript(statements)).toMatchFileSnapshot(join(folder, `${file}.up.sql`));
        const down = steps.map((step) => step.down).reverse();
        await expect(toScript(down)).toMatchFileSnapshot(join(folder, `${file}.down.sql`));
        await database.migrate(options);
      }
    });
  });

  test("the database's own tools run them, there and back", async () => {
    const { ours, query } = await emptyDatabase(engine);
    const migrations = readFolder(folder);
    for (const { up } of migrations) await query(up);
    await ours(async (database) => {
      expect(await database.plan(everything)).toMatchObject({ statements: [] });
      expect(await database.validate(everything)).toEqual(nothingWrong);
    });
    for (const { down } of migrations.reverse()) await query(down ?? "");
    await ours(async (database) => {
      await database.migrate(everything, { dir: folder });
      expect(await database.validate(everything)).toEqual(nothingWrong);
      expect(await database.status(everything, { dir: folder })).toMatchObject({ inStep: true, version: 5 });
      expect(await database.rollback({ to: 0, force: true })).toMatchObject({ version: null });
      await database.migrate(everything, { dir: folder });
      expect(await database.validate(everything)).toEqual(nothingWrong);
    });
  });
});
