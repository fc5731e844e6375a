// What an operator asks of a database that is in use: clean-up, metrics, events, health, shutdown.

import { setTimeout as timer } from "node:timers/promises";
import { checkOptions, MILLISECONDS, oneOf } from "../checks.js";
import { NativeAdapterError } from "../errors.js";
import { unwrap } from "../native.js";
import { Cleaner } from "./cleanup.js";
import { Events } from "./events.js";
import { readMetrics } from "./metrics.js";
import { prometheusText } from "./prometheus.js";
import { closeOnSignal } from "./shutdown.js";

/** @typedef {import("@better-auth/core").BetterAuthOptions} BetterAuthOptions */

export class Running {
  #native;
  #settings;
  #options;
  #events;
  #cleaner;
  #forget = () => {};

  /**
   * @param {import("../../binding.js").Database} native
   * @param {import("../options.js").Settings} settings
   * @param {() => BetterAuthOptions | undefined} options those of betterAuth(), once it was called
   */
  constructor(native, settings, options) {
    const { listeners, shutdown } = settings.running;
    this.#native = native;
    this.#settings = settings;
    this.#options = options;
    this.#events = new Events(native);
    this.#cleaner = new Cleaner(native, settings, options, this.#events);
    for (const [type, listener] of listeners) this.#events.on(type, listener);
    if (shutdown) this.#forget = closeOnSignal(() => this.close(shutdown));
  }

  /** betterAuth() has told its options. */
  begin() {
    this.#cleaner.begin();
  }

  /** @param {import("./events.js").Type} type @param {(event: any) => void} listener */
  on(type, listener) {
    return this.#events.on(type, listener);
  }

  /** @param {Record<string, any>} [settings] @param {BetterAuthOptions} [options] */
  async cleanup(settings, options) {
    return this.#cleaner.cleanup(settings, options);
  }

  /** @param {Record<string, any>} [settings] */
  async metrics(settings = {}) {
    checkOptions("metrics()", settings, { format: oneOf("object", "prometheus") });
    const { kind } = this.#settings;
    const hasher = this.#options()?.emailAndPassword?.password;
    const metrics = readMetrics(this.#native, kind, this.#cleaner.state, hasher, unwrap);
    return settings.format === "prometheus" ? prometheusText(metrics) : metrics;
  }

  /** @param {Record<string, any>} [settings] */
  async health(settings = {}) {
    checkOptions("health()", settings, { timeoutMs: MILLISECONDS });
    const { timeoutMs = 5_000 } = settings;
    const { kind } = this.#settings;
    const begun = performance.now();
    const late = new AbortController();
    try {
      const answer = this.#native.version().then((/** @type {any} */ version) => unwrap(version));
      const timeout = timer(timeoutMs, undefined, { signal: late.signal }).then(() => {
        const message = `the database did not answer within ${timeoutMs} ms`;
        throw new NativeAdapterError({ code: "STATEMENT_TIMEOUT", message });
      });
      // Who loses fails later, and nobody listens.
      for (const each of [answer, timeout]) each.catch(() => {});
      const version = await Promise.race([answer, timeout]);
      const engine = /mariadb/i.test(version) ? "mariadb" : kind;
      return { ok: true, engine, version, latencyMs: performance.now() - begun, error: null };
    } catch (error) {
      const { code, message } = /** @type {any} */ (error);
      return { ok: false, engine: kind, version: null, latencyMs: performance.now() - begun, error: { code, message } };
    } finally {
      late.abort();
    }
  }

  /** @param {Record<string, any>} [settings] */
  async close(settings = {}) {
    checkOptions("close()", settings, { timeoutMs: MILLISECONDS });
    this.#forget();
    const ended = this.#cleaner.end();
    const [drained, cut] = unwrap(await this.#native.close(settings.timeoutMs));
    await ended;
    return { drained, cut };
  }
}
