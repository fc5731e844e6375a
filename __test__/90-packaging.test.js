// What a user installs: both packages as npm gets them, in an empty application, on a machine
// that has Node and nothing else.

import { execFile } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, relative } from "node:path";
import { promisify } from "node:util";
import { parseTriple } from "@napi-rs/cli";
import { publint } from "publint";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { npmCli } from "../scripts/npm.js";
import { packageBin, root } from "../scripts/step.js";

const manifest = readJson(join(root, "package.json"));
const addon = readdirSync(root).find(
  (name) => name.endsWith(".node") && name.includes(`${process.platform}-${process.arch}`),
);
if (addon === undefined) throw new Error("the addon has not been built: npm run build");
const platform = addon.slice(`${manifest.napi.binaryName}.`.length, -".node".length);

// The real path, because Node reports loaded files by theirs; a space, because people have them.
const work = mkdtempSync(join(realpathSync.native(tmpdir()), "better auth native "));
afterAll(() => rmSync(work, { recursive: true, force: true }));

describe("the platform packages", () => {
  test("are what `napi create-npm-dirs` makes of package.json", async () => {
    const generated = folder("generated");
    cpSync(join(root, "package.json"), join(generated, "package.json"));
    await node([packageBin("@napi-rs/cli", "napi"), "create-npm-dirs"], { cwd: generated });

    expect(contents(join(root, "npm"))).toEqual(contents(join(generated, "npm")));
    expect(readdirSync(join(root, "npm"))).toHaveLength(manifest.napi.targets.length);
  });

  test("carry the version and the name of the crate", () => {
    const cargo = readFileSync(join(root, "Cargo.toml"), "utf8");
    expect(/^version = "(.+)"/m.exec(cargo)?.[1]).toBe(manifest.version);
    expect(/^name = "(.+)"/m.exec(cargo)?.[1]).toBe(manifest.name);
  });
});

describe("published", () => {
  /** @type {Awaited<ReturnType<typeof pack>>} */
  let main;
  /** @type {Awaited<ReturnType<typeof pack>>} */
  let binary;

  beforeAll(async () => {
    const stage = await prepareRelease();
    [main, binary] = await Promise.all([pack(stage), pack(join(stage, "npm", platform))]);
  });

  test("the main package has its sources and nothing else", () => {
    const allowed = /^(package\.json|README\.md|LICENSE|(index|binding)(\.d\.ts|\.js)|js\/.+\.js|migrations\/[a-z]+\/\d{4}_\w+\.(up|down)\.sql)$/;
    expect(main.files.filter((path) => !allowed.test(path))).toEqual([]);
    const needed = ["LICENSE", "binding.d.ts", "binding.js", "index.d.ts", "index.js", "package.json"];
    expect(main.files).toEqual(expect.arrayContaining(needed));
  });

  test("the platform package has the addon and nothing else", () => {
    expect(binary.files.toSorted()).toEqual(["README.md", addon, "package.json"].toSorted());
    expect(binary.manifest.name).toBe(`${manifest.name}-${platform}`);
  });

  test("the main package asks for the platform package of its own version", () => {
    expect(main.manifest.optionalDependencies).toEqual({ [binary.manifest.name]: manifest.version });
  });

  test("nothing runs at install", () => {
    for (const { manifest, files } of [main, binary]) {
      const scripts = Object.keys(manifest.scripts ?? {});
      expect(scripts.filter((name) => /install|prepare|prepublish$/.test(name))).toEqual([]);
      // npm compiles a package with this file, asked or not.
      expect(files).not.toContain("binding.gyp");
    }
  });

  test("publint has nothing to say", async () => {
    const bytes = readFileSync(main.tarball);
    const tarball = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    const { messages } = await publint({ pack: { tarball }, strict: true });
    expect(messages).toEqual([]);
  });

  test("the types resolve wherever ES modules do", async () => {
    const attw = packageBin("@arethetypeswrong/cli", "attw");
    await node([attw, main.tarball, "--profile", "esm-only", "--no-emoji"], { cwd: work });
  });

  describe("in an empty application", () => {
    const app = folder("app");

    beforeAll(async () => {
      cpSync(join(import.meta.dirname, "packaging", "sign-up.js"), join(app, "sign-up.js"));
      const dependencies = {
        "better-auth": manifest.devDependencies["better-auth"],
        [main.manifest.name]: `file:${main.tarball}`,
        [binary.manifest.name]: `file:${binary.tarball}`,
      };
      writeJson(join(app, "package.json"), { private: true, type: "module", dependencies });
      const options = ["--ignore-scripts=false", "--prefer-offline", "--no-audit", "--no-fund"];
      await node([npmCli(), "install", ...options], { cwd: app, env: bareEnvironment() });
    }, 300_000);

    test("a user signs up and in", async () => {
      expect(await signUp(["sign-up.js", "sqlite:./auth.db"])).toEqual(signedUp());
    });

    test("a user signs up and in on a worker thread", async () => {
      const worker = `new (require("node:worker_threads").Worker)("./sign-up.js", {
        argv: ["sqlite:./worker.db"],
      })`;
      expect(await signUp(["--eval", worker])).toEqual(signedUp());
    });

    test("the types fit what the module exports", async () => {
      const list = `console.log(JSON.stringify(Object.keys(await import("${manifest.name}"))))`;
      const { stdout } = await run(["--input-type=module", "--eval", list]);
      const exported = Object.fromEntries(JSON.parse(stdout).map((/** @type {string} */ name) => [name, true]));
      // An export missing on either side is an error here.
      const use = `import * as api from "${manifest.name}";
        ({ ...${JSON.stringify(exported)} }) satisfies Record<keyof typeof api, true>;`;
      writeFileSync(join(app, "use.ts"), use);
      // Better Auth's declaration files only pass unchecked; under another name ours are checked.
      const installed = join("node_modules", manifest.name);
      cpSync(join(app, installed, "index.d.ts"), join(app, installed, "surface.ts"));
      await node(
        [
          packageBin("typescript", "tsc"),
          ...["--ignoreConfig", "--noEmit", "--strict", "--skipLibCheck"],
          ...["--module", "nodenext", "--target", "es2023"],
          ...["use.ts", join(installed, "surface.ts")],
        ],
        { cwd: app },
      );
    });

    /** @param {string[]} args */
    async function signUp(args) {
      return JSON.parse((await run(args)).stdout);
    }

    /** @param {string[]} args */
    function run(args) {
      return node(args, { cwd: app, env: bareEnvironment() });
    }

    function signedUp() {
      return {
        user: "ada@example.com",
        refusal: "INVALID_EMAIL_OR_PASSWORD",
        addons: [join(app, "node_modules", binary.manifest.name, addon ?? "")],
      };
    }
  });
});

/**
 * Does to a copy of the package what a release does to the package, for this one platform.
 *
 * @returns {Promise<string>} the copy's folder
 */
async function prepareRelease() {
  const stage = folder("release");
  const { files } = await pack(root);
  for (const path of files) cpSync(join(root, path), join(stage, path));

  const targets = manifest.napi.targets.filter(
    (/** @type {string} */ triple) => parseTriple(triple).platformArchABI === platform,
  );
  writeJson(join(stage, "package.json"), { ...manifest, napi: { ...manifest.napi, targets } });
  const target = join(stage, "npm", platform);
  cpSync(join(root, "npm", platform), target, { recursive: true });
  cpSync(join(root, addon ?? ""), join(target, addon ?? ""));

  const options = ["-t", "npm", "--skip-optional-publish", "--no-gh-release"];
  await node([packageBin("@napi-rs/cli", "napi"), "prepublish", ...options], { cwd: stage });
  return stage;
}

/**
 * @param {string} cwd folder of a package
 * @returns its tarball, with the manifest and the paths of the files in it
 */
async function pack(cwd) {
  const destination = mkdtempSync(join(work, "tarball "));
  const { stdout } = await node([npmCli(), "pack", "--json", "--pack-destination", destination], { cwd });
  const [{ filename, files }] = /** @type {{ filename: string, files: { path: string }[] }[]} */ (
    JSON.parse(stdout)
  );
  return {
    tarball: join(destination, filename),
    manifest: readJson(join(cwd, "package.json")),
    files: files.map(({ path }) => path),
  };
}

/** This environment as a user's: no compiler and no build tool on the PATH, nothing of vitest's. */
function bareEnvironment() {
  const bin = folder("bin");
  const link = join(bin, basename(process.execPath));
  if (!existsSync(link)) symlinkSync(process.execPath, link);
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(PATH|NODE_(ENV|PATH|OPTIONS)|VITEST.*|TEST|DEV|PROD|MODE|SSR|BASE_URL)$/i.test(name),
  );
  return { ...Object.fromEntries(inherited), PATH: bin };
}

/**
 * @param {string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv }} options
 */
async function node(args, options) {
  try {
    return await promisify(execFile)(process.execPath, args, { ...options, maxBuffer: 2 ** 26 });
  } catch (error) {
    // What the program wrote says more than that it failed.
    const { message, stdout, stderr } = /** @type {Error & Record<string, string>} */ (error);
    throw new Error([message, stdout, stderr].join("\n"), { cause: error });
  }
}

/** @param {string} name of a folder in the temporary one */
function folder(name) {
  const path = join(work, name);
  mkdirSync(path, { recursive: true });
  return path;
}

/**
 * @param {string} parent
 * @returns {Record<string, string>} the text files below, by path
 */
function contents(parent) {
  const files = readdirSync(parent, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".node"))
    .map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(files.map((file) => [relative(parent, file), readFileSync(file, "utf8")]));
}

/** @param {string} path */
function readJson(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}

/**
 * @param {string} path
 * @param {object} value
 */
function writeJson(path, value) {
  writeFileSync(path, JSON.stringify(value, null, 2));
}
