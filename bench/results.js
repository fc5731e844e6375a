// Where results are kept.

import { fileURLToPath } from "node:url";

/** @param {string} name of a comparison, or of a way to run it */
export function pathOf(name) {
  return fileURLToPath(new URL(`results/${name}.json`, import.meta.url));
}
