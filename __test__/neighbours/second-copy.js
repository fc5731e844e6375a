// A copy of the package in a folder of its own: another addon to the system, with another SQLite in it.

import { cpSync, readFileSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "../../scripts/step.js";

/**
 * @param {string} folder an empty one
 * @returns {string} the URL of its index.js
 */
export function copyPackage(folder) {
  const { files } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const addons = readdirSync(root).filter((name) => name.endsWith(".node"));
  for (const name of ["package.json", ...files, ...addons]) cpSync(join(root, name), join(folder, name), { recursive: true });
  // What both share is what two packages share in an application: Better Auth.
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "junction");
  return pathToFileURL(join(folder, "index.js")).href;
}
