// Password hashing: Better Auth's format both ways, clear errors, bounded work, a free event loop.

import { execFile } from "node:child_process";
import { randomBytes, scryptSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { hashPassword, verifyPassword } from "better-auth/crypto";
import { describe, expect, test } from "vitest";
import { NativeAdapterError, createPassword, password } from "../index.js";

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
async function inProcess(source, variables = {}) {
  const args = ["--input-type=module", "--eval", source];
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const env = { ...process.env, ...variables };
  const options = { cwd, env, timeout: 25_000 };
  const { stdout } = await promisify(execFile)(process.execPath, args, options);
  return stdout.trim();
}

/** A PHC string as other systems write it, by node:crypto. */
function phc(text, { ln, r, p, keyLength = 32 }, salt = randomBytes(16)) {
  const maxmem = 2 ** 28;
  const key = scryptSync(text, salt, keyLength, { N: 2 ** ln, r, p, maxmem });
  const [saltText, keyText] = [salt, key].map((bytes) => bytes.toString("base64").replace(/=+$/, ""));
  return `$scrypt$ln=${ln},r=${r},p=${p}$${saltText}$${keyText}`;
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

  test("10,000 callers at once are each answered: some with theirs, the others with OVERLOADED", async () => {
    const small = createPassword({ maxQueue: 20 });
    const counts = { right: 0, wrong: 0, refused: 0 };
    const callers = Array.from({ length: 10_000 }, async (_, number) => {
      const wrong = number % 2 === 1;
      try {
        const answer = await small.verify({ hash: stored, password: wrong ? "x" : "correct horse" });
        counts[answer === !wrong ? "right" : "wrong"] += 1;
      } catch (error) {
        expect(error).toBeInstanceOf(NativeAdapterError);
        expect([error.code, error.retryable]).toEqual(["OVERLOADED", true]);
        counts.refused += 1;
      }
    });
    await Promise.all(callers);
    expect(counts.wrong).toBe(0);
    expect(counts.right + counts.refused).toBe(10_000);
    expect(counts.right).toBeGreaterThan(20);
    expect(small.stats()).toMatchObject({ hashed: counts.right, waiting: 0, hashing: 0 });
    await small.close();
  });

  test("maxMemory is never exceeded, and an idle hasher holds no memory and no threads", async () => {
    const unit = 2 ** 25;
    const small = createPassword({ maxMemory: 3 * unit });
    expect(small.stats()).toMatchObject({ memory: 0, threads: 0 });
    const hashes = Array.from({ length: 24 }, () => small.hash("x"));
    let most = 0;
    for (const hash of hashes) {
      await hash;
      most = Math.max(most, small.stats().memory);
    }
    expect(most).toBeGreaterThanOrEqual(unit);
    expect(most).toBeLessThanOrEqual(3 * unit);
    await expect.poll(() => small.stats(), { timeout: 20_000 }).toMatchObject({ memory: 0, threads: 0 });
    expect((await small.hash("x")).length).toBe(161);
    await small.close();
  });

  test("the default is a quarter of what the process may use, and at most 1 GiB", async () => {
    const report = await inProcess(`
      process.constrainedMemory = () => 200 * 2 ** 20; // As in a small container.
      const { password } = await import(${JSON.stringify(entry)});
      const hashes = Array.from({ length: 12 }, () => password.hash("x"));
      let most = 0;
      for (const hash of hashes) { await hash; most = Math.max(most, password.stats().memory); }
      console.log(most / 2 ** 20);
    `);
    expect(report).toBe("32");
  });
});

describe("kernels", () => {
  const names = ["avx512", "avx2", "sse2", "neon", "scalar"];
  const force = (source, name) => inProcess(source, { BETTER_AUTH_NATIVE_KERNEL: name });

  test.each(names)("%s gives node:crypto's keys at 1, 2, 3, 5, 7 and 12 at a time, or says that this CPU lacks it", async (name) => {
    const report = await force(
      `
      import { randomBytes, scrypt } from "node:crypto";
      import { promisify } from "node:util";
      import { createPassword, password } from ${JSON.stringify(entry)};
      const cost = { N: 16384, r: 16, p: 1, maxmem: 2 ** 27 };
      const key = promisify(scrypt);
      const failure = await password.hash("x").then(() => undefined, ({ code }) => code);
      if (failure) {
        console.log(failure);
      } else {
        // One thread: those that come while it is busy make one batch.
        const alone = createPassword({ threads: 1, maxMemory: 13 * 2 ** 25 });
        for (const size of [1, 2, 3, 5, 7, 12]) {
          const texts = Array.from({ length: size }, () => randomBytes(20).toString("base64"));
          const [, ...hashes] = await Promise.all(["busy", ...texts].map((text) => alone.hash(text)));
          for (const [number, hash] of hashes.entries()) {
            const [salt, hex] = hash.split(":");
            const expected = (await key(texts[number], salt, 64, cost)).toString("hex");
            if (hex !== expected) throw new Error("another key than node:crypto's");
          }
        }
        const { kernel, hashed } = alone.stats();
        console.log(kernel, hashed);
      }
      `,
      name,
    );
    expect([`${name} 36`, "INVALID_INPUT"]).toContain(report);
    if (name === "scalar") expect(report).toBe("scalar 36");
  });

  test.runIf(process.platform === "linux" && process.arch === "x64")(
    "one is supported exactly where the system says that the CPU has it, and the best is chosen",
    async () => {
      const flags = /^flags\s*: (.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))[1].split(" ");
      const needed = { avx512: ["avx512f", "avx512vl"], avx2: ["avx2"], sse2: ["sse2"], scalar: [] };
      const has = Object.keys(needed).filter((name) => needed[name].every((flag) => flags.includes(flag)));
      const report = `
        import { createPassword } from ${JSON.stringify(entry)};
        try { console.log(createPassword().stats().kernel); } catch ({ code }) { console.log(code); }
      `;
      for (const name of names) {
        expect(await force(report, name)).toBe(has.includes(name) ? name : "INVALID_INPUT");
      }
      const { BETTER_AUTH_NATIVE_KERNEL: _, ...variables } = process.env;
      expect(await inProcess(report, { BETTER_AUTH_NATIVE_KERNEL: undefined, ...variables })).toBe(has[0]);
    },
  );

  test("a name that no kernel has is an error that says which there are, and not a crash", async () => {
    const report = await force(
      `
      import { createPassword, password } from ${JSON.stringify(entry)};
      const errors = [];
      await password.hash("x").catch((error) => errors.push(error));
      await password.hash("x").catch((error) => errors.push(error));
      try { createPassword(); } catch (error) { errors.push(error); }
      for (const { code, message } of errors) console.log(code, message);
      `,
      "mmx",
    );
    const lines = report.split("\n");
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      expect(line).toMatch(/^INVALID_INPUT BETTER_AUTH_NATIVE_KERNEL names no kernel .*scalar/);
    }
  });
});

describe("hashes of other systems", () => {
  // Passlib's documentation has it.
  const passlib =
    "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E";

  test("Passlib's own example verifies", async () => {
    expect(await verify({ hash: passlib, password: "password" })).toBe(true);
    expect(await verify({ hash: passlib, password: "passwore" })).toBe(false);
  });

  test.each([
    { ln: 1, r: 1, p: 1 },
    { ln: 10, r: 8, p: 16 },
    { ln: 14, r: 8, p: 5 },
    { ln: 14, r: 16, p: 1, keyLength: 64 },
    { ln: 15, r: 8, p: 3, keyLength: 16 },
    { ln: 17, r: 8, p: 1, keyLength: 24 },
    { ln: 6, r: 33, p: 2 },
  ])("PHC strings of scrypt verify with their own parameters: %o", async (parameters) => {
    const hash = phc("a password", parameters);
    const [right, wrong] = await Promise.all(
      ["a password", "A password"].map((text) => verify({ hash, password: text })),
    );
    expect([right, wrong]).toEqual([true, false]);
    expect(password.needsRehash(hash)).toBe(true);
  });

  test("they are of the password as it was typed", async () => {
    const typed = "Å ﬁ 𝐁";
    expect(typed.normalize("NFKC")).not.toBe(typed);
    expect(await verify({ hash: phc(typed, { ln: 4, r: 8, p: 1 }), password: typed })).toBe(true);
  });

  test("Better Auth's own need no rehash", async () => {
    expect(password.needsRehash(stored)).toBe(false);
    expect(password.needsRehash(await hash("x"))).toBe(false);
    expect(password.needsRehash(await hashPassword("x"))).toBe(false);
  });

  test.each([
    ["too much memory", phc("x", { ln: 4, r: 8, p: 1 }).replace("ln=4", "ln=18")],
    ["far too much memory", passlib.replace("ln=16", "ln=63").replace("r=8", "r=4294967295")],
    ["too much work", passlib.replace("p=1", "p=64")],
    ["no rounds", passlib.replace("ln=16", "ln=0")],
    ["parameters missing", passlib.replace(",p=1", "")],
    ["parameters in another order", passlib.replace("r=8,p=1", "p=1,r=8")],
    ["key cut off", passlib.slice(0, -1)],
    ["key of another alphabet", passlib.replace("+", "-")],
    ["key too short to tell anything", phc("x", { ln: 4, r: 8, p: 1, keyLength: 8 })],
    ["padded", `${passlib}=`],
    ["another algorithm's name", passlib.replace("scrypt", "yescrypt")],
    ["libscrypt's form", `SCRYPT:16384:8:1:${"A".repeat(24)}:${"A".repeat(88)}`],
  ])("what cannot be verified is INVALID_HASH and never false: %s", async (_, hash) => {
    expect((await rejection(verify({ hash, password: "x" }))).code).toBe("INVALID_HASH");
    expect(() => password.needsRehash(hash)).toThrow(expect.objectContaining({ code: "INVALID_HASH" }));
  });

  test("one that takes more than maxMemory says so", async () => {
    const small = createPassword({ maxMemory: 2 ** 25 });
    const error = await rejection(small.verify({ hash: passlib, password: "password" }));
    expect(error.code).toBe("INVALID_HASH");
    expect(error.message).toContain("64 MiB");
    expect(error.message).toContain("maxMemory");
    await small.close();
  });
});

describe("an AbortSignal", () => {
  /** With one thread, which is busy. */
  async function busy(maxQueue) {
    const hasher = createPassword({ threads: 1, maxQueue });
    const first = hasher.hash("x");
    await expect.poll(() => hasher.stats().hashing).toBe(1);
    return { hasher, first };
  }

  test("takes a call that waits out of the queue, and rejects with its reason", async () => {
    const { hasher, first } = await busy(2);
    const controllers = [new AbortController(), new AbortController()];
    const waiting = [
      hasher.hash("x", { signal: controllers[0].signal }),
      hasher.verify({ hash: stored, password: "x", signal: controllers[1].signal }),
    ];
    expect((await rejection(hasher.hash("x"))).code).toBe("OVERLOADED");
    const reason = new Error("the client went away");
    for (const controller of controllers) controller.abort(reason);
    for (const promise of waiting) await expect(promise).rejects.toBe(reason);
    await expect.poll(() => hasher.stats().waiting).toBe(0);
    await hasher.hash("x");
    await first;
    expect(hasher.stats().hashed).toBe(2);
    await hasher.close();
  });

  test("that is aborted already starts nothing; one that never is changes nothing", async () => {
    const before = password.stats().hashed;
    await expect(hash("x", { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: "AbortError" });
    const { signal } = new AbortController();
    expect(await verify({ hash: await hash("x", { signal }), password: "x", signal })).toBe(true);
    expect(password.stats().hashed).toBe(before + 2);
  });

  test("during a hash rejects at once, and others get theirs", async () => {
    const hasher = createPassword({ threads: 1 });
    const controller = new AbortController();
    const first = hasher.hash("x", { signal: controller.signal });
    const second = hasher.hash("x");
    controller.abort();
    await expect(first).rejects.toMatchObject({ name: "AbortError" });
    expect((await second).length).toBe(161);
    await hasher.close();
  });

  test("that is none is INVALID_INPUT", async () => {
    expect((await rejection(hash("x", { signal: {} }))).code).toBe("INVALID_INPUT");
  });
});

describe("createPassword", () => {
  test.each([
    ["threads", 0],
    ["threads", 1.5],
    ["threads", "2"],
    ["maxMemory", 2 ** 25 - 1],
    ["maxMemory", Infinity],
    ["maxQueue", -1],
    ["maxLength", 0],
    ["maxLength", 1 << 20],
    ["maxThreads", 1],
  ])("refuses %s: %o, and says what is allowed", (name, value) => {
    const make = () => createPassword({ [name]: value });
    expect(make).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
    expect(make).toThrow(name);
  });

  test.each([null, 1, "threads"])("refuses %o", (options) => {
    expect(() => createPassword(options)).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
  });

  test("uses what it is told to", async () => {
    const hasher = createPassword({ threads: 1, maxLength: 10 });
    expect((await rejection(hasher.hash("x".repeat(11)))).code).toBe("INVALID_INPUT");
    expect(await hasher.verify({ hash: stored, password: "x".repeat(11) })).toBe(false);
    await Promise.all(Array.from({ length: 4 }, () => hasher.hash("x".repeat(10))));
    const stats = hasher.stats();
    expect(stats).toMatchObject({ threads: 1, hashed: 4, waiting: 0, hashing: 0 });
    expect(stats.hashingMs).toBeGreaterThan(0);
    expect(stats.waitedMs).toBeGreaterThan(0);
    await hasher.close();
  });

  test("close() answers what was accepted, refuses the rest, and may be called again", async () => {
    const hasher = createPassword();
    const accepted = [hasher.hash("x"), hasher.verify({ hash: stored, password: "correct horse" })];
    const closed = hasher.close();
    expect((await rejection(hasher.hash("x"))).code).toBe("CLOSED");
    expect((await rejection(hasher.verify({ hash: stored, password: "x" }))).code).toBe("CLOSED");
    expect(() => hasher.stats()).toThrow(expect.objectContaining({ code: "CLOSED" }));
    await Promise.all([closed, hasher.close()]);
    expect(await Promise.all(accepted)).toEqual([expect.stringMatching(/^.{161}$/), true]);
    expect((await hash("others go on")).length).toBe(161);
  });

  test("close() of one that was never used keeps it closed", async () => {
    const report = await inProcess(`
      import { password } from ${JSON.stringify(entry)};
      await password.close();
      console.log(await password.hash("x").catch(({ code }) => code));
    `);
    expect(report).toBe("CLOSED");
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

test("worker threads share threads and queue, and close for themselves only", async () => {
  const report = await inProcess(`
    import { once } from "node:events";
    import { Worker } from "node:worker_threads";
    import { password } from ${JSON.stringify(entry)};
    await password.hash("x");
    const worker = new Worker(\`
      Promise.all([import("node:worker_threads"), import(${JSON.stringify(entry)})])
        .then(async ([{ parentPort }, { password }]) => {
          await password.hash("x");
          const { hashed } = password.stats();
          await password.close();
          parentPort.postMessage(hashed);
        });
    \`, { eval: true });
    const [seen] = await once(worker, "message");
    await password.hash("x");
    console.log(seen, password.stats().hashed);
    await password.close();
  `);
  expect(report).toBe("2 3");
});

test("hash and verify need no receiver", async () => {
  const { hash, verify } = { ...password };
  expect(await verify({ hash: await hash.call(undefined, "x"), password: "x" })).toBe(true);
});
