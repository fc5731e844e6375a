// Runs other programs for run.js: from the repository's root, with this terminal as theirs.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** Ends the run with `exitCode`; the message is empty when the program has said enough itself. */
export class Failure extends Error {
  /**
   * @param {string} message
   * @param {number} [exitCode]
   */
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Runs one part of a task under its heading and says how long it took.
 *
 * @param {string} heading
 * @param {() => Promise<void>} work
 */
export async function step(heading, work) {
  console.log(`\n== ${heading}`);
  const start = performance.now();
  await work();
  console.log(`== ${heading}: ok, ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env] added to this process's own
 */
export async function exec(command, args, env) {
  const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio: "inherit" });
  // Ctrl-C reaches the child too: it ends in its own time, and this process after it.
  const ignore = () => {};
  const forward = () => child.kill("SIGTERM");
  process.on("SIGINT", ignore).on("SIGTERM", forward);
  try {
    const [code, signal] = await once(child, "exit");
    if (code === 0) return;
    const died = signal ? 128 + constants.signals[/** @type {NodeJS.Signals} */ (signal)] : undefined;
    throw new Failure("", died ?? code);
  } finally {
    process.off("SIGINT", ignore).off("SIGTERM", forward);
  }
}

/**
 * @param {string} script path of a JavaScript file
 * @param {string[]} args
 */
export function node(script, args) {
  return exec(process.execPath, [script, ...args]);
}

/**
 * The script behind a command of an installed package; started with Node itself it needs neither
 * a shell nor a PATH.
 *
 * @param {string} name of the package
 * @param {string} [command] where the package has more than one
 */
export function packageBin(name, command) {
  const folder = join(root, "node_modules", name);
  const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = typeof bin === "string" ? bin : bin[command ?? name];
  return join(folder, file);
}
