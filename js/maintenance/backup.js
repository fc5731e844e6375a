// A copy of a SQLite database, step by step, so that it can tell how far it is and be stopped.

import { FLAG, checkOptions } from "../checks.js";
import { invalidInput } from "../errors.js";
import { unwrap } from "../native.js";

const OPTIONS = {
  overwrite: FLAG,
  onProgress: {
    expected: "a function",
    fits: (/** @type {any} */ value) => typeof value === "function",
  },
  signal: {
    expected: "an AbortSignal",
    fits: (/** @type {any} */ value) => value instanceof AbortSignal,
  },
};

/**
 * @param {import("../../binding.js").Database} native
 * @param {string} path
 * @param {{ overwrite?: boolean, onProgress?: (progress: { copied: number, total: number }) => void, signal?: AbortSignal }} [options]
 */
export async function backup(native, path, options = {}) {
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    throw invalidInput("backup() takes the path of a file");
  }
  checkOptions("backup()", options, OPTIONS);
  const { overwrite = false, onProgress, signal } = options;
  signal?.throwIfAborted();
  const copy = unwrap(native.backup(path, overwrite));
  try {
    for (;;) {
      const [copied, total, done] = unwrap(await copy.step());
      if (done) return { pages: total };
      onProgress?.({ copied, total });
      signal?.throwIfAborted();
    }
  } finally {
    // Nothing of one that is not done stays behind.
    unwrap(await copy.cancel());
  }
}
