// Databases that Better Auth's own migrator, Drizzle's kit or Prisma made are taken over with what is
// in them; see adopted/README.md.

import { readFileSync } from "node:fs";
import { getAuthTables } from "@better-auth/core/db";
import { getMigrations } from "better-auth/db/migration";
import { twoFactor } from "better-auth/plugins";
import { describe, expect, onTestFinished, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { serverEngines } from "./engines/index.js";
import * as sqlite from "./engines/sqlite.js";
import { basics } from "./support/basics.js";
import { named } from "./support/database.js";
import { everyRow } from "./support/rows.js";
import { sqliteFile } from "./support/sqlite-file.js";

/** @typedef {import("better-auth").BetterAuthOptions} BetterAuthOptions */

const MOMENT = new Date(2_000_000_000_000);

/** @param {string} name */
const snakeCase = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Columns named as Drizzle's are, for the fields of one of Better Auth's models. @param {string} model */
function inSnakeCase(model) {
  const { fields } = getAuthTables({ plugins: [twoFactor()] })[model];
  return Object.fromEntries(Object.keys(fields).map((name) => [name, snakeCase(name)]));
}

/** @type {BetterAuthOptions} */
const plain = { plugins: [twoFactor()] };
const { twoFactorEnabled: _, ...userFields } = inSnakeCase("user");
/** @type {BetterAuthOptions} */
const mapped = {
  user: { fields: userFields },
  session: { fields: inSnakeCase("session") },
  account: { fields: inSnakeCase("account") },
  verification: { fields: inSnakeCase("verification") },
  plugins: [mappedTwoFactor()],
};

/** Not by its option `schema`, which would rename the fields of every twoFactor() there is. */
function mappedTwoFactor() {
  const plugin = twoFactor();
  const schema = structuredClone(plugin.schema);
  const fields = { ...schema.user.fields, ...schema.twoFactor.fields };
  for (const [name, field] of Object.entries(fields)) Object.assign(field, { fieldName: snakeCase(name) });
  Object.assign(schema.twoFactor, { modelName: "two_factor" });
  return { ...plugin, schema };
}

/** @type {{ tool: string, options: BetterAuthOptions, folder?: string }[]} */
const tools = [
  { tool: "Better Auth's migrator", options: plain },
  { tool: "Drizzle's kit", options: mapped, folder: "drizzle" },
  { tool: "Prisma", options: plain, folder: "prisma" },
];

const files = {
  name: "SQLite",
  async create() {
    const { url, run, drop } = sqliteFile();
    return { url, query: async (/** @type {string} */ sql) => run(sql), drop: async () => drop() };
  },
  builtIn: sqlite.builtIn,
};

/**
 * A row in every table, as that tool stores it.
 *
 * @param {BetterAuthOptions} options
 * @param {(name: string) => string} quote
 * @param {string} moment
 */
function insertions(options, quote, moment) {
  const tables = Object.entries(getAuthTables(options)).toSorted(([, one], [, other]) => (one.order ?? 9) - (other.order ?? 9));
  return tables.map(([model, { modelName, fields }]) => {
    const columns = Object.entries(fields).map(([name, { fieldName = name, type, references }]) => {
      if (references) return [fieldName, "'user id'"];
      const values = { string: `'${model} ${name}'`, number: "7", boolean: "true", date: moment };
      return [fieldName, values[/** @type {keyof typeof values} */ (type)]];
    });
    const names = ["id", ...columns.map(([name]) => name)].map(quote).join(", ");
    const values = [`'${model} id'`, ...columns.map(([, value]) => value)].join(", ");
    return `INSERT INTO ${quote(modelName)} (${names}) VALUES (${values})`;
  });
}

/** What is found before: MISSING_INDEX everywhere, and by tool and engine this. @type {Record<string, string[]>} */
const FINDINGS = {
  "Better Auth's migrator on SQLite": [],
  "Better Auth's migrator on PostgreSQL": [],
  "Better Auth's migrator on MySQL": ["CASE_INSENSITIVE_COLLATION"],
  "Better Auth's migrator on MariaDB": ["CASE_INSENSITIVE_COLLATION"],
  "Drizzle's kit on SQLite": ["DATES_AS_NUMBERS"],
  "Drizzle's kit on PostgreSQL": ["ZONELESS_TIMESTAMP"],
  "Drizzle's kit on MySQL": ["CASE_INSENSITIVE_COLLATION"],
  "Drizzle's kit on MariaDB": ["CASE_INSENSITIVE_COLLATION"],
  "Prisma on SQLite": ["DATES_AS_NUMBERS"],
  "Prisma on PostgreSQL": ["ZONELESS_TIMESTAMP"],
  "Prisma on MySQL": ["CASE_INSENSITIVE_COLLATION"],
  "Prisma on MariaDB": ["CASE_INSENSITIVE_COLLATION"],
};

describe.each(named(/** @type {any} */ ([files, ...serverEngines])))("%s", (name, unspecific) => {
  const engine = /** @type {typeof files} */ (unspecific);
  const kind = name === "PostgreSQL" ? "postgres" : name === "SQLite" ? "sqlite" : "mysql";
  const quote = (/** @type {string} */ word) => (kind === "mysql" ? `\`${word}\`` : `"${word}"`);

  test.each(tools)("what $tool has made is adopted, and given back as it was", async ({ tool, options, folder }) => {
    const { url, query, drop } = await engine.create();
    onTestFinished(drop);
    if (folder) {
      await query(readFileSync(new URL(`adopted/${folder}/${kind}.sql`, import.meta.url), "utf8"));
    } else {
      const { database, close } = engine.builtIn(url);
      await (await getMigrations({ ...basics, ...options, database })).runMigrations();
      await close();
    }
    // On SQLite, Drizzle and Prisma store milliseconds.
    const number = kind === "sqlite" && folder !== undefined;
    const text = kind === "sqlite" ? MOMENT.toISOString() : MOMENT.toISOString().slice(0, -1).replace("T", " ");
    const moment = number ? `${MOMENT.getTime()}` : `'${text}${name === "PostgreSQL" && !folder ? "Z" : ""}'`;
    if (kind === "mysql") await query("SET time_zone = '+00:00'");
    for (const sql of insertions(options, quote, moment)) await query(sql);

    const database = nativeAdapter(url);
    onTestFinished(() => database.close());
    const rows = () => everyRow(database(options), options);
    const before = await rows();
    for (const stored of Object.values(before)) expect(stored).toHaveLength(1);
    expect(before.session[0]).toMatchObject({ expiresAt: MOMENT, userId: "user id", token: "session token" });
    expect(before.user[0]).toMatchObject({ emailVerified: true, twoFactorEnabled: true });

    const found = await database.validate(options);
    const findings = [...found.errors, ...found.warnings];
    const codes = new Set(findings.map(({ code }) => code));
    expect([...codes].sort()).toEqual(["MISSING_INDEX", ...FINDINGS[`${tool} on ${name}`]].sort());
    const { statements } = await database.plan(options);
    for (const { code, fix } of findings) {
      if (code === "MISSING_INDEX") expect(statements).toContain(fix);
    }

    const done = await database.migrate(options);
    expect(done).toMatchObject({ statements, version: 2 });
    expect(done.applied).toMatchObject([{ version: 1, description: "baseline" }, { version: 2 }]);
    expect(await database.migrate(options)).toMatchObject({ statements: [] });
    expect(await rows()).toEqual(before);

    const dates = found.errors.filter(({ code }) => code === "DATES_AS_NUMBERS");
    if (dates.length > 0) {
      await database.close();
      for (const { fix = "" } of dates) await query(fix);
    }
    const own = nativeAdapter(url);
    onTestFinished(() => own.close());
    const adopted = await own.validate(options);
    expect(adopted).toMatchObject({ valid: true, errors: [] });
    expect(adopted.warnings.map(({ code }) => code)).not.toContain("MISSING_INDEX");
    const adapter = own(options);
    expect(await everyRow(adapter, options)).toEqual(before);
    // What is valid is not taken for expired.
    const expired = [{ field: "expiresAt", operator: /** @type {const} */ ("lt"), value: new Date() }];
    expect(await adapter.deleteMany({ model: "session", where: expired })).toBe(0);

    await own.rollback();
    expect((await own.plan(options)).statements).toEqual(statements);
    expect(await everyRow(own(options), options)).toEqual(before);
    // Below what was there before, there is no way.
    expect(await own.rollback()).toMatchObject({ version: 1, rolledBack: [] });
  });
});
