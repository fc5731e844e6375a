// The secondary storages that the promises are tested on, in one table.

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, onTestFinished, vi } from "vitest";
import { memoryStorage, redisStorage } from "../../index.js";
import { password } from "../servers/accounts.js";
import { redis } from "../servers/index.js";

/** The bound for a hang, not for slowness. */
export const eventually = (/** @type {() => any} */ check) =>
  vi.waitFor(check, { timeout: 20_000, interval: 10 });

/**
 * A storage on the shared Redis, with keys of its own.
 *
 * @param {object} [options]
 */
export function openRedis(options) {
  const url = process.env.TEST_REDIS_URL;
  return forThisTest(redisStorage({ url, prefix: `${randomUUID()}:`, ...options }));
}

/**
 * @template {{ close: () => Promise<void> }} Storage
 * @param {Storage} storage
 */
export function forThisTest(storage) {
  onTestFinished(() => storage.close());
  return storage;
}

/** @type {import("../servers/redis.js").Redis[]} */
let nodes = [];

/** For files that test the whole table. */
export function startCluster() {
  beforeAll(async () => {
    nodes = await redis.startCluster();
  });
  afterAll(() => Promise.all(nodes.map((node) => node.stop())));
  return () => nodes;
}

/** With every test a cluster's storage, keys apart. @param {object} [options] */
export const openCluster = (options) =>
  forThisTest(
    redisStorage({
      nodes: nodes.map(({ port }) => ({ host: "127.0.0.1", port })),
      password,
      prefix: `${randomUUID()}:`,
      ...options,
    }),
  );

/** @type {[string, () => any][]} */
export const everyStorage = [
  ["memory", () => forThisTest(memoryStorage())],
  ["shared memory", () => forThisTest(memoryStorage({ shared: randomUUID() }))],
  ["Redis", () => openRedis()],
  ["a Redis cluster", () => openCluster()],
];
