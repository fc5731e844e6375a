// A slower network before a server.

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Milliseconds that each direction takes longer, of those that are compared. */
export const DELAYS = [0, 1, 5];

/**
 * The server with so many milliseconds of delay in each direction. The proxy is a process of its own:
 * its work is the network's.
 *
 * @param {string} url
 * @param {number} delay
 */
export async function startNetwork(url, delay) {
  if (delay === 0) return { url, stop() {} };
  const script = fileURLToPath(new URL("proxy.js", import.meta.url));
  const child = fork(script, [url, `${delay}`]);
  const [proxied] = await once(child, "message");
  return { url: /** @type {string} */ (proxied), stop: () => void child.kill() };
}
