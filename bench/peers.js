// Installs what the benchmarks compare with, into a folder of its own: large, and partly native,
// which nobody else who works here should have to download or compile.
//
// better-sqlite3 12 is the last one for Node 20; on newer ones 13 is not faster.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { npmCli } from "../scripts/npm.js";
import { Failure, exec, step } from "../scripts/step.js";

const folder = fileURLToPath(new URL(".", import.meta.url));

/**
 * A module that is installed by the first run, or needs one that is: neither what imports this file nor
 * the type checker can follow a name they cannot read.
 *
 * @param {string} name
 * @returns {Promise<any>}
 */
export const load = (name) => import(name);

/**
 * @param {string} engine
 * @param {() => Promise<void>} prepare What the engine's own peers need once they are there.
 */
export async function installPeers(engine, prepare) {
  await once("packages", "peers", () => npm(["ci", "--ignore-scripts"]));
  await once(engine, `what ${engine} is compared with`, prepare);
}

/** For SQLite. */
export function compileBetterSqlite3() {
  return npm(["rebuild", "better-sqlite3", "--ignore-scripts=false"], ownHeaders());
}

/** @param {string[]} args @param {NodeJS.ProcessEnv} [env] */
async function npm([command, ...args], env) {
  await exec(process.execPath, [npmCli(), command, "--prefix", folder, ...args], env);
}

/**
 * Does it unless it has been done for what is there now.
 *
 * @param {string} what
 * @param {string} heading
 * @param {() => Promise<void>} work
 */
async function once(what, heading, work) {
  const stamp = join(folder, `node_modules/.ready-${what}`);
  const wanted = fingerprint();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  await step(heading, async () => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      throw new Failure("What the benchmark compares with could not be installed.");
    }
    writeFileSync(stamp, wanted);
  });
}

/** Changes with the versions, and with the Node the modules are compiled for. */
function fingerprint() {
  const { platform, arch, versions } = process;
  const lock = readFileSync(join(folder, "package-lock.json"));
  const hash = createHash("sha256").update(lock).digest("hex");
  return `${platform} ${arch} ${versions.modules} ${hash}\n`;
}

/** For node-gyp: Node's headers where they came with it, so that compiling downloads nothing. */
function ownHeaders() {
  const prefix = dirname(dirname(process.execPath));
  const found = existsSync(join(prefix, "include/node/node_version.h"));
  return found ? { npm_package_config_node_gyp_nodedir: prefix } : {};
}
