// The options of nativeAdapter() about what runs beside the calls, checked and with their defaults.

import { checkOptions, FLAG, FUNCTION, MILLISECONDS, NAMES, OBJECT, whole } from "../checks.js";
import { TYPES } from "./events.js";

const HOUR = 3_600_000;

/** What a run of the clean-up takes. */
export const CLEANUP = {
  batchSize: whole(1, 10_000),
  pauseMs: MILLISECONDS,
  olderThanMs: whole(0, Number.MAX_SAFE_INTEGER),
  tables: NAMES,
};

const flagOr = (/** @type {string} */ what) => ({
  expected: `true, false or ${what}`,
  fits: (/** @type {any} */ value) => FLAG.fits(value) || OBJECT.fits(value),
});

/** Among the options of nativeAdapter. */
export const RUNNING = {
  slowQuery: OBJECT,
  events: OBJECT,
  cleanup: flagOr("{ everyMs, jitter, ... }"),
  shutdownSignals: flagOr("{ timeoutMs }"),
};

/**
 * @typedef {object} RunningSettings
 * @property {number} slowAfterMs
 * @property {[import("./events.js").Type, (event: any) => void][]} listeners
 * @property {{ everyMs: number, jitter: number, run: Record<string, any> } | null} cleanup
 * @property {{ timeoutMs: number } | null} shutdown
 */

/**
 * @param {Record<string, any>} options
 * @returns {RunningSettings}
 */
export function runningOptions({ slowQuery = {}, events = {}, cleanup = false, shutdownSignals = false }) {
  checkOptions("nativeAdapter's slowQuery", slowQuery, { thresholdMs: MILLISECONDS, onSlow: FUNCTION });
  checkOptions("nativeAdapter's events", events, Object.fromEntries(TYPES.map((type) => [type, FUNCTION])));
  const { thresholdMs = 100, onSlow } = slowQuery;
  const listeners = Object.entries({ ...events }).filter(([, listener]) => listener !== undefined);
  if (onSlow) listeners.push(["slow", onSlow]);
  return {
    slowAfterMs: thresholdMs,
    listeners: /** @type {RunningSettings["listeners"]} */ (listeners),
    cleanup: cleanup && cleanupOptions(cleanup === true ? {} : cleanup),
    shutdown: shutdownSignals && shutdownOptions(shutdownSignals === true ? {} : shutdownSignals),
  };
}

/** @param {Record<string, any>} given */
function cleanupOptions(given) {
  const checks = {
    everyMs: whole(1, 2 ** 31 - 1),
    jitter: {
      expected: "a number from 0 to 1",
      fits: (/** @type {any} */ value) => typeof value === "number" && value >= 0 && value <= 1,
    },
    ...CLEANUP,
  };
  checkOptions("nativeAdapter's cleanup", given, checks);
  const { everyMs = HOUR, jitter = 0.1, ...run } = given;
  return { everyMs, jitter, run };
}

/** @param {Record<string, any>} given */
function shutdownOptions(given) {
  checkOptions("nativeAdapter's shutdownSignals", given, { timeoutMs: MILLISECONDS });
  return { timeoutMs: given.timeoutMs ?? 10_000 };
}
