// The one entry behind `npm run build | demo | test | bench`.
//
// Each task first brings a fresh clone into working order (node_modules, the compiled addon), so
// nothing has to be done before. Arguments after `--` go to what the task runs.

import { buildAddon, cargo } from "./cargo.js";
import { installDependencies } from "./npm.js";
import { Failure, node, packageBin, step } from "./step.js";

/** @type {Record<string, (args: string[]) => Promise<void>>} */
const tasks = {
  build: buildAddon,

  async demo(args) {
    await buildAddon();
    await node("examples/demo.js", args);
  },

  async bench(args) {
    await buildAddon();
    await node("bench/run.js", args);
  },

  async test(args) {
    // Naming tests asks for those tests; the checks of the whole tree come without.
    if (args.length === 0) {
      await step("cargo fmt", () => cargo(["fmt", "--check"]));
      await step("cargo clippy", () =>
        cargo(["clippy", "--release", "--all-targets", "--", "-D", "warnings"]));
      // `--tests` leaves out documentation tests, for which the library would be compiled twice.
      await step("cargo test", () => cargo(["test", "--release", "--tests"]));
    }
    await step("addon", () => buildAddon());
    if (args.length === 0) {
      // After the addon, because its build generates binding.d.ts.
      await step("types", () => node(packageBin("typescript", "tsc"), ["-p", "tsconfig.json"]));
    }
    await step("servers", installServers);
    await step("vitest", () => node(packageBin("vitest"), ["run", ...args]));
  },
};

/** The database servers that the tests start. */
async function installServers() {
  // Not before node_modules is there.
  const { install } = await import("../__test__/servers/index.js");
  await install();
}

/** The `engines` of package.json, in words a newcomer can act on. */
function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const supported = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
  if (!supported) {
    throw new Failure(`Node ${process.versions.node} is not supported: install 20.19, 22.12 or newer.`);
  }
}

const [name = "", ...rest] = process.argv.slice(2);
const args = rest[0] === "--" ? rest.slice(1) : rest;
try {
  const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined;
  if (task === undefined) {
    const names = Object.keys(tasks).join("|");
    throw new Failure(`usage: node scripts/run.js <${names}> [arguments]`);
  }
  checkNode();
  await installDependencies();
  await task(args);
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  if (error.message !== "") console.error(error.message);
  process.exitCode = error.exitCode;
}
