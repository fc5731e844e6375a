// Password hashing: Better Auth's format both ways, clear errors, bounded work, a free event loop.

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { hashPassword, verifyPassword } from "better-auth/crypto";
import { describe, expect, test } from "vitest";
import { NativeAdapterError, password } from "../index.js";

const MAX_LENGTH = 4096;
const { hash, verify } = password;
const entry = new URL("../index.js", import.meta.url).href;

/** A hash Better Auth's own hasher made of "correct horse". */
const stored =
  "00112233445566778899aabbccddeeff:" +
  "13af89ff6a88bb0fb3277e79ba724c6c0731b15919ca892969d63abd1534b867" +
  "d110179e3bc8af39995ede0f9b2ac14b2b97573df10ba3802c498dbeb61e4f64";

async function rejection(promise) {
  const error = await promise.then(
    (value) => expect.fail(`resolved to ${value}`),
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(NativeAdapterError);
  return error;
}

/** Runs a module in a process of its own and returns what it printed; it must end by itself. */
async function inProcess(source) {
  const args = ["--input-type=module", "--eval", source];
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd, timeout: 25_000 });
  return stdout.trim();
}

describe("Better Auth's format", () => {
  test("32 hex digits of salt, a colon, 128 of key, never twice the same", async () => {
    const hashes = await Promise.all([hash("same"), hash("same")]);
    for (const text of hashes) expect(text).toMatch(/^[0-9a-f]{32}:[0-9a-f]{128}$/);
    expect(hashes[0].slice(0, 32)).not.toBe(hashes[1].slice(0, 32));
  });

  test.each([
    ["ASCII", "correct horse battery staple"],
    ["empty", ""],
    ["one character", "x"],
    ["only a space", " "],
    ["spaces around and inside", "  two  words\t\n"],
    ["NUL", "\0before\0after\0"],
    ["composed (NFC)", "Crème Brûlée Ǖ 한글"],
    ["decomposed (NFD)", "Crème Brûlée Ǖ 한글".normalize("NFD")],
    ["compatibility characters", "ﬁ Ａ ① ﷺ 𝐁 ㎏"],
    ["emoji", "🔑👩🏽‍🚀🏴󠁧󠁢󠁥󠁮󠁧󠁿"],
    ["byte order mark", "\uFEFFtext"],
    ["high surrogate alone", "a\ud800b"],
    ["low surrogate alone", "\udc00"],
    ["surrogates in the wrong order", "\udc00\ud800"],
    // Unicode 16 to 18 gave these decompositions: Node's tables decide, whichever they are.
    ["characters of recent Unicode versions", "\u209d\ua7f1\u{1ccd6}\u{107bb}\u058b"],
    ["as long as allowed, ASCII", "x".repeat(MAX_LENGTH)],
    ["as long as allowed, growing 11 times in NFKC", "ﷺ".repeat(MAX_LENGTH)],
  ])("%s: hashes verify there and here", async (_, text) => {
    const [theirs, ours] = await Promise.all([hashPassword(text), hash(text)]);
    expect(await verify({ hash: theirs, password: text })).toBe(true);
    expect(await verifyPassword({ hash: ours, password: text })).toBe(true);
  });

  test("one text in different normal forms is one password", async () => {
    const [nfc, nfd] = ["Ångström ﬁ".normalize("NFC"), "Ångström fi".normalize("NFD")];
    expect(nfc).not.toBe(nfd);
    expect(await verify({ hash: await hash(nfc), password: nfd })).toBe(true);
    expect(await verify({ hash: await hash(nfd), password: nfc })).toBe(true);
  });

  test("a lone surrogate counts as U+FFFD, as in Better Auth", async () => {
    for (const other of [await hashPassword("a\ufffdb"), await hash("a\ufffdb")]) {
      expect(await verify({ hash: other, password: "a\ud800b" })).toBe(true);
    }
  });

  test.each([
    ["another", "wrong horse"],
    ["other case", "Correct horse"],
    ["shorter", "correct hors"],
    ["longer", "correct horse "],
    ["continued after NUL", "correct horse\0s"],
    ["empty", ""],
  ])("a wrong password is false: %s", async (_, text) => {
    expect(await verify({ hash: stored, password: text })).toBe(false);
  });

  test("every digit of salt and key counts", async () => {
    expect(await verify({ hash: stored, password: "correct horse" })).toBe(true);
    for (const at of [0, 31, 33, 96, 160]) {
      const changed = stored.slice(0, at) + (stored[at] === "0" ? "1" : "0") + stored.slice(at + 1);
      expect(await verify({ hash: changed, password: "correct horse" })).toBe(false);
    }
  });

  test("works as emailAndPassword.password, and for users the default hasher signed up", async () => {
    const database = memoryAdapter({ user: [], account: [], session: [], verification: [] });
    const auth = (hasher) =>
      betterAuth({
        database,
        baseURL: "http://localhost",
        secret: "a secret for tests that is long enough",
        emailAndPassword: { enabled: true, password: hasher },
      });
    const signIn = (hasher, email, text) =>
      auth(hasher).api.signInEmail({ body: { email, password: text } });

    for (const [email, hasher] of [["new@x.test", password], ["old@x.test", undefined]]) {
      await auth(hasher).api.signUpEmail({ body: { name: "N", email, password: "long enough" } });
      expect((await signIn(password, email, "long enough")).user.email).toBe(email);
      expect((await signIn(undefined, email, "long enough")).user.email).toBe(email);
      await expect(signIn(password, email, "long enougH")).rejects.toMatchObject({ statusCode: 401 });
    }
    await expect(signIn(password, "no@x.test", "any")).rejects.toMatchObject({ statusCode: 401 });
  });
});

describe("errors", () => {
  const [salt, key] = stored.split(":");

  test.each([
    ["empty", ""],
    ["only a colon", ":"],
    ["no key", `${salt}:`],
    ["no salt", `:${key}`],
    ["no colon", salt + key],
    ["salt and key swapped", `${key}:${salt}`],
    ["a third part", `${stored}:00`],
    ["cut off", stored.slice(0, -1)],
    ["salt cut off", stored.slice(1)],
    ["one digit too many", `${stored}0`],
    ["a line break at the end", `${stored}\n`],
    ["upper case", stored.toUpperCase()],
    ["not hex", `${salt}:${key.replace(/./, "g")}`],
    ["161 characters of something else", "é".repeat(161)],
    ["NUL", stored.replace(/.$/, "\0")],
    ["lone surrogate", stored.replace(/.$/, "\ud800")],
    ["bcrypt", "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW"],
    ["argon2id", "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b27Cg"],
    ["tagged scrypt", `scrypt:32768:8:1$${salt}$${key}`],
    ["very long", "0".repeat(1 << 20)],
  ])("a malformed hash is INVALID_HASH, never a wrong password: %s", async (_, malformed) => {
    const error = await rejection(verify({ hash: malformed, password: "correct horse" }));
    expect(error.code).toBe("INVALID_HASH");
    expect(error.retryable).toBe(false);
  });

  test("they repeat neither the hash nor the password", async () => {
    const hash = stored.toUpperCase();
    const error = await rejection(verify({ hash, password: "a secret" }));
    const shown = `${error.stack} ${JSON.stringify(error)} ${error.cause}`;
    expect(shown).not.toContain("a secret");
    for (const part of hash.split(":")) expect(shown).not.toContain(part.slice(0, 8));
  });

  const notStrings = [undefined, null, 0, true, {}, [], Buffer.from("x"), new String("x"), Symbol()];

  test.each(notStrings)("what is not a string is INVALID_INPUT: %o", async (value) => {
    for (const promise of [
      hash(value),
      verify({ hash: value, password: "x" }),
      verify({ hash: stored, password: value }),
    ]) {
      expect((await rejection(promise)).code).toBe("INVALID_INPUT");
    }
  });

  test("so is a call without arguments, and it does not throw synchronously", async () => {
    for (const promise of [hash(), verify(), verify(null), verify({})]) {
      expect((await rejection(promise)).code).toBe("INVALID_INPUT");
    }
  });
});

describe("bounds", () => {
  // Combining marks take quadratic time to normalise: minutes, if 1 MiB of them got that far.
  test.each([
    ["one character", "x".repeat(MAX_LENGTH + 1)],
    ["1 MiB of the costliest text", "a" + "\u0301\u0316".repeat(1 << 19)],
  ])("over the bound by %s: refused by hash, never a match", async (_, text) => {
    const error = await rejection(hash(text));
    expect(error.code).toBe("INVALID_INPUT");
    expect(error.message).not.toContain(text.slice(0, 8));
    expect(await verify({ hash: stored, password: text })).toBe(false);
  });

  test("all of many requests at once are answered, each with its own answer", async () => {
    const texts = Array.from({ length: 8 }, (_, number) => `password ${number}`);
    const hashes = await Promise.all(texts.map(hash));
    const answers = await Promise.all(
      hashes.flatMap((hash, number) => [
        verify({ hash, password: texts[number] }),
        verify({ hash, password: texts[(number + 1) % texts.length] }),
      ]),
    );
    expect(answers).toEqual(texts.flatMap(() => [true, false]));
  });

  test("requests over the queue's bound are OVERLOADED at once, the others stay", async () => {
    // The accepted ones would take a minute: the process ends without them.
    const report = await inProcess(`
      import { password } from ${JSON.stringify(entry)};
      const kinds = new Map();
      let answered = 0;
      const refusals = Array.from({ length: 5000 }, (_, number) => new Promise((refused) => {
        const promise = number % 2
          ? password.hash("x")
          : password.verify({ hash: ${JSON.stringify(stored)}, password: "x" });
        promise.then(() => answered++, ({ name, code, retryable }) => {
          const kind = [name, code, retryable].join();
          kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
          refused();
        });
      }));
      // As many as are sure to be refused, whatever the number of threads.
      let seen = 0;
      await new Promise((done) => {
        for (const refusal of refusals) refusal.then(() => { if (++seen === 3000) done(); });
      });
      console.log(JSON.stringify({ kinds: [...kinds], answered }));
      process.exit();
    `);
    const { kinds, answered } = JSON.parse(report);
    expect(kinds.map(([kind]) => kind)).toEqual(["NativeAdapterError,OVERLOADED,true"]);
    expect(answered).toBeLessThanOrEqual(4 * availableParallelism());
  });
});

describe("the event loop", () => {
  test("turns while a hash is made", async () => {
    let pending = true;
    const done = hash("x").finally(() => {
      pending = false;
    });
    let turns = 0;
    while (pending) {
      await new Promise(setImmediate);
      turns += 1;
    }
    await done;
    expect(turns).toBeGreaterThan(100);
  });

  test("keeps its thread pool for files: reading one does not wait for hashes", async () => {
    let answered = 0;
    const hashes = Array.from({ length: 12 }, () => hash("x").then(() => (answered += 1)));
    await readFile(new URL("../package.json", import.meta.url));
    // In libuv's pool of four, the read would have waited for at least nine of them.
    expect(answered).toBeLessThan(9);
    await Promise.all(hashes);
  });

  test("is held by a hash under way, and by nothing afterwards", async () => {
    const printed = await inProcess(`
      import { password } from ${JSON.stringify(entry)};
      password.hash("x").then((text) => console.log(text.length));
    `);
    expect(printed).toBe("161");
  });

  test("of a worker may end with hashes under way, and another's still get theirs", async () => {
    const printed = await inProcess(`
      import { once } from "node:events";
      import { Worker } from "node:worker_threads";
      const start = (rest) => new Worker(\`
        Promise.all([import("node:worker_threads"), import(${JSON.stringify(entry)})])
          .then(async ([{ parentPort }, { password }]) => {
            await password.hash("x");
            \${rest}
            parentPort.postMessage("hashed");
          });
      \`, { eval: true });
      // The package is loaded in workers only: nothing of it may be unloaded under its threads.
      const first = start('for (let number = 0; number < 6; number++) password.hash("x");');
      await once(first, "message");
      await first.terminate();
      const [message] = await once(start(""), "message");
      console.log(message);
    `);
    expect(printed).toBe("hashed");
  });
});

test("hash and verify need no receiver", async () => {
  const { hash, verify } = { ...password };
  expect(await verify({ hash: await hash.call(undefined, "x"), password: "x" })).toBe(true);
});
