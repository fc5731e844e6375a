// Closing when the process is told to end. One handler serves all databases of the process, also
// those of another copy of this package.

import { isMainThread } from "node:worker_threads";

/** @type {NodeJS.Signals[]} */
const SIGNALS = ["SIGTERM", "SIGINT"];

/** @type {{ closers: Set<() => Promise<unknown>>, listening: boolean }} */
const shared = (/** @type {any} */ (globalThis)[Symbol.for("better-auth-native.shutdown")] ??= {
  closers: new Set(),
  listening: false,
});

/**
 * @param {() => Promise<unknown>} close
 * @returns {() => void} what makes it forget about it
 */
export function closeOnSignal(close) {
  // Signals are the main thread's.
  if (!isMainThread) return () => {};
  shared.closers.add(close);
  if (!shared.listening) listen();
  return () => void shared.closers.delete(close);
}

function listen() {
  shared.listening = true;
  const handler = async (/** @type {NodeJS.Signals} */ signal) => {
    // A second signal does at once what it does without us.
    for (const each of SIGNALS) process.off(each, handler);
    shared.listening = false;
    await Promise.allSettled([...shared.closers].map((close) => close()));
    shared.closers.clear();
    // An application that listens itself ends the process itself.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  for (const signal of SIGNALS) process.on(signal, handler);
}
