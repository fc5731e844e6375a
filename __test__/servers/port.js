// Free ports on loopback.

import { once } from "node:events";
import { createServer } from "node:net";

/** Whoever asked for them may not listen yet, or not just now. */
const given = new Set();

/**
 * Below the ports that systems give to outgoing connections: while a server restarts, nobody takes
 * its port, and a client that tries to connect cannot meet itself there.
 *
 * @param {number} [second] What a server adds to its port for another one of its own.
 */
export async function freePort(second = 0) {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * (20_000 - second));
    const ports = [...new Set([port, port + second])];
    if (ports.some((each) => given.has(each))) continue;
    const free = await Promise.all(ports.map(isFree));
    if (!free.every(Boolean)) continue;
    for (const each of ports) given.add(each);
    return port;
  }
}

/** @param {number} port */
async function isFree(port) {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
