// The demo does what it shows: a real server, a real database, a page to sign in with.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { Client } from "../examples/demo/client.js";

const work = mkdtempSync(join(tmpdir(), "better-auth-native-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));

const script = fileURLToPath(new URL("../examples/demo.js", import.meta.url));
const env = { ...process.env, NO_COLOR: "1", TMPDIR: work, TEMP: work, TMP: work };
delete env.FORCE_COLOR;

/** @param {string[]} args */
const start = (...args) =>
  spawn(process.execPath, [script, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });

/** @param {string[]} args */
async function run(...args) {
  const child = start(...args);
  const [out, err] = [text(child.stdout), text(child.stderr)];
  const [code] = await once(child, "exit");
  return { out: await out, err: await err, code };
}

/**
 * @param {string} out
 * @param {string} name of a fact below the table
 */
const fact = (out, name) => new RegExp(`^${name}  +(.+)$`, "m").exec(out)?.[1];

describe("npm run demo", () => {
  test("walks through Better Auth and says what came back", async () => {
    const { out, err, code } = await run();
    expect({ err, code }).toEqual({ err: "", code: 0 });

    const steps = out.split("\n").filter((line) => line.startsWith("  "));
    expect(steps.map((step) => step.trim().split(/ {2,}/))).toEqual([
      ["step", "HTTP", "answer", "ms"],
      ["migrate", expect.stringMatching(/^\d+ statements run$/), expect.any(String)],
      ["sign up", "200", expect.stringMatching(/^user ada-\w+@example\.com and a session$/), expect.any(String)],
      ["sign in", "200", "another session", expect.any(String)],
      ["read session", "200", expect.stringMatching(/^Ada Lovelace, until \d{4}-\d\d-\d\d$/), expect.any(String)],
      ["wrong password", "401", "refused: Invalid email or password", expect.any(String)],
      ["sign out", "200", "that session has ended", expect.any(String)],
      ["read session", "200", "none", expect.any(String)],
    ]);
    for (const step of steps.slice(1)) expect(step).toMatch(/ \d+\.\d$/);
    expect(new Set(steps.map((step) => step.length)).size).toBe(1);

    expect(fact(out, "Rows")).toBe("user 1, session 1, account 1, verification 0");
    const path = fact(out, "Database")?.replace("sqlite:", "") ?? "";
    // No -wal and no -shm: it was closed.
    expect(readdirSync(dirname(path))).toEqual(["auth.db"]);
  });

  test("walks through the same database again", async () => {
    const url = `sqlite:${join(work, "again.db")}`;
    await run("--database", url);
    const { out, code } = await run("--database", url);
    expect(code).toBe(0);
    expect(out).toMatch(/^ +migrate +nothing to do/m);
    expect(fact(out, "Rows")).toBe("user 2, session 2, account 2, verification 0");
  });

  test("prints no parameter of the URL", async () => {
    const { out } = await run("--database", "sqlite::memory:?busy_timeout=4321");
    expect(fact(out, "Database")).toBe("sqlite::memory:");
    expect(out).not.toContain("busy_timeout");
  });

  test("--help", async () => {
    expect(await run("--help")).toEqual({ out: expect.stringMatching(/^usage: /), err: "", code: 0 });
  });

  test.each([["--nope"], ["--port=many"], ["--port=65536"], ["something"]])("refuses %s", async (arg) => {
    expect(await run(arg)).toEqual({ out: "", err: expect.stringMatching(/^demo: .+\n\nusage: /), code: 2 });
  });

  test("says why it failed", async () => {
    const nowhere = `sqlite:${join(work, "missing", "auth.db")}`;
    // Better Auth's own check, which runs beside it, may have a line of its own.
    const noDatabase = { out: "", err: expect.stringMatching(/^demo: cannot open .+\n/), code: 1 };
    expect(await run("--database", nowhere)).toEqual(noDatabase);

    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = /** @type {import("node:net").AddressInfo} */ (other.address());
    const taken = { out: "", err: expect.stringMatching(/^demo: .*EADDRINUSE.*\n$/), code: 1 };
    expect(await run("--port", `${port}`)).toEqual(taken);
    other.close();
  });
});

// Windows has no signals: there, kill() ends the process then and there.
describe.skipIf(process.platform === "win32")("npm run demo -- --serve", () => {
  test.each(/** @type {const} */ (["SIGTERM", "SIGINT"]))("serves until %s", async (signal) => {
    const file = `${signal}.db`;
    const child = start("--serve", "--database", `sqlite:${join(work, file)}`);
    onTestFinished(() => void child.kill("SIGKILL"));
    const [exit, err] = [once(child, "exit"), text(child.stderr)];
    const lines = createInterface(child.stdout);
    const [line] = await once(lines, "line");
    const url = /http:\S+/.exec(line)?.[0] ?? "";

    const page = await fetch(url);
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(page.headers.get("content-security-policy")).toMatch(/^default-src 'none'; /);
    expect(await page.text()).toMatch(/<form [^]*<label for="password">/);
    expect((await fetch(`${url}/elsewhere`)).status).toBe(404);

    const client = new Client(url);
    const user = { name: "Ada", email: "ada@example.com" };
    const signUp = { ...user, password: "correct horse battery staple" };
    expect(await client.post("/sign-up/email", signUp)).toMatchObject({ status: 200, body: { user } });
    expect(await client.get("/get-session")).toMatchObject({ status: 200, body: { user } });

    // More than once, as npm does.
    child.kill(signal);
    child.kill(signal);
    expect(await exit).toEqual([0, null]);
    expect(await err).toBe("");
    expect(readdirSync(work).filter((name) => name.startsWith(file))).toEqual([file]);
  });
});
