// Random applications do the same on three adapters: this package's direct methods, this package
// through Better Auth's factory, and Better Auth's built-in adapter on SQLite. Every result, every
// refusal and every stored cell has to be the same.
//
// Where this package differs from the built-in adapter on purpose, the generator keeps away:
// - JSON: the built-in adapter turns texts that look like dates into dates, gives 1 for true and
//   null for a plain text, and stores and looks for null as a text. JSON is lists and objects
//   without such texts, or left out, and no filter asks for it.
// - Output transforms: there they get what SQLite stores (1, an ISO text, JSON text), here what the
//   field holds. Transforms are on texts and numbers.
// - Searches: there % and _ in a search are wildcards, and case is ignored for ASCII alone.
//   Searches have neither wildcards nor, where case is ignored, other letters; LIKE is made
//   sensitive by a pragma.
// - incrementOne: there null plus one is null, here 1. What is added to is never null.
// - Lists of dates and of booleans, NUL, and anything but a value of the field's type cannot be
//   bound there or come back changed.
// - To create a row of nothing, or to update nothing, is invalid SQL there.
// - Column names that are other fields' names are mapped twice there.
// - Serial ids: there the id of a deleted row is given again, so its tables get AUTOINCREMENT.
//   Better Auth's factory makes null in a filter on them 0; the direct methods keep null.
// - Servers give no id again, and count what was refused: there, rows bring their ids. Of a row that
//   is both there already and refers to nobody, each says what it sees first.
// - Lists and JSON sort as what an engine makes of them.
// - Order without a sort, and among equals, is nobody's promise: compared regardless of it.

import { inspect, isDeepStrictEqual } from "node:util";
import { getAuthTables } from "@better-auth/core/db";
import { getAdapter } from "better-auth/db/adapter";
import { getMigrations } from "better-auth/db/migration";
import Driver from "libsql";
import { describe, expect, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { engines, sqliteEngines } from "./engines/index.js";
import { Operations, Random, randomApplication } from "./support/random-application.js";
import { sqliteFile } from "./support/sqlite-file.js";
import { ways } from "./support/ways.js";

const STEPS = 200;
const APPLICATIONS = 12;

/** Seeds from `first` on, or those of DIFFERENTIAL_SEEDS=7,8,9. */
function seedsFrom(first) {
  const given = process.env.DIFFERENTIAL_SEEDS;
  if (given) return given.split(",").map(Number);
  return Array.from({ length: APPLICATIONS }, (_, index) => first + index);
}

/** Better Auth's own adapter with its own tables. */
async function builtIn(authOptions) {
  const driver = new Driver(":memory:");
  driver.exec("PRAGMA foreign_keys = ON; PRAGMA case_sensitive_like = ON");
  // What Better Auth knows better-sqlite3 by; it takes libsql's own object for something else.
  const database = { aggregate: true, prepare: (sql) => driver.prepare(sql), close: () => {} };
  const options = { ...authOptions, database, logger: { disabled: true } };
  const script = await (await getMigrations(options)).compileMigrations();
  driver.exec(script.replaceAll(/("id" integer[a-z ]* primary key)/g, "$1 autoincrement"));
  return { driver, adapter: await getAdapter(options) };
}

/**
 * Runs a random application on databases at `urls` and on the built-in adapter, and compares.
 * Returns the application, and the built-in adapter's database.
 *
 * @param {number} seed
 * @param {string[]} urls one per way
 * @param {boolean} [isSQLite]
 */
async function compare(seed, urls, isSQLite = true) {
  const random = new Random(seed);
  const ids = { next: "" };
  const authOptions = randomApplication(random, ids);
  const reference = await builtIn(authOptions);
  const databases = ways.map(({ options }, index) => nativeAdapter({ url: urls[index], ...options }));
  for (const database of databases) await database.migrate(authOptions);
  const adapters = databases.map((database) => database(authOptions));
  const { generateId } = authOptions.advanced.database;
  const operations = new Operations(random, getAuthTables(authOptions), generateId, isSQLite);
  try {
    for (let number = 1; number <= STEPS; number++) {
      const step = operations.next();
      const expected = await outcome(reference.adapter, step, ids);
      for (const [index, adapter] of adapters.entries()) {
        const actual = await outcome(adapter, step, ids);
        const [one, other] = isSQLite ? [actual, expected] : [actual, expected].map(eitherKey);
        if (isDeepStrictEqual(one, other)) continue;
        const which = `step ${number} of seed ${seed}, ${ways[index].way}`;
        const what = `${which}: ${inspect(step, { depth: 9 })}`;
        expect(one, what).toStrictEqual(other);
        expect.fail(what);
      }
      operations.learn(step, expected.result);
    }
  } finally {
    for (const database of databases) await database.close();
  }
  return { authOptions, driver: reference.driver };
}

/**
 * What a step came to, as far as it is promised.
 *
 * @param {any} adapter
 * @param {import("./support/random-application.js").Step} step
 * @param {{ next: string }} ids
 */
async function outcome(adapter, step, ids) {
  if (step.method === "transaction") return transactionOutcome(adapter, step, ids);
  ids.next = step.id ?? "";
  try {
    // A copy, because Better Auth's factory writes into what it is given.
    const result = await adapter[step.method](structuredClone(step.call));
    return { result: step.method === "findMany" ? unordered(result, step.call) : ordered(result) };
  } catch (error) {
    return { refusal: refusalOf(error) };
  }
}

async function transactionOutcome(adapter, { steps, fails }, ids) {
  const outcomes = [];
  const givenUp = new Error("given up");
  const result = await adapter
    .transaction(async (inner) => {
      for (const step of steps) outcomes.push(await outcome(inner, step, ids));
      if (fails) throw givenUp;
      return "kept";
    })
    .catch((error) => (error === givenUp ? "given up" : refusalOf(error)));
  return { outcomes, result };
}

/** SQLite's codes in the built-in adapter's errors, and this package's. */
const REFUSALS = {
  SQLITE_CONSTRAINT_UNIQUE: "UNIQUE_VIOLATION",
  SQLITE_CONSTRAINT_PRIMARYKEY: "UNIQUE_VIOLATION",
  SQLITE_CONSTRAINT_FOREIGNKEY: "FOREIGN_KEY_VIOLATION",
  SQLITE_CONSTRAINT_NOTNULL: "NOT_NULL_VIOLATION",
  SQLITE_CONSTRAINT_TRIGGER: "FOREIGN_KEY_VIOLATION",
};

function refusalOf(error) {
  const unexpected = !error.code || error.code === "INTERNAL";
  return unexpected ? `${error.name}: ${error.message}` : (REFUSALS[error.code] ?? error.code);
}

const KEYS = ["UNIQUE_VIOLATION", "FOREIGN_KEY_VIOLATION"];

/** An outcome that does not tell which of its keys a row was refused for. */
function eitherKey({ refusal, outcomes, ...outcome }) {
  return {
    ...outcome,
    ...(refusal && { refusal: KEYS.includes(refusal) ? KEYS : refusal }),
    ...(outcomes && { outcomes: outcomes.map(eitherKey) }),
  };
}

const byId = (one, other) => (one.id < other.id ? -1 : Number(one.id > other.id));

/** A row whose joined lists have an order. */
function ordered(row) {
  if (typeof row !== "object" || row === null) return row;
  const joined = Object.entries(row).filter(
    ([, value]) => Array.isArray(value) && value.some((item) => item?.id !== undefined),
  );
  return { ...row, ...Object.fromEntries(joined.map(([name, rows]) => [name, rows.toSorted(byId)])) };
}

/** Rows with the order that was asked for, and no other. */
function unordered(rows, { sortBy }) {
  const list = rows.map(ordered);
  if (sortBy?.field === "id") return list;
  return { order: sortBy && list.map((row) => row[sortBy.field]), rows: list.toSorted(byId) };
}

// Other applications for every engine.
const firstSeeds = engines.map((engine, index) => [engine.name, engine, 100 * index]);

describe.each(firstSeeds)("%s", (_, engine, first) => {
  test.each(seedsFrom(first))("every result is the built-in adapter's: seed %i", async (seed) => {
    const created = [await engine.create(), await engine.create()];
    try {
      await compare(seed, created.map(({ url }) => url), sqliteEngines.includes(engine));
    } finally {
      for (const { drop } of created) await drop();
    }
  });
});

/** Every cell of every table, with the type SQLite gives it. */
function contents(driver, tables) {
  return tables.map(({ modelName }) => {
    const table = `"${modelName.replaceAll('"', '""')}"`;
    const columns = driver.prepare(`SELECT name FROM pragma_table_info(?)`).all(modelName);
    const types = columns.map(({ name }) => {
      const column = `"${name.replaceAll('"', '""')}"`;
      return `typeof(${column}) AS ${column.slice(0, -1)} type"`;
    });
    const rows = driver.prepare(`SELECT *, ${types.join(", ")} FROM ${table} ORDER BY id`).all();
    return { table, rows };
  });
}

test.each(seedsFrom(1_000_000))("SQLite files hold the same cells: seed %i", async (seed) => {
  const files = [sqliteFile(), sqliteFile()];
  try {
    const { authOptions, driver } = await compare(seed, files.map(({ url }) => url));
    const tables = Object.values(getAuthTables(authOptions));
    const expected = contents(driver, tables);
    for (const file of files) {
      const other = new Driver(file.path);
      expect(contents(other, tables)).toEqual(expected);
      other.close();
    }
  } finally {
    for (const file of files) file.drop();
  }
});
