// What an application writes, checked by the compiler: the public types fit Better Auth's, and
// refuse what they should.

import { betterAuth } from "better-auth";
import type { Generated } from "kysely";
import {
  createPassword,
  memoryStorage,
  nativeAdapter,
  NativeAdapterError,
  password,
  redisStorage,
  type ActiveSession,
  type NativeAdapterErrorCode,
  type NativeDatabase,
  type NativeStorage,
} from "../../index.js";

const database: NativeDatabase = nativeAdapter("sqlite:./auth.db");
nativeAdapter({ url: "sqlite::memory:", usePlural: true, busyTimeoutMs: 100, synchronous: "full", cacheSizeKiB: 4_096 });

nativeAdapter({
  url: "postgres://app@db.example/auth",
  password: "from elsewhere",
  tls: { ca: "/etc/ssl/ca.pem", rejectUnauthorized: true },
  schema: "auth",
  maxConnections: 20,
  replicas: ["postgres://replica.example/auth", { host: "other.example", port: 5433 }],
});
nativeAdapter({ engine: "mariadb", socket: "/run/mysqld.sock", database: "auth", tls: "REQUIRED" });

export const auth = betterAuth({ database, emailAndPassword: { enabled: true, password } });

export async function manage() {
  const { statements } = await database.migrate();
  const texts: string[] = statements;
  const plan = await database.plan(auth.options);
  const users: number = await database.withTransaction(async (adapter) => {
    await adapter.create({ model: "user", data: { name: "Ada" } });
    return adapter.count({ model: "user" });
  });
  await database.withTransaction(async () => {}, { retries: 3, isolation: "serializable" });
  await database.close();
  return { texts, plan, users };
}

interface Tables {
  notes: { id: Generated<number>; owner: string };
}

export async function ownSql() {
  const { rows, affectedRows, insertId } = await database.query<{ owner: string }>("SELECT owner FROM notes WHERE id = ?", [1]);
  const owner: string = rows[0].owner;
  const counts: [number, number | string | null] = [affectedRows, insertId];
  const arrays = await database.query<[string]>("SELECT owner FROM notes", [], { rowMode: "array" });
  const kysely = database.kysely<Tables>();
  const found: { owner: string }[] = await kysely.selectFrom("notes").select("owner").execute();
  // @ts-expect-error There is no such column.
  kysely.selectFrom("notes").select("nothing");
  // @ts-expect-error There is no such mode.
  await database.query("SELECT 1", [], { rowMode: "rows" });
  return { owner, counts, first: arrays.rows[0][0], found };
}

export async function operate(signal: AbortSignal) {
  const { tables, indexUsage, slowStatements } = await database.statistics(auth.options, { slowMs: 50 });
  const rows: number = tables[0].rows;
  const reason: string | undefined = indexUsage.reason ?? slowStatements.statements[0]?.statement;
  const { users, orphans } = await database.diagnose();
  const total: number | undefined = users?.total ?? orphans[0].rows ?? undefined;
  const [first] = await database.usersByIds(["id"]);
  const email: string | undefined = first?.email;
  const found = await database.sessionWithUser("token");
  const expires: Date | undefined = found?.session.expiresAt;
  const names: string[] = (await database.searchUsers("ada", { limit: 5, verifiedOnly: true })).map(({ name }) => name);
  const { pages } = await database.backup("./copy.db", { overwrite: true, signal, onProgress: ({ copied, total }) => copied / total });
  await database.analyze();
  return { rows, reason, total, email, expires, names, pages };
}

nativeAdapter({
  url: "sqlite::memory:",
  cleanup: { everyMs: 60_000, jitter: 0.5, batchSize: 100, tables: ["session"] },
  slowQuery: { thresholdMs: 50, onSlow: ({ sql, waitingMs }) => void [sql.length, waitingMs.toFixed()] },
  events: { error: ({ code, model }) => void [code, model?.length], cleanup: ({ deleted }) => void deleted.toFixed() },
  shutdownSignals: { timeoutMs: 1_000 },
});
// @ts-expect-error: an event that does not exist
nativeAdapter({ url: "sqlite::memory:", events: { nothing() {} } });

export async function watchOver(signal: AbortSignal) {
  const off: () => void = database.on("reconnect", ({ server, at }) => void [server.length, at.getTime()]);
  off();
  const { deleted, aborted, tables } = await database.cleanup({ signal, onProgress: ({ total }) => void total.toFixed() }, auth.options);
  const text: string = await database.metrics({ format: "prometheus" });
  const { operations, cleanup } = await database.metrics();
  const { ok, latencyMs } = await database.health({ timeoutMs: 100 });
  const { drained, cut } = await database.close({ timeoutMs: 100 });
  return { deleted, aborted, tables, text, operations, cleanup, ok, latencyMs, drained, cut };
}

export async function check(hash: string): Promise<boolean> {
  const made: string = await password.hash("a password");
  return password.verify({ hash: hash || made, password: "a password" });
}

const configured = createPassword({ threads: 2, maxMemory: 256 * 2 ** 20, maxQueue: 100, maxLength: 128 });
betterAuth({ emailAndPassword: { enabled: true, password: configured } });

export async function migrateHash(hash: string, text: string, signal: AbortSignal) {
  const right = await configured.verify({ hash, password: text, signal });
  const { kernel, waiting, memory }: { kernel: string; waiting: number; memory: number } = password.stats();
  const rehashed = right && password.needsRehash(hash) ? await password.hash(text, { signal }) : hash;
  await configured.close();
  return { rehashed, kernel, waiting, memory };
}

// @ts-expect-error: an option that does not exist
createPassword({ lanes: 4 });

betterAuth({ secondaryStorage: memoryStorage() });
betterAuth({ secondaryStorage: redisStorage("rediss://app:secret@redis.example/0") });
const memory = memoryStorage({ maxEntries: 1000, maxBytes: 2 ** 20, shared: "auth" });
const redis = redisStorage({
  nodes: ["redis://a.example:7000", { host: "b.example", port: 7001 }],
  username: "app",
  password: "from elsewhere",
  tls: { ca: "/etc/ssl/ca.pem" },
  prefix: "auth:",
  maxQueue: 100,
  responseTimeoutMs: 500,
});

export async function useStorages(userId: string) {
  const storages: NativeStorage[] = [memory, redis];
  const values: (string | null)[] = await Promise.all(storages.map(({ getAndDelete }) => getAndDelete("key")));
  await redis.set("key", "value", 60);
  const count: number = await redis.increment("key", 60);
  const sessions: ActiveSession[] = await memory.activeSessions(userId);
  const { hits }: { hits: number } = memory.stats();
  const health = await redis.health();
  const latency: number = health.healthy ? health.latencyMs : Number.NaN;
  const code: NativeAdapterErrorCode | undefined = health.error?.code;
  await Promise.all(storages.map(({ close }) => close()));
  return { values, count, sessions, hits, latency, code, pending: redis.stats().pending };
}

// @ts-expect-error: a value that is no text
export const noText = redis.set("key", { session: 1 });
// @ts-expect-error: a counter that would not expire
export const endless = redis.increment("key");
// @ts-expect-error: an option that does not exist
memoryStorage({ ttl: 60 });
// @ts-expect-error: an option that does not exist
redisStorage({ url: "redis://localhost", retries: 3 });

export function codeOf(error: unknown): NativeAdapterErrorCode | undefined {
  if (!(error instanceof NativeAdapterError)) return undefined;
  const table: string | undefined = error.table;
  return error.retryable || table ? error.code : undefined;
}

// @ts-expect-error: an option that does not exist
nativeAdapter({ url: "sqlite::memory:", poolSize: 3 });
// @ts-expect-error: the URL is missing
nativeAdapter({});
// @ts-expect-error: neither a URL nor an engine
nativeAdapter({ host: "db.example", database: "auth" });
// @ts-expect-error: an isolation level that does not exist
export const unknownLevel = database.withTransaction(async () => {}, { isolation: "snapshot" });
// @ts-expect-error: an option that does not exist
export const unknownOrder = database.searchUsers("ada", { sort: "name" });
// @ts-expect-error: a code that does not exist
export const unknownCode: NativeAdapterErrorCode = "NO_SUCH_CODE";
