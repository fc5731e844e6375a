// What this package promises to be, and whether this run bears it out.

/**
 * @typedef {import("./compare.js").Measurement} Measurement
 * @typedef {import("./measure.js").Result} Result
 */

/**
 * At least so many times as good as each of the peers that takes part, in everything it covers.
 *
 * @typedef {object} Promised
 * @property {string} promise
 * @property {string[]} [kinds] Of operations; without, all of them. The same for `callers`.
 * @property {number} [callers]
 * @property {string} [own] Of whom it is promised; without, of the first contestant.
 * @property {string[]} peers
 * @property {number} least
 * @property {keyof typeof QUALITIES} [of] Throughput unless it is said otherwise.
 */

/**
 * @typedef {object} Bar
 * @property {string} promise
 * @property {boolean} holds
 * @property {string} closest The measurement with the least to spare.
 */

/** How many times as good the first is. */
const QUALITIES = {
  /** @type {(own: Result, other: Result) => number} */
  throughput: (own, other) => own.ratio / other.ratio,
  /** @type {(own: Result, other: Result) => number} */
  loopP99: (own, other) => tellable(other.loopP99) / tellable(own.loopP99),
  /** @type {(own: Result, other: Result) => number} */
  loopP999: (own, other) => tellable(other.loopP999) / tellable(own.loopP999),
};

/** The monitor cannot tell less than this from nothing. @param {number | null} delay */
const tellable = (delay) => Math.max(delay ?? 0, 0.1);

/**
 * @param {Measurement[]} measurements
 * @param {Promised[]} promises
 * @returns {Bar[]}
 */
export function judge(measurements, promises) {
  return promises.map(({ promise, kinds, callers, own, peers, least, of = "throughput" }) => {
    const covered = measurements.filter(
      (measurement) =>
        (callers ?? measurement.callers) === measurement.callers &&
        (kinds?.includes(measurement.kind) ?? true),
    );
    const times = covered.flatMap(({ operation, callers, results }) => {
      const promised = results.find(({ contestant }) => contestant === own) ?? results[0];
      return results
        .filter(({ contestant }) => peers.includes(contestant))
        .map((other) => ({
          ratio: QUALITIES[of](promised, other),
          where: `${operation}, ${other.contestant}, callers: ${callers}`,
        }));
    });
    const { ratio, where } = times.reduce((a, b) => (b.ratio < a.ratio ? b : a));
    return { promise, holds: ratio >= least, closest: `${ratio.toFixed(2)} times, ${where}` };
  });
}
