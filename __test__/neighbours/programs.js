// What the neighbours need that is not among the development dependencies: large, or compiled.

import { isBuiltin } from "node:module";
import { join } from "node:path";
import { compileBetterSqlite3, installPeers } from "../../bench/peers.js";
import { npmCli } from "../../scripts/npm.js";
import { exec } from "../../scripts/step.js";
import { cached } from "../servers/cache.js";

/** Has node:sqlite; npm has it as a package. */
const NODE = 24;

/**
 * The Node that a neighbour runs in: this one, if it will do.
 *
 * @param {string} neighbour
 */
export async function programFor(neighbour) {
  if (neighbour === "better-sqlite3") await installPeers(neighbour, compileBetterSqlite3);
  // See drivers.js.
  if (neighbour === "libsql") return { execPath: process.execPath, execArgv: ["--expose-gc"] };
  if (neighbour !== "node:sqlite") return { execPath: process.execPath, execArgv: [] };
  const execPath = isBuiltin("node:sqlite") ? process.execPath : await anotherNode();
  return { execPath, execArgv: ["--disable-warning=ExperimentalWarning"] };
}

async function anotherNode() {
  const windows = process.platform === "win32";
  const platform = `${windows ? "win" : process.platform}-${process.arch}`;
  const name = platform === "darwin-arm64" ? `node-bin-${platform}` : `node-${platform}`;
  const settings = ["--no-save", "--ignore-scripts", "--loglevel=error"];
  const folder = await cached(`${name}-${NODE}`, { name, NODE }, (unfinished) =>
    exec(process.execPath, [npmCli(), "install", "--prefix", unfinished, ...settings, `${name}@${NODE}`]),
  );
  return join(folder, "node_modules", name, "bin", windows ? "node.exe" : "node");
}
