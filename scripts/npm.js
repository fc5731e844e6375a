// node_modules: installs what package-lock.json names, when that is not what is installed.

import { existsSync, readFileSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { Failure, node, root, step } from "./step.js";

/** @typedef {Record<string, { version?: string, optional?: boolean, devOptional?: boolean }>} Packages */

export async function installDependencies() {
  if (isInstalled()) return;
  // Not `npm ci`: that refuses a lock file that lacks another platform's optional packages, and
  // npm leaves out those its registry does not have. `--no-save` keeps the lock file as it is.
  const args = ["install", "--no-save", "--ignore-scripts", "--include=dev"];
  await step("npm install", () => node(npmCli(), args));
}

/** npm keeps its own lock file of what it has put into node_modules. */
function isInstalled() {
  const installed = packages("node_modules/.package-lock.json");
  return Object.entries(packages("package-lock.json")).every(
    ([path, { version, optional, devOptional }]) =>
      // Optional ones may be for another platform; the empty path is this package.
      path === "" || optional || devOptional || installed[path]?.version === version,
  );
}

/**
 * @param {string} lockFile
 * @returns {Packages} by path; none if the file is missing
 */
function packages(lockFile) {
  const path = join(root, lockFile);
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).packages : {};
}

/** npm's own script, so that it can be started with Node: the same way on every platform. */
export function npmCli() {
  const running = process.env.npm_execpath;
  if (running?.endsWith("npm-cli.js")) return running;
  const found = (process.env.PATH ?? "")
    .split(delimiter)
    // A link to the script, and what lies beside npm.cmd on Windows.
    .flatMap((folder) => [join(folder, "npm"), join(folder, "node_modules/npm/bin/npm-cli.js")])
    .filter((path) => existsSync(path))
    .map((path) => realpathSync(path))
    .find((path) => path.endsWith("npm-cli.js"));
  if (found === undefined) throw new Failure("npm was not found; it comes with Node.");
  return found;
}
