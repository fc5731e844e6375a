// Debian's packages without installing them: downloaded by apt and unpacked into the cache, with
// the libraries that the system lacks. No service starts, no account is made, and nothing of the
// system changes, so root is not needed either.

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "./cache.js";
import { entries, findFolder, run } from "./program.js";

/** Every Debian has the keys of all its suites. */
const signed = "signed-by=/usr/share/keyrings/debian-archive-keyring.gpg";

/**
 * @param {string[]} packages
 * @param {object} [options]
 * @param {string} [options.suite] of Debian, where it is not the system's own: then with every
 *   library down to libc, because nothing of this system may fit
 * @returns {Promise<{ root: string, libraries: string[] }>} the folder that stands for /, and its
 *   folders of libraries
 */
export async function unpack(packages, { suite } = {}) {
  if (!findFolder("apt-get")) {
    throw new Error(`Tests need what Debian calls ${packages.join(", ")}: install it.`);
  }
  const recipe = [packages, suite, process.arch, await readFile("/etc/os-release", "utf8")];
  const root = await cached(packages[0], recipe, async (folder) => {
    const archives = await download(packages, folder, suite);
    for (const archive of archives) await run(["dpkg-deb", "-x", archive, folder], { as: {} });
    await rm(join(folder, "apt"), { recursive: true });
  });
  const libraries = ["lib", "usr/lib"].flatMap((each) => entries(join(root, each)));
  return { root, libraries: libraries.filter((path) => path.includes("-linux-gnu")) };
}

/**
 * @param {string[]} packages
 * @param {string} folder
 * @param {string} [suite]
 */
async function download(packages, folder, suite) {
  const state = join(folder, "apt");
  const settings = [
    `Dir::State::Lists=${state}/lists`,
    `Dir::Cache=${state}`,
    "Acquire::Languages=none",
    "APT::Sandbox::User=",
    "Debug::NoLocking=true",
  ];
  /** @param {string[]} command */
  const apt = async (...command) => {
    const options = settings.flatMap((setting) => ["-o", setting]);
    return run(["apt-get", "-qq", ...options, ...command], { as: {} });
  };
  await mkdir(join(state, "lists/partial"), { recursive: true });
  await mkdir(join(state, "archives/partial"), { recursive: true });
  await apt("update");
  if (suite !== undefined) {
    const origin = ["--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian"];
    const [mirror] = (await apt("indextargets", ...origin)).split("\n");
    if (!mirror) throw new Error(`Tests need what Debian calls ${packages[0]}: install it.`);
    await writeFile(join(state, "sources.list"), `deb [${signed}] ${mirror} ${suite} main\n`);
    await writeFile(join(state, "status"), "");
    settings.push(
      `Dir::Etc::SourceList=${state}/sources.list`,
      "Dir::Etc::SourceParts=-",
      `Dir::State::Status=${state}/status`,
    );
    await apt("update");
  }
  const install = ["install", "--yes", "--download-only", "--no-install-recommends"];
  await apt(...install, ...packages);
  return entries(join(state, "archives")).filter((path) => path.endsWith(".deb"));
}
