// A server that goes down and comes back while an application works: a ledger of what callers were
// told, held against what is stored.

import { describe, expect, onTestFinished, test } from "vitest";
import { nativeAdapter } from "../index.js";
import { mariadb, mysql, postgres } from "./servers/index.js";
import { turn } from "./support/event-loop.js";
import { counter, increment, verification, withRateLimit } from "./support/rows.js";
import { connect, eventually } from "./support/server-database.js";

/** The bound for a call, whatever becomes of it: one for a hang, not for slowness. */
const SOON = 15_000;

/** What a call may be told while a server comes and goes; the second, that it did not happen. */
const UNKNOWN = ["CONNECTION_LOST", "STATEMENT_TIMEOUT"];
const REFUSED = ["CONNECT_FAILED", "POOL_TIMEOUT"];

const model = "verification";

/**
 * Callers that call again and again until they are stopped, and what they were told.
 *
 * @param {any} adapter
 */
function employ(adapter) {
  const ledger = {
    /** Names of rows that are there. @type {string[]} */
    acknowledged: [],
    /** … that may be there. @type {string[]} */
    unknown: [],
    /** … that are not. @type {string[]} */
    refused: [],
    increments: { acknowledged: 0, unknown: 0 },
    answered: 0,
    failed: 0,
    slowest: 0,
  };
  let working = true;
  let made = 0;

  /** @param {() => Promise<unknown>} call @returns {Promise<"acknowledged" | "unknown" | "refused">} */
  async function tell(call) {
    const begun = performance.now();
    try {
      await call();
      ledger.answered += 1;
      return "acknowledged";
    } catch (error) {
      const { code, retryable } = /** @type {any} */ (error);
      expect([...UNKNOWN, ...REFUSED], `${error}`).toContain(code);
      ledger.failed += 1;
      if (REFUSED.includes(code)) return "refused";
      // A read or a BEGIN that was lost did nothing, and says so.
      return retryable ? "refused" : "unknown";
    } finally {
      ledger.slowest = Math.max(ledger.slowest, performance.now() - begun);
    }
  }

  /** @param {any} target @param {string} name */
  const write = (target, name) => target.create({ model, data: verification(name) });

  const work = [
    async () => {
      const name = `alone ${made++}`;
      ledger[await tell(() => write(adapter, name))].push(name);
    },
    async () => {
      const names = [1, 2].map((half) => `${half} of ${made}`);
      made += 1;
      const told = await tell(() =>
        adapter.transaction(async (/** @type {any} */ inside) => {
          for (const name of names) await write(inside, name);
        }),
      );
      ledger[told].push(...names);
    },
    async () => {
      const told = await tell(() => adapter.incrementOne(increment));
      if (told !== "refused") ledger.increments[told] += 1;
    },
    async () => {
      const told = await tell(() => adapter.count({ model }));
      expect(told, "what only reads is never in doubt").not.toBe("unknown");
    },
  ];
  const callers = Promise.all(
    Array.from({ length: 16 }, async (_, n) => {
      while (working) {
        await work[n % work.length]();
        await turn();
      }
    }),
  );
  return {
    ledger,
    async stop() {
      working = false;
      await callers;
    },
  };
}

describe.each([
  ["PostgreSQL", postgres],
  ["MySQL", mysql],
  ["MariaDB", mariadb],
])("%s", (_name, program) => {
  test.each(/** @type {const} */ (["kill", "shutDown"]))(
    "%s under load, and a start: callers go on, and what they were told is true",
    async (down) => {
      const server = await program.start();
      onTestFinished(() => server.stop());
      const database = nativeAdapter({ url: server.url, maxConnections: 5 });
      onTestFinished(() => database.close());
      await database.migrate(withRateLimit);
      const adapter = database(withRateLimit);
      await adapter.create({ model: "rateLimit", data: counter });

      const { ledger, stop } = employ(adapter);
      /** @param {"answered" | "failed"} what @param {number} more */
      const become = async (what, more) => {
        const before = ledger[what];
        await eventually(() => expect(ledger[what]).toBeGreaterThan(before + more));
      };
      await become("answered", 200);
      await server[down]();
      await become("failed", 50);
      await server.restart();
      await become("answered", 200);
      await stop();

      expect(ledger.slowest).toBeLessThan(SOON);
      const outside = await connect(server.url);
      const stored = (await outside.query("SELECT identifier FROM verification")).map(({ identifier }) => identifier);
      const there = new Set(stored);
      expect(stored).toHaveLength(there.size);
      expect(ledger.acknowledged.filter((name) => !there.has(name))).toEqual([]);
      expect(ledger.refused.filter((name) => there.has(name))).toEqual([]);
      const known = new Set([...ledger.acknowledged, ...ledger.unknown]);
      expect(stored.filter((name) => !known.has(name))).toEqual([]);
      // Both halves of a transaction, or none.
      const halves = stored.filter((name) => / of /.test(name)).map((name) => name.slice(5));
      for (const half of halves) expect(halves.filter((other) => other === half)).toHaveLength(2);
      const { count } = await adapter.findOne({ model: "rateLimit", where: increment.where });
      expect(count).toBeGreaterThanOrEqual(ledger.increments.acknowledged);
      expect(count).toBeLessThanOrEqual(ledger.increments.acknowledged + ledger.increments.unknown);
    },
  );
});
