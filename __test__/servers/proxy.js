// A TCP proxy before a server, whose connections fail when a test says so.

import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout } from "node:timers/promises";
import { freePort } from "./port.js";

/** @param {string} serverUrl */
export async function startProxy(serverUrl) {
  const port = await freePort();
  const server = new URL(serverUrl);
  /** @type {Set<Link>} */
  const links = new Set();
  /** @type {Moment[]} */
  const moments = [];
  const state = { made: 0, requests: 0, delay: 0, frozen: Promise.resolve(), thaw: () => {} };
  let listener = await listen();

  async function listen() {
    const listening = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      const to = { host: server.hostname, port: Number(server.port) };
      const link = new Link(client, to, state, moments);
      state.made += 1;
      links.add(link);
      link.closed.then(() => links.delete(link));
    });
    listening.listen(port, "127.0.0.1").unref();
    await once(listening, "listening");
    return listening;
  }

  /** @param {Moment["what"]} what @param {Moment["before"]} before @param {string} containing */
  const upTo = (what, before, containing) =>
    /** @type {Promise<void>} */ (
      new Promise((done) => {
        moments.push({ what, before, containing, done });
      })
    );

  const proxy = {
    /** The server's, through the proxy. */
    url: Object.assign(new URL(serverUrl), { hostname: "127.0.0.1", port: `${port}` }).href,
    port,

    /** Connections: made since the start, and open now. */
    get connections() {
      return { made: state.made, open: links.size };
    },

    /** How many times a client has sent something, be it a statement or a greeting. */
    get requests() {
      return state.requests;
    },

    /** Ends every connection; by a reset if told so. @param {{ reset?: boolean }} [how] */
    cut({ reset = false } = {}) {
      for (const link of links) link.cut(reset);
    },

    /** Passes no bytes on, in either direction. */
    freeze() {
      proxy.thaw();
      state.frozen = new Promise((thaw) => {
        state.thaw = thaw;
      });
    },

    thaw() {
      state.thaw();
    },

    /** Passes bytes on that much later, in either direction. @param {number} ms */
    delay(ms) {
      state.delay = ms;
    },

    /** Takes no new connections, as a server does that is down. */
    refuse() {
      listener.close();
    },

    async accept() {
      if (!listener.listening) listener = await listen();
    },

    /**
     * Ends the connection on which a client next sends something with this text, before the server
     * gets it.
     *
     * @param {string} [containing]
     */
    cutBeforeRequest: (containing = "") => upTo("cut", "request", containing),

    /**
     * Ends the connection on which a client next sends something with this text, when the server
     * has answered it and before the client gets the answer.
     *
     * @param {string} [containing]
     */
    cutBeforeAnswer: (containing = "") => upTo("cut", "answer", containing),

    /**
     * Passes nothing more on for the connection on which a client next sends something with this
     * text: not to the server, or, what it answers, not to the client. Resolves when it is so.
     *
     * @param {Moment["before"]} before
     * @param {string} containing
     */
    holdBefore: (before, containing) => upTo("hold", before, containing),

    async stop() {
      listener.close();
      proxy.cut();
      proxy.thaw();
    },
  };
  return proxy;
}

/**
 * When to end a connection, or to hold what it would pass on.
 *
 * @typedef {object} Moment
 * @property {"cut" | "hold"} what
 * @property {"request" | "answer"} before
 * @property {string} containing
 * @property {() => void} done
 */

/** A connection of a client, and the one to the server behind it. */
class Link {
  #client;
  #server;
  #moments;
  /** @type {Moment | undefined} that has begun for this one */
  #moment;

  /**
   * @param {import("node:net").Socket} client
   * @param {{ host: string, port: number }} server
   * @param {{ requests: number, delay: number, frozen: Promise<void> }} state
   * @param {Moment[]} moments
   */
  constructor(client, server, state, moments) {
    this.#client = client;
    this.#server = connect({ ...server, allowHalfOpen: true, noDelay: true });
    this.#moments = moments;
    pass(this.#client, this.#server, state, (bytes) => {
      state.requests += 1;
      this.#request(bytes);
    });
    pass(this.#server, this.#client, state, (bytes) => this.#answer(bytes));
    this.closed = Promise.all([closed(this.#client), closed(this.#server)]);
    this.closed.then(() => this.#moment?.done());
  }

  cut(reset = false) {
    if (reset) this.#client.resetAndDestroy();
    else this.#client.destroy();
    this.#server.destroy();
  }

  /** @param {Buffer} bytes */
  #request(bytes) {
    const at = this.#moments.findIndex(({ containing }) => bytes.includes(containing));
    if (at >= 0) [this.#moment] = this.#moments.splice(at, 1);
    if (this.#moment?.before === "request") this.#interrupt(this.#moment);
    else this.#server.write(bytes);
  }

  /** @param {Buffer} bytes */
  #answer(bytes) {
    if (this.#moment) this.#interrupt(this.#moment);
    else this.#client.write(bytes);
  }

  /** @param {Moment} moment */
  #interrupt({ what, done }) {
    if (what === "cut") this.cut();
    else done();
  }
}

/**
 * @param {import("node:net").Socket} from
 * @param {import("node:net").Socket} to
 * @param {{ delay: number, frozen: Promise<void> }} state
 * @param {(bytes: Buffer) => void} take
 */
function pass(from, to, state, take) {
  let passed = Promise.resolve();
  const next = (/** @type {() => void} */ step) => {
    const due = performance.now() + state.delay;
    passed = passed.then(async () => {
      if (due > performance.now()) await setTimeout(due - performance.now());
      await state.frozen;
      step();
    });
  };
  from.on("data", (bytes) => next(() => take(bytes)));
  from.on("end", () => next(() => to.end()));
  from.on("close", () => next(() => to.destroy()));
}

/**
 * When it is, and whether by an error or not.
 *
 * @param {import("node:net").Socket} socket
 */
const closed = (socket) => new Promise((done) => socket.on("error", () => {}).once("close", done));
