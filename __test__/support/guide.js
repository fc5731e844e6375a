// The examples of a guide: each runs as it stands, and prints what its comments say.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = new URL("../../", import.meta.url);

/**
 * The examples in JavaScript of a page of docs/
 *
 * @param {string} page
 */
export function examples(page) {
  const text = readFileSync(new URL(`docs/${page}`, root), "utf8");
  return [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, source]) => source);
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
  const options = { cwd: fileURLToPath(root), env: { ...process.env, ...env }, timeout: 25_000 };
  const args = ["--input-type=module", "--eval", source];
  const { stdout } = await promisify(execFile)(process.execPath, args, options);
  return stdout.trimEnd().split("\n");
}
