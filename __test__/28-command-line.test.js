// npx better-auth-native: what it prints where, and its exit codes.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { auth } from "./support/auth-command.js";
import { application } from "./support/command-line.js";

test("a configuration in TypeScript is found, and its database brought in step and back", async () => {
  const { run } = application();
  const planned = await run("plan");
  expect(planned).toMatchObject({ code: 2, stdout: expect.stringContaining('+ table "twoFactor"') });
  // Plain lines in a pipe.
  expect(planned.stdout).not.toContain("\x1b");
  expect(await run("status")).toMatchObject({ code: 2, stdout: expect.stringContaining("Nothing is recorded yet") });
  expect(await run("validate")).toMatchObject({ code: 2, stdout: expect.stringContaining("MISSING_TABLE") });
  expect(await run("migrate")).toMatchObject({ code: 1, stderr: expect.stringContaining("--yes") });
  expect(await run("migrate", "--dry-run")).toMatchObject({ code: 2 });
  expect(await run("migrate", "--yes")).toMatchObject({ code: 0, stdout: expect.stringContaining("version 1") });
  for (const command of ["plan", "status", "validate", "generate"]) expect(await run(command)).toMatchObject({ code: 0 });
  const status = await run("status", "--json");
  expect(JSON.parse(status.stdout)).toMatchObject({ inStep: true, version: 1, versions: [{ state: "applied" }] });
  expect(await run("rollback", "--dry-run")).toMatchObject({ code: 2 });
  expect(await run("rollback", "--yes")).toMatchObject({ code: 0 });
  expect(await run("generate", "--name", "core")).toMatchObject({ code: 0, stdout: expect.stringContaining("0002_core.up.sql") });
  expect(await run("migrate", "--dir", "migrations", "--yes")).toMatchObject({ code: 0 });
  expect(await run("status", "--dir", "migrations")).toMatchObject({ code: 0 });
  expect(await run("drop", "--dry-run")).toMatchObject({ code: 2 });
  expect(await run("drop", "--yes")).toMatchObject({ code: 1, stderr: expect.stringContaining("--confirm auth.db") });
  expect(await run("drop", "--yes", "--confirm", "auth.db")).toMatchObject({ code: 0 });
  expect(await run("plan")).toMatchObject({ code: 2 });
}, 180_000);

test("what fails has a code, and 1 for an exit code", async () => {
  const { cwd, run } = application();
  const error = async (/** @type {string[]} */ ...args) => {
    const { code, stdout } = await run(...args, "--json");
    expect(code).toBe(1);
    return JSON.parse(stdout).error.code;
  };
  expect(await error("nothing")).toBe("INVALID_INPUT");
  expect(await error("plan", "--unknown")).toBe("INVALID_INPUT");
  expect(await error("plan", "--config", "none.ts")).toBe("INVALID_INPUT");
  expect(await error("plan", "--url", "postgres://127.0.0.1:1/none")).toBe("CONNECT_FAILED");
  expect(await error("migrate", "--yes", "--dir", "none")).toBe("MIGRATION_MISSING");
  writeFileSync(join(cwd, "core.sql"), "");
  expect(await error("migrate", "--yes", "--dir", ".")).toBe("MIGRATION_INVALID");
  expect(await error("rollback")).toBe("MIGRATION_MISSING");
  const { stderr } = await run("plan", "--url", "postgres://ada:secret@127.0.0.1:1/none");
  expect(stderr).toMatch(/^error CONNECT_FAILED: /m);
  expect(stderr).not.toContain("secret");
}, 180_000);

test("the help of every command tells its flags and exit codes", async () => {
  const { run } = application();
  const { stdout } = await run("--help");
  for (const command of ["plan", "migrate", "rollback", "status", "generate", "validate", "baseline", "drop", "cleanup"]) {
    expect(stdout).toContain(`  ${command} `);
    const help = await run(command, "--help");
    expect(help).toMatchObject({ code: 0, stdout: expect.stringMatching(/--config <file>[^]*Exit code: 0/) });
  }
}, 180_000);

test("npx auth migrate makes tables that work, npx auth check finds them, and ours adds the rest", async () => {
  const { cwd, run } = application();
  const own = (/** @type {string[]} */ ...args) => auth([...args, "--cwd", cwd], { cwd });
  expect(await own("check")).toMatchObject({ code: 1 });
  expect(await own("migrate", "--yes")).toMatchObject({ code: 0, stdout: expect.stringContaining("completed successfully") });
  expect(await own("migrate", "--yes")).toMatchObject({ stdout: expect.stringContaining("No migrations needed") });
  expect(await own("check")).toMatchObject({ code: 0, stdout: expect.stringContaining("Schema check passed") });
  expect(await run("validate")).toMatchObject({ code: 0, stdout: expect.stringContaining("MISSING_INDEX") });
  expect(await run("migrate", "--yes")).toMatchObject({ code: 0, stdout: expect.stringMatching(/version 1: baseline[^]*version 2/) });
  expect(await own("migrate", "--yes")).toMatchObject({ stdout: expect.stringContaining("No migrations needed") });
}, 180_000);
