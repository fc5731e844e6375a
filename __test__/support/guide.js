// The examples of a guide in docs/, run as a reader would.

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";
import { root } from "../../scripts/step.js";

/**
 * The examples in JavaScript of a page of docs/
 *
 * @param {string} page
 */
export function examples(page) {
  const text = readFileSync(join(root, "docs", page), "utf8");
  const found = [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, source]) => source);
  if (found.length === 0) throw new Error(`docs/${page} has no examples`);
  return found;
}

/** What an example says that it prints. @param {string} source */
export const promised = (source) =>
  [...source.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map(([, line]) => line);

/**
 * What it prints, in a process of its own that has to end by itself.
 *
 * @param {string} source
 * @param {NodeJS.ProcessEnv} [env]
 */
export async function printed(source, env) {
  const options = { cwd: root, env: { ...process.env, ...env }, timeout: 25_000 };
  const args = ["--input-type=module", "--eval", source];
  const { stdout } = await promisify(execFile)(process.execPath, args, options);
  return stdout.trimEnd().split("\n");
}

/**
 * Runs all examples of a page, one after the other, in a folder of their own.
 *
 * @param {string} page
 * @param {string} [more] code that follows
 * @returns {Promise<{ code: number, stdout: string, stderr: string }>}
 */
export function runGuide(page, more = "") {
  const cwd = mkdtempSync(join(tmpdir(), "better-auth-native-"));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  writeFileSync(join(cwd, "guide.mjs"), [...examples(page), more].join("\n"));
  mkdirSync(join(cwd, "node_modules"));
  symlinkSync(root, join(cwd, "node_modules/better-auth-native"));
  symlinkSync(join(root, "node_modules/better-auth"), join(cwd, "node_modules/better-auth"));
  const env = { ...process.env, BETTER_AUTH_SECRET: "for tests only, 0123456789abcdef", BETTER_AUTH_URL: "http://localhost" };
  return new Promise((resolve) => {
    execFile(process.execPath, ["guide.mjs"], { cwd, env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}
