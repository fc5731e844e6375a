// memoryStorage(): Better Auth's secondary storage in this process's memory.

import { TEXT, checkOptions, whole } from "../checks.js";
import { invalidInput } from "../errors.js";
import { binding, unwrap } from "../native.js";
import { storageOf } from "./storage.js";

const DEFAULTS = { maxEntries: 100_000, maxBytes: 64 * 2 ** 20 };

const OPTIONS = {
  maxEntries: whole(1, 2 ** 32),
  maxBytes: whole(1024, Number.MAX_SAFE_INTEGER),
  shared: TEXT,
};

/**
 * @param {import("../../index.js").MemoryStorageOptions} [options]
 * @returns {import("../../index.js").MemoryStorage}
 */
export function memoryStorage(options = {}) {
  if (typeof options !== "object" || options === null) {
    throw invalidInput("memoryStorage takes an object of options");
  }
  checkOptions("memoryStorage", /** @type {Record<string, unknown>} */ (options), OPTIONS);
  const { shared, ...given } = options;
  const asked = Object.values(given).some((limit) => limit !== undefined);
  const maxEntries = given.maxEntries ?? DEFAULTS.maxEntries;
  const maxBytes = given.maxBytes ?? DEFAULTS.maxBytes;
  const limits = JSON.stringify({ maxEntries, maxBytes });
  return storageOf(unwrap(binding.openMemory(limits, shared, asked)));
}
