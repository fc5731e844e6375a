// The databases there are comparisons on, in one table: a new engine is a new row.

/**
 * @typedef {import("./operations.js").Contestant} Contestant
 */

/**
 * @typedef {object} Engine
 * @property {string} name As it is called in text.
 * @property {number[]} callers
 * @property {string[]} names Of the contestants: this package, the one that ratios refer to, others.
 * @property {import("./bars.js").Promised[]} promises
 * @property {() => Promise<void>} install What only its peers need.
 * @property {(users: number) => Promise<Content>} prepare
 * @property {(name: string, place: string) => Promise<Contestant>} open
 */

/**
 * @typedef {object} Content
 * @property {() => Promise<string>} copy Another database with the same content; the answer is its
 *   place, for `open`.
 * @property {() => Promise<void>} release
 */

/** @type {Record<string, () => Promise<Engine>>} */
export const engines = {
  sqlite: async () => (await import("./sqlite.js")).sqlite,
  postgres: async () => (await import("./postgres.js")).postgres,
  mysql: async () => (await import("./mysql.js")).mysql,
  mariadb: async () => (await import("./mysql.js")).mariadb,
};
