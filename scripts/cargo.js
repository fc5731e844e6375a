// The Rust side: cargo's checks, and the addon with its generated binding.js and binding.d.ts.

import { spawnSync } from "node:child_process";
import { exec, Failure, node, packageBin } from "./step.js";

const missing = `The addon is compiled from Rust, and no Rust toolchain was found.
Install one from https://rustup.rs (its default profile has all that is needed), and a C compiler
(Debian, Ubuntu: build-essential; macOS: xcode-select --install; Windows: Visual Studio Build Tools).
Then open a new terminal and run this again.`;

/**
 * The triple of this machine, e.g. x86_64-unknown-linux-gnu; without a toolchain, what to install.
 */
function hostTriple() {
  const { stdout } = spawnSync("cargo", ["-vV"], { encoding: "utf8" });
  const triple = /^host: (.+)$/m.exec(stdout ?? "")?.[1];
  if (triple === undefined) throw new Failure(missing);
  return triple;
}

/**
 * Runs cargo on the same target folder as `napi build`, which always names its target: the
 * dependencies, SQLite's C code above all, are then compiled once for all steps.
 *
 * @param {string[]} args
 */
export function cargo(args) {
  return exec("cargo", args, { CARGO_BUILD_TARGET: process.env.CARGO_BUILD_TARGET ?? hostTriple() });
}

/**
 * Compiles the addon if its sources have changed; cargo knows.
 *
 * @param {string[]} [args] for `napi build`, e.g. a target to compile for
 */
export async function buildAddon(args = []) {
  hostTriple(); // Says what is missing; napi would not.
  const outputs = ["--platform", "--esm", "--js", "binding.js", "--dts", "binding.d.ts"];
  await node(packageBin("@napi-rs/cli", "napi"), ["build", "--release", ...outputs, ...args]);
}
