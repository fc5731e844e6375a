// Where a result comes from, so that it can be compared with another.

import { existsSync, readFileSync } from "node:fs";
import { arch, cpus, loadavg, platform } from "node:os";

export function describeMachine() {
  const cores = cpus();
  return {
    cpu: cores[0]?.model ?? "unknown",
    cores: cores.length,
    system: `${platform()} ${arch()}`,
    node: process.versions.node,
    /** What else was running when it began. */
    load: loadavg()[0],
  };
}

/** This package's. @returns {string} */
export function ownVersion() {
  const file = new URL("../package.json", import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")).version;
}

/**
 * @param {string} name of a package
 * @returns {string} and its version
 */
export function nameAndVersion(name) {
  // Read as a file, because a package may not export it; from where it is imported from.
  const folders = ["node_modules", "../node_modules"].map((folder) => `${folder}/${name}`);
  const files = folders.map((folder) => new URL(`${folder}/package.json`, import.meta.url));
  const file = files.find((file) => existsSync(file));
  if (file === undefined) throw new Error(`${name} is not installed`);
  return `${name} ${JSON.parse(readFileSync(file, "utf8")).version}`;
}
