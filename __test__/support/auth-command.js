// Better Auth's own command, `npx auth`, on the Node that it asks for.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { npmCli } from "../../scripts/npm.js";
import { packageBin } from "../../scripts/step.js";

/** The oldest that it runs on. */
const LEAST = 22;

/** @type {Promise<string> | undefined} */
let found;

/** This Node, or where it is an older one, one that npm brings. */
function node() {
  if (Number.parseInt(process.versions.node) >= LEAST) return process.execPath;
  found ??= bring();
  return found;
}

async function bring() {
  const wanted = ["exec", "--yes", `--package=node@${LEAST}`, "--", "node", "-p", "process.execPath"];
  const { stdout } = await promisify(execFile)(process.execPath, [npmCli(), ...wanted]);
  return stdout.trim();
}

/**
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<{ code: number, stdout: string, stderr: string }>}
 */
export async function auth(args, options = {}) {
  const path = await node();
  return new Promise((resolve) => {
    execFile(path, [packageBin("auth"), ...args], options, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}
