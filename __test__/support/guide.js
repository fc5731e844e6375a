// The examples of a guide in docs/, run as a reader would: in a folder of their own.

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { root } from "../../scripts/step.js";

/**
 * Runs all its JavaScript, one after the other.
 *
 * @param {string} name of a file in docs/
 * @param {string} [more] code that follows
 * @returns {Promise<{ code: number, stdout: string, stderr: string }>}
 */
export function runGuide(name, more = "") {
  const cwd = mkdtempSync(join(tmpdir(), "better-auth-native-"));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  const text = readFileSync(join(root, "docs", name), "utf8");
  const examples = [...text.matchAll(/^```js\n(.*?)^```/gms)].map(([, code]) => code);
  if (examples.length === 0) throw new Error(`docs/${name} has no examples`);
  writeFileSync(join(cwd, "guide.mjs"), [...examples, more].join("\n"));
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
