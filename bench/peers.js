// Installs what the benchmarks compare with, into a folder of its own: native modules, which
// nobody else who works here should have to compile.
//
// better-sqlite3 12 is the last one for Node 20; on newer ones 13 is not faster.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { npmCli } from "../scripts/npm.js";
import { Failure, exec, step } from "../scripts/step.js";

const folder = fileURLToPath(new URL(".", import.meta.url));
const stamp = join(folder, "node_modules/.installed-for");

export async function installPeers() {
  const wanted = fingerprint();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  await step("peers (compiling better-sqlite3 takes about a minute)", async () => {
    try {
      const args = ["ci", "--prefix", folder, "--ignore-scripts=false"];
      await exec(process.execPath, [npmCli(), ...args], ownHeaders());
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
