// Where a result comes from, so that it can be compared with another.

import { readFileSync } from "node:fs";
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

/**
 * @param {string} folder of a package, relative to this file's
 * @returns {string} its name and version
 */
export function nameAndVersion(folder) {
  // Read as a file, because a package may not export it.
  const file = new URL(`${folder}/package.json`, import.meta.url);
  const { name, version } = JSON.parse(readFileSync(file, "utf8"));
  return `${name} ${version}`;
}
