// A table of the application's own, beside Better Auth's, as each database writes it.

import { openDatabase } from "./database.js";

/** @typedef {import("../engines/index.js").Engine} Engine */

/** @typedef {"sqlite" | "postgres" | "mysql"} Kind */

/** @param {Engine} engine @returns {Kind} */
export function kindOf({ name }) {
  if (name.startsWith("SQLite")) return "sqlite";
  return name.startsWith("PostgreSQL") ? "postgres" : "mysql";
}

/**
 * A statement with the engine's own placeholders, from one with question marks.
 *
 * @param {Engine} engine
 * @param {string} sql
 */
export function placed(engine, sql) {
  let count = 0;
  return kindOf(engine) === "postgres" ? sql.replaceAll("?", () => `$${++count}`) : sql;
}

const ID = {
  sqlite: "integer PRIMARY KEY",
  postgres: "serial PRIMARY KEY",
  mysql: "integer AUTO_INCREMENT PRIMARY KEY",
};

/** @param {Engine} engine */
export const NOTES = (engine) =>
  `CREATE TABLE notes (id ${ID[kindOf(engine)]}, owner varchar(100) NOT NULL UNIQUE, words varchar(200))`;

/**
 * @param {Engine} engine
 * @param {any} database
 */
export function notesOf(engine, database) {
  const insert = placed(engine, "INSERT INTO notes (owner, words) VALUES (?, ?)");
  return {
    /** @param {string} owner @param {string} [words] */
    add: (owner, words = "...") => database.query(insert, [owner, words]),
    async owners() {
      const { rows } = await database.query("SELECT owner FROM notes ORDER BY owner");
      return rows.map((/** @type {any} */ { owner }) => owner);
    },
  };
}

/**
 * A database with Better Auth's tables and one of the application's.
 *
 * @param {import("./database.js").Engine} engine
 * @param {object} [options] of nativeAdapter
 */
export async function openWithNotes(engine, options) {
  const opened = await openDatabase(engine, { options });
  await opened.database.query(NOTES(engine));
  return { ...opened, notes: notesOf(engine, opened.database) };
}
