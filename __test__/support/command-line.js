// An application in a folder of its own, for the commands that are run in it.

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { root } from "../../scripts/step.js";

/** An application in TypeScript, with a path alias and a .env. */
export function application() {
  const cwd = mkdtempSync(join(tmpdir(), "better-auth-native-"));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  const write = (/** @type {string} */ path, /** @type {string} */ text) => {
    mkdirSync(join(cwd, path, ".."), { recursive: true });
    writeFileSync(join(cwd, path), text);
  };
  write("tsconfig.json", `{ "compilerOptions": { "paths": { "@/*": ["./src/*"] } } }`);
  write(".env", "AUTH_DATABASE=sqlite:./auth.db");
  write("src/plugins.ts", `import { twoFactor } from "better-auth/plugins"; export const plugins = [twoFactor()];`);
  write(
    "src/lib/auth.ts",
    `import { betterAuth } from "better-auth";
     import { nativeAdapter } from "better-auth-native";
     import { plugins } from "@/plugins";
     const database = nativeAdapter(process.env.AUTH_DATABASE as string);
     export const auth = betterAuth({ database, plugins, baseURL: "http://localhost", secret: "for tests only, 0123456789abcdef", telemetry: { enabled: false } });`,
  );
  mkdirSync(join(cwd, "node_modules"));
  symlinkSync(root, join(cwd, "node_modules/better-auth-native"));
  symlinkSync(join(root, "node_modules/better-auth"), join(cwd, "node_modules/better-auth"));

  /** @param {...string} args @returns {Promise<{ code: number, stdout: string, stderr: string }>} */
  const run = (...args) =>
    new Promise((resolve) => {
      const env = { ...process.env, FORCE_COLOR: undefined };
      const child = execFile(process.execPath, [join(root, "js/cli/main.js"), ...args], { cwd, env }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      );
      child.stdin?.end();
    });
  return { cwd, run };
}
