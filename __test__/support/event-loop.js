// Whether the event loop turns while something is awaited.

import { setImmediate } from "node:timers/promises";

/**
 * Turns the event loop `turns` times; a thread that is blocked never gets there.
 *
 * @param {number} turns
 */
export async function turn(turns) {
  for (let turned = 0; turned < turns; turned += 1) await setImmediate();
}

/**
 * Awaits `promise`, and counts the turns of the event loop until it settles.
 *
 * @template T
 * @param {Promise<T>} promise
 */
export async function turnsUntil(promise) {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  promise.then(settle, settle);
  let turns = 0;
  for (; !settled; turns += 1) await setImmediate();
  return { turns, result: await promise };
}
