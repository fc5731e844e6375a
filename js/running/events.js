// What happens to a database, for whoever listens: from the core, and from what runs here.

import { invalidInput } from "../errors.js";
import { unwrap } from "../native.js";

/** @typedef {"connect" | "disconnect" | "reconnect" | "error" | "slow" | "cleanup"} Type */

/** @type {Type[]} */
export const TYPES = ["connect", "disconnect", "reconnect", "error", "slow", "cleanup"];

/** @typedef {Map<string, Set<(event: any) => void>>} Listeners */

export class Events {
  /** @type {Listeners} */
  #listeners = new Map(TYPES.map((type) => [type, new Set()]));
  #native;
  #begun = false;

  /** @param {import("../../binding.js").Database} native */
  constructor(native) {
    this.#native = native;
  }

  /**
   * @param {Type} type
   * @param {(event: any) => void} listener
   * @returns {() => void} what ends it
   */
  on(type, listener) {
    const listeners = this.#listeners.get(type);
    if (!listeners) throw invalidInput(`there is no event "${type}"; there are ${TYPES.join(", ")}`);
    if (typeof listener !== "function") throw invalidInput("on() takes a function that listens");
    if (!this.#begun) {
      this.#begun = true;
      // Not `this`: a database that everybody has forgotten is not kept by who listens to it.
      passOn(this.#native.listen(), this.#listeners);
    }
    // The same function twice is called twice, and each ends for itself.
    const own = (/** @type {any} */ event) => listener(event);
    listeners.add(own);
    return () => void listeners.delete(own);
  }

  /**
   * @param {Type} type
   * @param {object} event
   */
  emit(type, event) {
    deliver(this.#listeners, { type, at: new Date(), ...event });
  }
}

/**
 * @param {import("../../binding.js").Listener} listener
 * @param {Listeners} listeners
 */
async function passOn(listener, listeners) {
  for (;;) {
    const events = JSON.parse(unwrap(await listener.next()));
    if (events.length === 0) return;
    for (const event of events) deliver(listeners, { ...event, at: new Date(event.at) });
  }
}

/**
 * @param {Listeners} listeners
 * @param {{ type: string, at: Date }} event
 */
function deliver(listeners, event) {
  for (const listener of listeners.get(event.type) ?? []) {
    try {
      listener(event);
    } catch (error) {
      // The application's own, and nobody else's to handle; the other listeners hear of the event.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
