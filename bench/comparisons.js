// What can be compared, in one table.

import { compare } from "./compare.js";
import { engines } from "./engines.js";

/**
 * @typedef {object} Comparison
 * @property {number} rounds Unless the command line says otherwise.
 * @property {() => Promise<void>} [install] What only its peers need; without, it has none.
 * @property {(settings: import("./compare.js").Settings & { rows: number }) => Promise<{ bars: import("./bars.js").Bar[] }>} run
 *   Resolves to the report.
 */

/** @type {Record<string, () => Promise<Comparison>>} */
export const comparisons = {
  ...Object.fromEntries(Object.keys(engines).map((name) => [name, () => ofEngine(name)])),
  ...Object.fromEntries(
    ["sqlite", "postgres", "mysql"].map((name) => [
      `http-${name}`,
      async () => (await import("./http/compare.js")).http(name),
    ]),
  ),
  scale: async () => (await import("./scale.js")).scale,
  pipelining: async () => (await import("./pipelining/compare.js")).pipelining,
  distance: async () => (await import("./distance.js")).distance,
  startup: async () => (await import("./startup/compare.js")).startup,
  cleanup: async () => (await import("./cleanup/compare.js")).cleanup,
  password: async () => (await import("./password/compare.js")).password,
};

/** @param {string} name */
async function ofEngine(name) {
  const engine = await engines[name]();
  return {
    rounds: 9,
    install: engine.install,
    run: (/** @type {import("./compare.js").Settings} */ settings) => compare(name, engine, settings),
  };
}
