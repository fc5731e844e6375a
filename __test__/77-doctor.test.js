// npx better-auth-native doctor and backup, and the examples of their guides.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { application } from "./support/command-line.js";
import { user } from "./support/rows.js";

test("doctor says how a database is, and what to do first", async () => {
  const { cwd, run } = application();
  const empty = await run("doctor");
  expect(empty).toMatchObject({ code: 2, stdout: expect.stringMatching(/1\. error the table "user" is missing[^]*→ npx better-auth-native migrate[^]*5 things to do\./) });
  expect(empty.stdout).not.toContain("\x1b");
  await run("migrate", "--yes");
  const healthy = await run("doctor");
  expect(healthy).toMatchObject({ code: 0, stdout: expect.stringMatching(/users +0[^]*table +rows[^]*not told, use of indexes: SQLite[^]*Healthy/) });

  const database = nativeAdapter(`sqlite:${join(cwd, "auth.db")}`);
  const adapter = database({});
  const now = new Date();
  const ada = await adapter.create({ model: "user", data: user("ada") });
  await adapter.create({ model: "user", data: { ...user("twin"), email: "Ada@example.com" } });
  const account = { userId: ada.id, providerId: "credential", createdAt: now, updatedAt: now };
  await adapter.create({ model: "account", data: { ...account, accountId: "1", password: "a secret in clear" } });
  await adapter.create({ model: "account", data: { ...account, accountId: "2", password: null } });
  const expiresAt = new Date(0);
  for (let number = 0; number < 1_000; number += 1) {
    const session = { userId: ada.id, token: `secret ${number}`, expiresAt, createdAt: now, updatedAt: now };
    await adapter.create({ model: "session", data: { ...session, ipAddress: "", userAgent: "" } });
  }
  await database.close();

  const ill = await run("doctor", "--json");
  expect(ill.code).toBe(2);
  const report = JSON.parse(ill.stdout);
  expect(report.healthy).toBe(false);
  expect(report.advice.map((/** @type {any} */ { severity, about }) => `${severity}: ${about}`)).toEqual([
    "error: 1 password hash is in no known form",
    expect.stringMatching(/^warning: 2 rows of "user" have an e-mail address/),
    "warning: 1 credential account has no password",
    "warning: 1,000 sessions have expired and are still there",
    'hint: the planner knows nothing about "session"',
  ]);
  expect(report).toMatchObject({ validation: { valid: true }, diagnosis: { sessions: { expired: 1_000 } }, statistics: { engine: "sqlite" } });
  const text = await run("doctor");
  expect(text).toMatchObject({ code: 2, stdout: expect.stringContaining("4 things to do") });
  for (const { stdout } of [ill, text]) expect(stdout).not.toMatch(/a secret|secret \d|example\.com/);
  expect(await run("doctor", "--url", "postgres://127.0.0.1:1/none")).toMatchObject({ code: 1, stderr: expect.stringContaining("CONNECT_FAILED") });
  expect(await run("doctor", "--slow-ms", "soon")).toMatchObject({ code: 1, stderr: expect.stringContaining("INVALID_INPUT") });
}, 180_000);

test("backup copies the database, and overwrites nothing by itself", async () => {
  const { cwd, run } = application();
  await run("migrate", "--yes");
  expect(await run("backup", "copy.db")).toMatchObject({ code: 0, stdout: expect.stringContaining("copied to copy.db") });
  expect(await run("backup", "copy.db")).toMatchObject({ code: 1, stderr: expect.stringContaining("overwrite") });
  const again = await run("backup", "copy.db", "--overwrite", "--json");
  expect(JSON.parse(again.stdout)).toEqual({ path: "copy.db", pages: expect.any(Number) });
  expect(await run("backup")).toMatchObject({ code: 1, stderr: expect.stringContaining("<path>") });
  expect(await run("backup", "--help")).toMatchObject({ code: 0, stdout: expect.stringContaining("backup <path> [flags]") });
  expect(await run("plan", "--url", "sqlite:./copy.db")).toMatchObject({ code: 0, stdout: expect.stringContaining("In step") });
  expect(readdirSync(cwd)).not.toContainEqual(expect.stringContaining("partial"));
  const { stdout } = await run("--help");
  for (const command of ["doctor", "backup"]) expect(stdout).toContain(`  ${command} `);
}, 180_000);

describe.each(["backup", "search", "diagnostics"])("docs/%s.md", (name) => {
  test("its examples run", async () => {
    const guide = readFileSync(new URL(`../docs/${name}.md`, import.meta.url), "utf8");
    const examples = [...guide.matchAll(/```js\n([^]*?)```/g)].map(([, code]) => code);
    const cwd = mkdtempSync(join(tmpdir(), "better-auth-native-"));
    const before = process.cwd();
    onTestFinished(() => {
      process.chdir(before);
      rmSync(cwd, { recursive: true, force: true });
    });
    mkdirSync(join(cwd, "backups"));
    process.chdir(cwd);
    const url = "sqlite:./auth.db";
    const authOptions = {};
    const database = nativeAdapter(url);
    onTestFinished(() => database.close());
    const adapter = database(authOptions);
    await database.migrate();
    const ada = await adapter.create({ model: "user", data: { ...user("ada love"), email: "ada@example.com" } });
    const now = new Date();
    const data = { userId: ada.id, token: "token", expiresAt: now, createdAt: now, updatedAt: now, ipAddress: "", userAgent: "" };
    const session = await adapter.create({ model: "session", data });
    /** @type {Record<string, unknown>} */
    const known = { database, url, authOptions, user: ada, session, restored: database, nativeAdapter, console: { log() {} } };
    expect(examples.length).toBeGreaterThan(0);
    for (const code of examples) {
      const names = Object.keys(known).filter((each) => !code.includes(`const ${each} `));
      const AsyncFunction = /** @type {any} */ (async () => {}).constructor;
      await new AsyncFunction(...names, code)(...names.map((each) => known[each]));
    }
  });
});
