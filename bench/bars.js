// What this package promises to be, and whether this run bears it out.

/**
 * @typedef {import("./compare.js").Measurement} Measurement
 */

/**
 * @typedef {object} Bar
 * @property {string} promise
 * @property {boolean} holds
 * @property {string} closest The measurement with the least to spare.
 */

const FIND_ONE = 1.8;

/**
 * @param {Measurement[]} measurements
 * @param {string[]} peers
 * @returns {Bar[]}
 */
export function judge(measurements, peers) {
  const hot = measurements.filter((measurement) => measurement.hot);
  return peers.flatMap((peer) => [
    bar(`findOne at least ${FIND_ONE} times as fast as the ${peer}`, hot, peer, FIND_ONE),
    bar(`nothing slower than the ${peer}`, measurements, peer, 1),
  ]);
}

/**
 * @param {string} promise
 * @param {Measurement[]} measurements
 * @param {string} peer
 * @param {number} least
 * @returns {Bar}
 */
function bar(promise, measurements, peer, least) {
  const ratios = measurements.map(({ operation, callers, results }) => {
    const [own] = results;
    const other = results.find(({ contestant }) => contestant === peer);
    return { ratio: own.ratio / (other?.ratio ?? Number.NaN), operation, callers };
  });
  const { ratio, operation, callers } = ratios.reduce((a, b) => (b.ratio < a.ratio ? b : a));
  const closest = `${ratio.toFixed(2)} times, ${operation}, callers: ${callers}`;
  return { promise, holds: ratio >= least, closest };
}
