// better-auth-native: the public API on one page.

import type { BetterAuthOptions } from "@better-auth/core";
import type { SecondaryStorage, Session, User } from "@better-auth/core/db";
import type {
  DBAdapter,
  DBAdapterDebugLogOption,
  DBTransactionAdapter,
} from "@better-auth/core/db/adapter";

/**
 * Makes the `database` of `betterAuth({ database })`.
 *
 * Nothing is opened before the first operation. Throws a `NativeAdapterError` (`INVALID_INPUT`)
 * where the URL or an option cannot be used.
 *
 * ```ts
 * const database = nativeAdapter("sqlite:./auth.db");
 * export const auth = betterAuth({ database });
 * await database.migrate();
 * ```
 *
 * @param urlOrOptions
 * `sqlite:<path>`, `sqlite::memory:`, `file:<path>` or `:memory:`: relative paths start at the
 * current directory.
 *
 * `postgres://user:password@host:port/database` or `postgresql://...`, `mysql://...`,
 * `mariadb://...`: every part after the scheme may be left out, and a host that is a path
 * (`?host=/run/postgresql`) is a Unix socket.
 *
 * Percent escapes are decoded. Options may follow as URL parameters, which options override:
 * `busy_timeout`, `acquire_timeout`, `synchronous` and `cache_size_kib` for SQLite; for servers
 * `sslmode`, `sslrootcert`, `sslcert`, `sslkey` (or MySQL's `ssl-mode`, `ssl-ca`, `ssl-cert`,
 * `ssl-key`), `ssl`, `host`, `port`, `user`, `password`, `dbname`, `socket`, `schema`, `application_name`,
 * `prepare`, `pgbouncer`, `connect_timeout` (seconds, as libpq has it) and, in milliseconds,
 * `statement_timeout`, `acquire_timeout`, `idle_timeout`, `max_lifetime`, `connect_retry`;
 * `max_connections`, `min_connections`. An unknown parameter is an error.
 */
export declare function nativeAdapter(urlOrOptions: string | NativeAdapterOptions): NativeDatabase;

export type NativeAdapterOptions = SQLiteOptions | ServerOptions;

interface AdapterOptions {
  /** Table names end with an `s`. Default: false. */
  usePlural?: boolean;
  /**
   * Better Auth's debug logs of adapter calls. While they are on, every call takes the slower way
   * through Better Auth's adapter factory. Default: false.
   */
  debugLogs?: DBAdapterDebugLogOption;
  /** What migrations make beside Better Auth's own tables and indexes. */
  migrations?: MigrationExtras;
  /** Operations that take as long are slow: counted, and told to who listens. */
  slowQuery?: {
    /** Waiting for a connection counts. Default: 100. */
    thresholdMs?: number;
    onSlow?: (event: SlowEvent) => void;
  };
  /** Listeners from the beginning on; see `on`. */
  events?: { [Type in keyof DatabaseEvents]?: (event: DatabaseEvents[Type]) => void };
  /**
   * Cleans up in the background, from `betterAuth({ database })` to `close()`: of all processes
   * that share a database one at a time does, and none stays alive for it. A failure is an `error`
   * event. Default: false.
   */
  cleanup?: boolean | BackgroundCleanup;
  /**
   * At SIGTERM and SIGINT the database is closed, and then the signal is raised again, unless the
   * application listens to it itself. A second signal ends the process at once. Default: false.
   */
  shutdownSignals?: boolean | { /** As that of `close`. Default: 10000. */ timeoutMs?: number };
}

interface CleanupPace {
  /** Rows that are looked for at a time, and the most that a statement deletes, 1 to 10000. Default: 1000. */
  batchSize?: number;
  /**
   * The pause for as many deleted rows, in milliseconds; each statement is followed by its share. Unless
   * it is 0, at least twice as long as the statement took (on SQLite 4 times). Default: 100.
   */
  pauseMs?: number;
  /** Only what expired as long ago. Default: 0. */
  olderThanMs?: number;
  /**
   * Better Auth's names or the tables' own. Default: `session`, `verification` and `rateLimit`, as
   * far as the application has them in its database; not `session` with
   * `preserveSessionInDatabase`.
   */
  tables?: string[];
}

export interface BackgroundCleanup extends CleanupPace {
  /** From the end of one to the next; the first comes after a minute at most. Default: 3600000. */
  everyMs?: number;
  /** By what part of it that varies at random, 0 to 1. Default: 0.1. */
  jitter?: number;
}

export interface CleanupSettings extends CleanupPace {
  /** Called when rows were counted, and after every batch. */
  onProgress?: (progress: CleanupProgress) => void;
  /** What was deleted until it is aborted stays deleted, and the result says how much that is. */
  signal?: AbortSignal;
  /** Only count what has expired. Default: false. */
  dryRun?: boolean;
}

export interface CleanupProgress {
  /** Better Auth's name. */
  model: string;
  table: string;
  /** So far. */
  deleted: number;
  /** Rows that had expired when it began. */
  total: number;
}

export interface CleanupResult {
  tables: {
    model: string;
    table: string;
    /** When it began; null unless `onProgress` or `dryRun` had them counted. */
    expired: number | null;
    deleted: number;
  }[];
  /** The sum. */
  deleted: number;
  /** Whether the signal, or `close()`, ended it. */
  aborted: boolean;
  durationMs: number;
}

interface DatabaseEvent {
  at: Date;
}

/** What `on` and the option `events` tell of. No message, and no `sql`, has a value in it. */
export interface DatabaseEvents {
  /** A connection was opened: to a server, or to a file for the first time. */
  connect: DatabaseEvent & { type: "connect"; server: string; durationMs: number };
  /** A connection to a server broke. */
  disconnect: DatabaseEvent & {
    type: "disconnect";
    server: string;
    code: NativeAdapterErrorCode;
    message: string;
  };
  /** The first connection after some broke, or could not be made. */
  reconnect: DatabaseEvent & { type: "reconnect"; server: string; durationMs: number };
  /** An operation, or a clean-up in the background, failed. */
  error: DatabaseEvent & {
    type: "error";
    operation: string;
    /** Null of a clean-up. */
    model: string | null;
    code: NativeAdapterErrorCode;
    message: string;
    retryable: boolean;
    table: string | null;
    durationMs: number | null;
  };
  slow: SlowEvent;
  /** A clean-up has ended, on demand or in the background. */
  cleanup: DatabaseEvent & { type: "cleanup" } & CleanupResult;
}

export interface SlowEvent extends DatabaseEvent {
  type: "slow";
  operation: string;
  model: string;
  /** The statement, with placeholders; several are separated by `; `. */
  sql: string;
  /** Of the call, with waiting. */
  durationMs: number;
  /** How much of it was waiting for a connection, or for SQLite's turn to write. */
  waitingMs: number;
}

/** Since the database was made by `nativeAdapter`; counts of this process. */
export interface Metrics {
  engine: "sqlite" | "postgres" | "mysql";
  /** Of calls that have ended. */
  operations: OperationMetrics[];
  /** Calls by Better Auth's model. */
  models: Record<string, number>;
  /** Calls that failed, by code. */
  errors: Record<string, number>;
  transactions: { committed: number; rolledBack: number };
  /** Of the primary and each replica, or of the file. */
  connections: ConnectionMetrics[];
  /** Of the hasher in the options of `betterAuth`, where it is this package's and open. */
  password: PasswordStats | null;
  cleanup: CleanupMetrics;
  /** Events that were lost because more than 1000 waited for listeners. */
  droppedEvents: number;
}

export interface OperationMetrics {
  /** Better Auth's method; those of the clean-up begin with `cleanup.`. Own statements are `query`. */
  operation: string;
  /** Better Auth's model; empty for own statements. */
  model: string;
  calls: number;
  /** Those that failed, by code. */
  errors: Record<string, number>;
  /** Those that took as long as `slowQuery.thresholdMs`. */
  slow: number;
  /** Quantiles are at most a quarter too high. */
  latencyMs: {
    sum: number;
    mean: number;
    max: number;
    p50: number;
    p95: number;
    p99: number;
    /** How many took less than 1, 2, 4, ... microseconds, up to 67 seconds. */
    buckets: { belowMs: number; count: number }[];
  };
}

export interface ConnectionMetrics {
  server: string;
  role: "primary" | "replica" | "file";
  open: number;
  busy: number;
  idle: number;
  /** Calls that wait for one, or for SQLite's turn to write. */
  waiting: number;
  /** How many there may be. */
  most: number;
  /** Since the beginning, as `lost`. */
  opened: number;
  lost: number;
}

export interface CleanupMetrics {
  /** Under way in this process. */
  running: number;
  runs: number;
  /** In the background, because another process was at it. */
  skipped: number;
  failed: number;
  /** Rows, by Better Auth's model. */
  deleted: Record<string, number>;
  last: { at: Date; deleted: number; aborted: boolean; durationMs: number } | null;
}

export interface Health {
  ok: boolean;
  engine: "sqlite" | "postgres" | "mysql" | "mariadb";
  /** Null where it is not `ok`. */
  version: string | null;
  /** Of the round trip, with waiting for a connection. */
  latencyMs: number;
  error: { code: NativeAdapterErrorCode; message: string } | null;
}

export interface MigrationExtras {
  /**
   * Indexes that look-ups and clean-ups go by: user (createdAt), session (expiresAt) and (userId,
   * expiresAt), account (providerId, accountId), verification (identifier) and (expiresAt).
   * Default: true.
   */
  recommendedIndexes?: boolean;
  /** One account per provider and account id. Default: false. */
  uniqueAccounts?: boolean;
  /**
   * No two users whose e-mail addresses differ in letter case only: a unique index beside the one
   * that there is. SQLite compares ASCII letters so. Default: false.
   */
  caseInsensitiveEmail?: boolean;
  /**
   * The database sets `updatedAt` where an update, by whomever, does not. MySQL: where the binary
   * log is on, the user needs the right to make triggers. Default: false.
   */
  updatedAtTriggers?: boolean;
  /**
   * PostgreSQL: indexes of tables that exist are made while others write to them (CONCURRENTLY),
   * after the transaction and as a version of their own. Default: false.
   */
  concurrentIndexes?: boolean;
  /**
   * An index of the words in users' names and e-mail addresses, for `searchUsers`. PostgreSQL: GIN;
   * MySQL and MariaDB: FULLTEXT, over a generated column of the user table, which is rebuilt for
   * it; SQLite: an FTS5 table, which triggers keep. Default: false.
   */
  userSearch?: boolean;
}

/** Every time is in milliseconds, below 2^31. */
export interface SQLiteOptions extends AdapterOptions {
  /** The database file, or `sqlite::memory:`. */
  url: string;
  engine?: "sqlite";
  /**
   * How long a statement waits, off the event loop, for a lock that another process holds; then
   * `DATABASE_LOCKED`. Default: 5000.
   */
  busyTimeoutMs?: number;
  /**
   * How long a write waits for its turn within this process; then `POOL_TIMEOUT`. Default: 10000.
   */
  acquireTimeoutMs?: number;
  /**
   * `"normal"` survives the death of the process, and after a power failure the last commits may
   * be missing but nothing is damaged; `"full"` syncs every commit to the disk, off the event
   * loop. Default: `"normal"`.
   */
  synchronous?: "normal" | "full";
  /**
   * The page cache of each connection, in KiB, filled as needed; from 64. A transaction that changes
   * more than fits into it writes to the log before it commits. Default: 16384 (16 MiB).
   */
  cacheSizeKiB?: number;
}

/** PostgreSQL, MySQL and MariaDB. Every time is in milliseconds, below 2^31. */
export type ServerOptions = PoolOptions &
  ({ url: string; engine?: ServerEngine } | { url?: undefined; engine: ServerEngine });

/** `"mysql"` and `"mariadb"` are the same: the server says itself which it is. */
export type ServerEngine = "postgres" | "mysql" | "mariadb";

interface PoolOptions extends AdapterOptions, ServerParts {
  /**
   * PostgreSQL: the schema of the tables; `migrate` creates it where it is missing. Default: the
   * first of the user's `search_path`.
   */
  schema?: string;
  /**
   * Whether statements are prepared once per connection. False for poolers that hand every
   * transaction to another connection and do not keep track: PgBouncer before 1.21 in transaction
   * mode. Default: true.
   */
  prepare?: boolean;
  /** PostgreSQL: what the server calls the connections. Default: `"better-auth-native"`. */
  applicationName?: string;
  /** 1 to 10000, per server. Default: 10. */
  maxConnections?: number;
  /** As many stay open when idle; none is opened before it is needed. Default: 0. */
  minConnections?: number;
  /** As many calls may wait for a connection; further ones reject with `OVERLOADED`. Default: 10000. */
  maxWaiting?: number;
  /** How long a call waits for a connection; then `POOL_TIMEOUT`. Default: 10000. */
  acquireTimeoutMs?: number;
  /** How long the server may take to accept one; then `CONNECT_FAILED`. Default: 10000. */
  connectTimeoutMs?: number;
  /**
   * For how long connecting is tried again, with growing pauses, while the server is down or
   * starting. Default: 0, at once the error.
   */
  connectRetryMs?: number;
  /** Idle connections are closed after it; 0 for never. Default: 300000. */
  idleTimeoutMs?: number;
  /**
   * Connections are renewed after it, each up to a fifth sooner at random; 0 for never.
   * Default: 1800000.
   */
  maxLifetimeMs?: number;
  /** How long a statement may run; then `STATEMENT_TIMEOUT`; 0 for ever. Default: 30000. */
  statementTimeoutMs?: number;
  /**
   * Read replicas, each an URL or the parts in which it differs from the primary: `findOne`,
   * `findMany` and `count` outside of transactions go to them in turn. One that cannot be reached
   * is left out for a while, and the primary answers.
   */
  replicas?: (string | (ServerParts & { url?: string }))[];
  /**
   * After a write through this adapter its reads go to the primary for so long, and see it.
   * Default: 1000.
   */
  primaryAfterWriteMs?: number;
}

/** Where a server is and who asks; what is given here overrides the URL. */
export interface ServerParts {
  /** Default: localhost. */
  host?: string;
  /** Default: 5432 for PostgreSQL, 3306 for MySQL and MariaDB. */
  port?: number;
  /** The path of a Unix socket; for PostgreSQL, of its directory. */
  socket?: string;
  /** Default: the user that runs the process. */
  user?: string;
  password?: string;
  /** Default: the name of the user. */
  database?: string;
  /**
   * `true`, `"require"` and `"verify-full"`: only encrypted, to a server whose certificate is valid
   * for its name; `"verify-ca"`: valid for any name; `"prefer"`: encrypted where the server can,
   * unverified; `false` or `"disable"`: never. Default: `"prefer"`.
   */
  tls?: boolean | TlsMode | TlsOptions;
}

/** The spellings of libpq's `sslmode` and MySQL's `ssl-mode`; `"allow"` does what `"prefer"` does. */
export type TlsMode =
  | "disable"
  | "allow"
  | "prefer"
  | "require"
  | "verify-ca"
  | "verify-full"
  | "DISABLED"
  | "PREFERRED"
  | "REQUIRED"
  | "VERIFY_CA"
  | "VERIFY_IDENTITY";

export interface TlsOptions {
  /** Default: `"require"`. */
  mode?: TlsMode;
  /** Whom to trust: PEM text or the path of a file. Default: Mozilla's authorities. */
  ca?: string | Uint8Array;
  /** The client's certificate: PEM text or the path of a file. */
  cert?: string | Uint8Array;
  /** The key of the client's certificate: PEM text or the path of a file. */
  key?: string | Uint8Array;
  /** `false`: with `"require"`, any certificate will do. Default: true. */
  rejectUnauthorized?: boolean;
}

/** The function Better Auth calls, and the methods that manage the database behind it. */
/** What a statement of the application's own gave. */
export interface QueryResult<Row> {
  /** Of two columns of the same name, an object has the last one. */
  rows: Row[];
  /** The rows that were inserted, changed or deleted (MySQL, MariaDB: that matched); else 0. */
  affectedRows: number;
  /**
   * The id that SQLite or MySQL counted for a row inserted: SQLite's of the last one, MySQL's of the
   * first. As a string beyond 2^53. Null on PostgreSQL, which has RETURNING.
   */
  insertId: number | string | null;
}

export interface NativeDatabase {
  (options: BetterAuthOptions): DBAdapter<BetterAuthOptions>;

  /**
   * Creates what is missing of Better Auth's tables, columns, foreign keys and indexes, and records
   * it as a version in the table `auth_schema_versions`. Drops and changes nothing; run again, it
   * finds nothing to do. A database that others made gets a baseline first: see `baseline`.
   *
   * SQLite and PostgreSQL: in one transaction. MySQL and MariaDB commit every statement by itself,
   * so where one fails, those before it stay and are recorded, and the next run goes on from there.
   * Processes that migrate at once wait for each other.
   *
   * Rejects with `UNSAFE_MIGRATION`, and changes nothing, where rows that exist stand in the way:
   * a required column without default, duplicates under a unique index, orphans under a foreign
   * key. With `dir`, rejects with `MIGRATION_CHANGED`, `MIGRATION_MISSING` or `MIGRATION_INVALID`
   * where the files are not those that were applied.
   *
   * @param options The options of `betterAuth`; not needed after `betterAuth({ database })`.
   */
  migrate(options?: BetterAuthOptions, settings?: MigrationSettings): Promise<MigrationResult>;

  /** What `migrate` would run; changes nothing. */
  plan(options?: BetterAuthOptions, settings?: MigrationSettings): Promise<MigrationResult>;

  /**
   * Takes the newest version back, or every version above `to`, newest first, by the way back that
   * the history keeps.
   *
   * Rejects with `UNSAFE_MIGRATION` where rows or values would be lost, and counts them, unless
   * `force` is set; with `MIGRATION_MISSING` where there is no such version, or a file had no way
   * back; with `INVALID_INPUT` below a baseline.
   */
  rollback(settings?: RollbackSettings): Promise<RollbackResult>;

  /** The versions that are recorded, and what is missing; changes nothing. */
  status(options?: BetterAuthOptions, settings?: MigrationSettings): Promise<SchemaStatus>;

  /**
   * Records what is there as the first version, or the files of `dir` as applied; runs nothing.
   * Rejects with `INVALID_INPUT` where there is a history.
   */
  baseline(
    options?: BetterAuthOptions,
    settings?: MigrationSettings & { /** Default: "baseline". */ description?: string },
  ): Promise<MigrationResult>;

  /**
   * Writes what is missing as `NNNN_name.up.sql` and `NNNN_name.down.sql`, for `migrate` with
   * `dir`; nothing where nothing is missing. Rejects with `INVALID_INPUT` where the folder has
   * files that are not applied yet.
   */
  generate(
    options?: BetterAuthOptions,
    settings?: { /** Default: "./migrations". */ dir?: string; /** Default: what it does. */ name?: string },
  ): Promise<{ files: string[]; statements: string[]; version: number | null }>;

  /** What is wrong with the tables, and what could be better; changes nothing. */
  validate(
    options?: BetterAuthOptions,
    settings?: { /** Whether rows are looked at as well, for which all are read. Default: true. */ rows?: boolean },
  ): Promise<ValidationReport>;

  /**
   * Drops the tables of the options, with every row, and the history. Rejects with `INVALID_INPUT`
   * unless `confirm` is the name of the database (of a SQLite file, the file's as a person reads it:
   * `auth.db` for `sqlite:./auth.db?busy_timeout=5`), and with `UNSAFE_MIGRATION` where a table of
   * somebody else's refers to them.
   */
  drop(
    settings: { confirm?: string; dryRun?: boolean },
    options?: BetterAuthOptions,
  ): Promise<{ tables: { table: string; rows: number }[] }>;

  /**
   * For `npx auth migrate` and `getMigrations()`: the Kysely dialect of `kysely()`. Not there with
   * `usePlural`, which those do not know.
   */
  readonly dialect?: object;
  readonly type?: "sqlite" | "postgres" | "mysql";
  readonly transaction?: true;
  readonly schemaName?: string;

  /**
   * Runs `callback` in a transaction that Better Auth joins: what the callback does through
   * `auth.api` and through the adapter it is passed is committed when its promise resolves, and
   * undone when it rejects. Inside another transaction it joins that one.
   *
   * It takes its connection (SQLite: the turn to write) when it first writes; what it reads before
   * is read as committed at that moment. With an isolation level it begins with the first
   * statement.
   *
   * Own statements join it too: see `query()`.
   *
   * Rejects with `INVALID_INPUT` before `betterAuth({ database })`.
   */
  withTransaction<T>(
    callback: (adapter: DBTransactionAdapter<BetterAuthOptions>) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>;

  /**
   * Runs one statement of the application's own, with the database's own placeholders: `$1`, `$2` on
   * PostgreSQL, `?` elsewhere. In the callback of `withTransaction()`, and wherever Better Auth runs
   * code in a transaction of its own (a `databaseHooks.user.create.before`), it runs in that
   * transaction; else by itself, once, on the primary, and it leaves nothing behind on its
   * connection. docs/sql.md has the types of values and cells.
   *
   * Rejects with the codes that the adapter's operations have (`UNIQUE_VIOLATION`, ...); with
   * `INVALID_INPUT` where the database cannot make sense of the statement, where a value is of no
   * type that can be sent, and for BEGIN, COMMIT, ROLLBACK and savepoints inside a transaction; with
   * `TRANSACTION_CLOSED` where the transaction has ended; with `DECODE_FAILED` where a cell is of a
   * type that is only read as text.
   *
   * @param values string, number, bigint, boolean, null, Date, Uint8Array; an object or an array is
   *   sent as JSON (an array to an array of PostgreSQL's as that). `undefined` is refused.
   */
  query<Row = Record<string, unknown>>(
    sql: string,
    values?: readonly unknown[],
    options?: {
      /** Whether a row is an object by its columns' names, or an array in their order. Default: "object". */
      rowMode?: "object" | "array";
    },
  ): Promise<QueryResult<Row>>;

  /**
   * Better Auth's own Kysely on this database, with real transactions, `numAffectedRows` and
   * `insertId`. Its statements join transactions as those of `query()` do, and a transaction of its
   * own inside of one is a savepoint there. Isolation levels as `withTransaction()` has them, and
   * only outside of transactions. Rows do not stream.
   *
   * A new one with each call: keep it. Nothing has to be destroyed; the connections are the adapter's.
   */
  kysely<DB = any>(): import("kysely").Kysely<DB>;

  /**
   * How large the tables are, how their indexes are used, which recommended ones are missing, and
   * which statements are slow: by what the database itself keeps. Where it keeps nothing, or this
   * user may not read it, the reason is told. Changes nothing.
   *
   * @param options The options of `betterAuth`; not needed after `betterAuth({ database })`.
   */
  statistics(
    options?: BetterAuthOptions,
    settings?: { /** The mean time, in milliseconds, from which a statement is slow. Default: 100. */ slowMs?: number },
  ): Promise<DatabaseStatistics>;

  /**
   * Has the database look at the tables anew, for its planner to choose by: `ANALYZE`, `ANALYZE
   * TABLE`. SQLite looks at a thousand rows per index, as a write. Resolves to the tables that are
   * there.
   */
  analyze(options?: BetterAuthOptions): Promise<{ tables: string[] }>;

  /**
   * What is in the tables: counts of everything, and of what should not be there. One statement,
   * which reads them as a whole; no value of a row leaves the database.
   *
   * @param options The options of `betterAuth`; not needed after `betterAuth({ database })`.
   */
  diagnose(options?: BetterAuthOptions): Promise<DatabaseDiagnosis>;

  /**
   * The users with these ids, by one query: in the order of the ids, as many as there are, and null
   * where there is none. At most 10,000 ids. Rejects with `INVALID_INPUT` before
   * `betterAuth({ database })`, as do the next two.
   */
  usersByIds(ids: string[]): Promise<(User | null)[]>;

  /**
   * A session and its user, by one query; null where there is none. Also one that has expired:
   * `session.expiresAt` tells.
   */
  sessionWithUser(token: string): Promise<{ session: Session; user: User } | null>;

  /**
   * Users whose name or e-mail address has every word of `text`, without regard to case; nothing in
   * it is a wildcard. First the one with that address, then those whose address or name begins with
   * the text, then those where every word begins one, then the others; among equals by address.
   * Empty text finds nobody; more than 256 characters or 10 words are `INVALID_INPUT`.
   *
   * Where there is an index of words (`migrations: { userSearch: true }`), what begins words is
   * looked up in it, and only where that finds nobody all rows are read; without one, always.
   */
  searchUsers(text: string, options?: SearchOptions): Promise<User[]>;

  /**
   * SQLite: copies the database, as it is when the copying begins, to a file, off the event loop
   * and while others write; then checks the copy's integrity, syncs it to the disk and gives it its
   * name. Whatever goes wrong, nothing unfinished stays behind. A database in memory is first
   * copied in memory, which its writers wait for.
   *
   * Rejects with `INVALID_INPUT` on servers (see docs/backup.md), for the database's own file, and
   * for a path where there is something, unless `overwrite` is set; with `STORAGE_FAILED` where the
   * copy cannot be written or the database is damaged; with the signal's reason when it is aborted.
   *
   * @param path Relative ones start at the directory that the database's do.
   */
  backup(path: string, options?: BackupOptions): Promise<{ /** Of the file. */ pages: number }>;

  /**
   * Deletes expired sessions and verifications, and rows of the rate limit that no longer limit
   * anything, in batches; rows that somebody else has locked stay for the next time. Nobody waits
   * for more than one batch (on SQLite: a few rows of it).
   *
   * Rejects with `SCHEMA_MISMATCH` where a table is missing; what was deleted before stays deleted.
   *
   * @param options The options of `betterAuth`; not needed after `betterAuth({ database })`.
   */
  cleanup(settings?: CleanupSettings, options?: BetterAuthOptions): Promise<CleanupResult>;

  /** Counts, latencies, connections, the hasher and the clean-up; asks nobody. */
  metrics(settings?: { format?: "object" }): Promise<Metrics>;
  /** The same in Prometheus' text format, for `text/plain; version=0.0.4`. */
  metrics(settings: { format: "prometheus" }): Promise<string>;

  /** One round trip to the database. Never rejects for what the database does. */
  health(settings?: { /** How long it waits. Default: 5000. */ timeoutMs?: number }): Promise<Health>;

  /**
   * Calls `listener` for each event of that type from now on. Listeners keep nothing waiting, and
   * no process alive.
   *
   * @returns What ends it.
   */
  on<Type extends keyof DatabaseEvents>(
    type: Type,
    listener: (event: DatabaseEvents[Type]) => void,
  ): () => void;

  /**
   * Refuses new operations (`CLOSED`), ends what runs in the background, waits for operations in
   * flight and for open transactions, and closes every connection. A process ends without it as
   * well.
   *
   * @returns How many operations and transactions came to their end, and how many were cut off.
   */
  close(settings?: {
    /**
     * How long it waits. Then operations that are left reject with `CLOSED`, and open transactions
     * are rolled back. Default: until all have ended.
     */
    timeoutMs?: number;
  }): Promise<{ drained: number; cut: number }>;
}

export interface SearchOptions {
  /** 1 to 1000. Default: 20. */
  limit?: number;
  /** How many to pass over. Default: 0. */
  offset?: number;
  /** Only those whose address is verified. Default: false. */
  verifiedOnly?: boolean;
}

export interface BackupOptions {
  /** Whether a file that is there is replaced. Default: false. */
  overwrite?: boolean;
  /** Called after every mebibyte or so, with numbers of pages. What it throws ends the backup. */
  onProgress?: (progress: { copied: number; total: number }) => void;
  signal?: AbortSignal;
}

/** What the database cannot tell, and why. */
export interface Availability {
  available: boolean;
  reason?: string;
}

export interface DatabaseStatistics {
  engine: "sqlite" | "postgres" | "mysql" | "mariadb";
  /** The database's own. */
  version: string;
  /** Since when uses and statements are counted; null where that is not told. */
  since: Date | null;
  /** Of the whole database; MySQL and MariaDB: of these tables. */
  bytes: number | null;
  /** SQLite counts rows; servers estimate them. */
  rowsAreExact: boolean;
  tables: TableStatistics[];
  tableSizes: Availability;
  indexes: IndexStatistics[];
  indexSizes: Availability;
  indexUsage: Availability;
  /** What `migrate` would add to tables that exist, with the statement. */
  missingIndexes: { table: string; columns: string[]; unique: boolean; statement: string }[];
  slowStatements: Availability & {
    slowMs: number;
    /** Those that touch the tables, at most 20, the one that took most time altogether first. */
    statements: SlowStatement[];
  };
}

export interface TableStatistics {
  table: string;
  rows: number;
  /** Without indexes; null where `tableSizes` is not available. */
  bytes: number | null;
  indexBytes: number | null;
  /** Whether the planner has statistics of it; null where that is not told. */
  analyzed: boolean | null;
}

export interface IndexStatistics {
  table: string;
  index: string;
  columns: string[];
  unique: boolean;
  bytes: number | null;
  /** PostgreSQL: scans; MySQL and MariaDB: rows that were read by it. */
  uses: number | null;
  /**
   * By its share in the uses of the table's indexes and in the reads without any: none, below 1
   * percent, below 20 percent, and from there.
   */
  usage: "unused" | "low" | "moderate" | "high" | null;
}

export interface SlowStatement {
  /** Without values. */
  statement: string;
  calls: number;
  meanMs: number;
  maxMs: number;
  totalMs: number;
  /** PostgreSQL: returned or changed; MySQL and MariaDB: looked at. */
  rows: number;
}

/** Each part is null where its table, or the column it depends on, is not there. */
export interface DatabaseDiagnosis {
  users: {
    total: number;
    verified?: number;
    /** With the field of the plugin `admin`. */
    banned?: number;
    /** With the field of the plugin `twoFactor`. */
    twoFactor?: number;
    /** Users whose address another one has in other letter case. */
    sameEmailInOtherCase?: number;
  } | null;
  accounts: { total: number; byProvider: Record<string, number> } | null;
  /** Accounts of the provider `credential`: all of them, and by the form of their hashes. */
  credentials: {
    total: number;
    withoutPassword: number;
    betterAuth: number;
    /** In PHC's form. */
    scrypt: number;
    bcrypt: number;
    argon2: number;
    /** None of those; a hasher of the application's own may have one of its own. */
    malformed: number;
  } | null;
  sessions: { active: number; expired: number } | null;
  verifications: { pending: number; expired: number } | null;
  /**
   * For every foreign key, the rows that refer to none; null where the database does not compare
   * the two columns.
   */
  orphans: { table: string; column: string; references: string; rows: number | null }[];
}

export interface TransactionOptions {
  /**
   * How often the whole callback is run again, after growing pauses, where the database undid the
   * transaction because of others (`DEADLOCK`, `SERIALIZATION_FAILURE`, `DATABASE_LOCKED`). At most
   * 1000. Default: 0.
   */
  retries?: number;
  /** Default: the server's. SQLite's transactions are always serializable. */
  isolation?: "read committed" | "repeatable read" | "serializable";
}

export interface MigrationSettings {
  /** Go by the migration files in this folder, and not by the options. */
  dir?: string;
}

export interface MigrationResult {
  /** In the order they run; empty where the database is in step. */
  statements: string[];
  /** The same, with what each is for and its way back. */
  steps: SchemaStep[];
  /** The newest version that is there; null where nothing was ever recorded. */
  version: number | null;
  /** The steps in a line. */
  description: string;
  /** The versions that were recorded now. */
  applied: { version: number; description: string }[];
}

export interface SchemaStep {
  kind: "schema" | "table" | "column" | "index" | "foreign key" | "trigger" | "statement";
  /** What it makes: `the table "user"`. */
  description: string;
  table: string | null;
  column: string | null;
  up: string;
  down: string;
}

export interface RollbackSettings {
  /** The version that stays; 0 for none. Default: the one before the newest. */
  to?: number;
  /** Whether rows may be lost. Default: false. */
  force?: boolean;
  /** Whether only to tell what would be done. Default: false. */
  dryRun?: boolean;
}

export interface RollbackResult {
  statements: string[];
  /** The newest version that is left; null where none is. */
  version: number | null;
  rolledBack: { version: number; description: string }[];
  /** `rows` is null where it cannot be told what the statement takes away. */
  losses: { table: string | null; column: string | null; rows: number | null; statement: string }[];
}

export interface SchemaStatus {
  version: number | null;
  inStep: boolean;
  /** By number. */
  versions: SchemaVersion[];
  /** What `migrate` would run. */
  pending: SchemaStep[];
  /** Why `migrate` would refuse to. */
  blocked: string | null;
}

/** A row of the table `auth_schema_versions`, or a file that has none yet. */
export interface SchemaVersion {
  version: number;
  description: string;
  /** SHA-256, in hex, of its statements as `generate` writes them: of the file, as `sha256sum` has it. */
  checksum: string;
  /** The last way it was taken. */
  direction: "up" | "down";
  durationMs: number;
  /** Null where it never was. */
  appliedAt: Date | null;
  origin: "baseline" | "options" | "file";
  /** Of a version that was interrupted, how many of its statements may be there. */
  unfinished: number | null;
  /**
   * `interrupted`: some of its statements ran; `pending`: a file that is not applied; `changed`: its
   * file is not what was applied; `missing`: its file is gone; `unknown`: it is newer than every
   * file, so another version of the application applied it.
   */
  state:
    | "applied"
    | "baseline"
    | "rolled-back"
    | "interrupted"
    | "pending"
    | "changed"
    | "missing"
    | "unknown";
}

export interface ValidationReport {
  /** Whether there are no errors. */
  valid: boolean;
  /** What Better Auth will stumble over. */
  errors: ValidationFinding[];
  /** What works, and could be better. */
  warnings: ValidationFinding[];
}

export interface ValidationFinding {
  code: ValidationCode;
  message: string;
  table: string;
  column?: string;
  /** The statement that mends it, where one does. */
  fix?: string;
}

export type ValidationCode =
  | "MISSING_TABLE"
  | "MISSING_COLUMN"
  /** A column of a type that does not hold the field's values. */
  | "WRONG_TYPE"
  /** Warning: a required field whose column may be null. Error: the reverse. */
  | "WRONG_NULLABILITY"
  /** A column that Better Auth does not know and that needs a value: no row can be added. */
  | "UNEXPECTED_REQUIRED_COLUMN"
  | "MISSING_FOREIGN_KEY"
  /** A foreign key that keeps rows from being deleted. */
  | "FOREIGN_KEY_NOT_CASCADING"
  | "MISSING_UNIQUE"
  /** MySQL: a column that changes whenever its row does. */
  | "SELF_UPDATING_TIMESTAMP"
  /** Warning. PostgreSQL: a moment that depends on the reader's time zone. */
  | "ZONELESS_TIMESTAMP"
  /** Four bytes, where milliseconds since 1970 take more. */
  | "NARROW_INTEGER"
  /** Warning. */
  | "MISSING_INDEX"
  /** SQLite: rows of Drizzle or Prisma, whose moments come before every one that is stored as text. */
  | "DATES_AS_NUMBERS"
  /** Warning: e-mail addresses that differ in nothing but letter case. */
  | "MIXED_CASE_EMAILS"
  /** Warning: ids or tokens that the database takes for equal though they differ in case. */
  | "CASE_INSENSITIVE_COLLATION"
  /** Warning: of the option `updatedAtTriggers`. */
  | "MISSING_TRIGGER";

/**
 * A database for tests, with Better Auth's tables: by default in memory. On a server, one of a
 * random name, which `close` drops; if the process dies before, it stays.
 *
 * ```ts
 * const { database, reset, close } = await createTestDatabase(authOptions);
 * const auth = betterAuth({ ...authOptions, database });
 * afterEach(reset);
 * afterAll(close);
 * ```
 *
 * @param authOptions The options of `betterAuth`.
 * @param urlOrOptions As `nativeAdapter` takes them: `"sqlite::memory:"`, `"sqlite:"` for a
 * temporary file, or a server's, of a user who may make databases. Rejects with `INVALID_INPUT` for
 * the path of a file.
 */
export declare function createTestDatabase(
  authOptions?: BetterAuthOptions,
  urlOrOptions?: string | NativeAdapterOptions,
): Promise<TestDatabase>;

export interface TestDatabase {
  database: NativeDatabase;
  /** Deletes every row. */
  reset(): Promise<void>;
  /** Closes the database and removes it. */
  close(): Promise<void>;
}

/**
 * Better Auth's password hashing, several hashes at a time in SIMD registers, on the package's own
 * threads: for `emailAndPassword: { enabled: true, password }`. All worker threads of a process
 * share its threads, memory and queue, with the defaults of `PasswordOptions`.
 *
 * scrypt (RFC 7914) with N=16384, r=16, p=1 over the NFKC form of the password and the text of 16
 * random bytes in hex, stored as `salt:key` in hex, 161 characters: hashes made by Better Auth
 * verify here, and the reverse.
 */
export declare const password: Password;

/**
 * A hasher with threads, memory and a queue of its own, beside those of `password` and of others.
 * Throws `INVALID_INPUT` where an option cannot be used, and where the environment variable
 * `BETTER_AUTH_NATIVE_KERNEL` (`avx512`, `avx2`, `sse2`, `neon` or `scalar`, for tests and
 * measurements; the best otherwise) names a kernel that this CPU does not support. `password`
 * rejects for that.
 */
export declare function createPassword(options?: PasswordOptions): Password;

export interface PasswordOptions {
  /**
   * Threads that hash at once, 1 to 1024; no more are used than `maxMemory` has 32 MiB for.
   * Default: as many cores as the process may use, by CPU affinity and cgroup quota.
   */
  threads?: number;
  /**
   * Bytes that hashes under way take at most together, 32 MiB each: threads and hashes side by
   * side become fewer until they fit. At least 32 MiB. Default: a quarter of what the process may
   * use (the machine's memory or its cgroup's limit), at least 32 MiB and at most 1 GiB. Memory is
   * given back after ten seconds without use.
   */
  maxMemory?: number;
  /**
   * Calls that may wait for a thread, 0 to 1,000,000; further ones reject with `OVERLOADED`.
   * Default: 1024.
   */
  maxQueue?: number;
  /** UTF-16 code units of the longest password, 1 to 16384. Default: 4096. */
  maxLength?: number;
}

/** The functions work detached. */
export interface Password {
  /**
   * Rejects with `INVALID_INPUT` for anything but a string of at most `maxLength` UTF-16 code
   * units, `OVERLOADED` where too many wait, and `CLOSED` after `close()`.
   *
   * When `signal` is aborted it rejects with the signal's reason, and leaves the queue if it still
   * waits. A hash that is under way is finished for nobody.
   */
  hash(password: string, options?: { signal?: AbortSignal }): Promise<string>;
  /**
   * Whether the password is the one the hash was made of; compared in constant time. A longer
   * password than `hash` takes is not.
   *
   * Takes Better Auth's form, and PHC strings of scrypt that other systems wrote
   * (`$scrypt$ln=..,r=..,p=..$salt$key`, of the password as it was typed, not its NFKC form) with
   * up to 128 MiB of memory (128 * r * 2^ln bytes) and 16 times Better Auth's work. Rejects with
   * `INVALID_HASH` for anything else, and where the hash takes more than `maxMemory`; otherwise as
   * `hash` does.
   */
  verify(data: { hash: string; password: string; signal?: AbortSignal }): Promise<boolean>;
  /**
   * Whether a hash that `verify` takes is in a form that Better Auth itself does not read: hash
   * the password again when it has been verified. Throws `INVALID_HASH` for what `verify` does
   * not take.
   */
  needsRehash(hash: string): boolean;
  /** Of the whole process, for `password`. Throws `CLOSED` after `close()`. */
  stats(): PasswordStats;
  /**
   * Refuses new calls (`CLOSED`) and resolves when those accepted before are answered, the threads
   * have ended and the memory has been given back; threads and memory stay while `password` is in
   * use in another worker thread. A process ends without it as well.
   */
  close(): Promise<void>;
}

export interface PasswordStats {
  /** The instructions in use. */
  kernel: "avx512" | "avx2" | "sse2" | "neon" | "scalar";
  /** Calls that wait for a thread. */
  waiting: number;
  /** Hashes under way: lanes in use. */
  hashing: number;
  /** Calls answered since the start, `hash` and `verify` alike. */
  hashed: number;
  /** How long those waited for a thread, in milliseconds, summed. */
  waitedMs: number;
  /** How long those were under way, in milliseconds, summed; side by side, each counts in full. */
  hashingMs: number;
  /** Threads there are; idle ones end after ten seconds. */
  threads: number;
  /** Bytes held for hashing. */
  memory: number;
}

/**
 * Better Auth's secondary storage in the memory of this process, for `betterAuth({
 * secondaryStorage })`: sessions, verifications and rate limits. What it holds ends with the
 * process; several processes need `redisStorage`, or `session: { storeSessionInDatabase: true }`.
 *
 * Every call is answered on the calling thread. Throws `INVALID_INPUT` where an option cannot be
 * used.
 */
export declare function memoryStorage(options?: MemoryStorageOptions): MemoryStorage;

export interface MemoryStorageOptions {
  /** Entries at most, 1 to 2^32; those used longest ago go first. Default: 100000. */
  maxEntries?: number;
  /**
   * Bytes at most, 1024 or more: of keys and values in UTF-8, and 192 for each entry. `set` rejects
   * with `INVALID_INPUT` for an entry that does not fit alone. Default: 64 MiB.
   */
  maxBytes?: number;
  /**
   * A name, under which all worker threads of the process have the same storage. It is there until
   * the last of them has closed it or ended. Limits are those of whoever opens it first; to give
   * others is `INVALID_INPUT`. Default: a storage of its own.
   */
  shared?: string;
}

/**
 * Better Auth's secondary storage in Redis 6 or newer, Valkey, or what else speaks RESP3. All calls
 * share one connection (in a cluster, one per node), on which none waits for another's answer.
 *
 * Connects with the first call, and again when the connection is lost. While Redis is away, calls
 * wait for one attempt to connect; when that fails, further ones reject at once with the same
 * `CONNECT_FAILED`, until after a pause one of them tries again.
 *
 * ```ts
 * betterAuth({ secondaryStorage: redisStorage("rediss://app:secret@redis.example:6380/0") });
 * ```
 *
 * Throws `INVALID_INPUT` where the URL or an option cannot be used.
 *
 * @param urlOrOptions
 * `redis://username:password@host:port/database`, every part after the scheme optional; `rediss://`
 * for TLS; `unix:///path/of/socket?db=0`. `valkey://` and `valkeys://` are the same as `redis://` and
 * `rediss://`. Percent escapes are decoded, and options override what the URL says. Default:
 * `redis://localhost:6379/0`.
 */
export declare function redisStorage(urlOrOptions?: string | RedisStorageOptions): RedisStorage;

/** Every time is in milliseconds, from 1 to 2^31 - 1. */
export interface RedisStorageOptions {
  /** See `redisStorage`. */
  url?: string;
  /** Default: localhost. */
  host?: string;
  /** Default: 6379. */
  port?: number;
  /** The path of a Unix socket, instead of host and port. */
  socket?: string;
  /** Default: Redis's user `default`. */
  username?: string;
  password?: string;
  /** The number of the database; in a cluster there is only 0. Default: 0. */
  database?: number;
  /** `true` is what `rediss://` is: only to a server whose certificate is valid for its name. */
  tls?: boolean | RedisTlsOptions;
  /**
   * Some nodes of a cluster, by whom the others are found: URLs or addresses. Username, password
   * and TLS are the same for all.
   */
  nodes?: (string | { host?: string; port?: number })[];
  /** Whether it is a cluster. Default: whether there are `nodes`. */
  cluster?: boolean;
  /** What all keys begin with. Default: `"better-auth:"`. */
  prefix?: string;
  /**
   * Calls that may be under way or wait for the connection, 1 to 1,000,000; further ones reject
   * with `OVERLOADED`. Default: 10000.
   */
  maxQueue?: number;
  /** How long connecting may take; then `CONNECT_FAILED`. Default: 5000. */
  connectTimeoutMs?: number;
  /**
   * How long an answer may take; then `STATEMENT_TIMEOUT`. A server that has meanwhile answered
   * nobody is connected to anew. Default: 5000.
   */
  responseTimeoutMs?: number;
  /** The pause after the first failed attempt to connect; it doubles with each. Default: 100. */
  retryPauseMs?: number;
  /** The longest pause. Default: 3000. */
  maxRetryPauseMs?: number;
}

export interface RedisTlsOptions {
  /** Whom to trust: PEM text or the path of a file. Default: Mozilla's authorities. */
  ca?: string | Uint8Array;
  /** The client's certificate: PEM text or the path of a file. */
  cert?: string | Uint8Array;
  /** The key of the client's certificate: PEM text or the path of a file. */
  key?: string | Uint8Array;
  /** `false`: any certificate will do. Default: true. */
  rejectUnauthorized?: boolean;
}

/**
 * What both storages do, as Better Auth calls it. The functions work detached.
 *
 * Keys and values are strings; anything else is `INVALID_INPUT`. A `ttl` is in seconds, with
 * fractions down to a millisecond, upon which it is rounded up. Zero or less means that the entry
 * has expired already, as if it had been deleted; more than 100 years, or `Infinity`, counts as 100
 * years; `NaN` is `INVALID_INPUT`.
 *
 * No error carries a key or a value: those are tokens and sessions.
 */
export interface NativeStorage extends SecondaryStorage {
  /** The value; null where there is none, or where it has expired. */
  get(key: string): Promise<string | null>;
  /** Replaces the value and its time to live. Without `ttl`, it does not expire. */
  set(key: string, value: string, ttl?: number): Promise<void>;
  /** Does nothing where there is none. */
  delete(key: string): Promise<void>;
  /** As `get` and `delete` in one step: of many callers at once, one gets the value. */
  getAndDelete(key: string): Promise<string | null>;
  /**
   * Adds one to a counter in one step, and resolves to what it then is. One that is not there
   * begins with 1, and expires `ttl` seconds later whatever is added meanwhile. `INVALID_INPUT`
   * where the value is no whole number, or as large as one gets (2^63 - 1).
   */
  increment(key: string, ttl: number): Promise<number>;
  /**
   * The user's sessions that are alive, the one that expires first first: those that are in Better
   * Auth's own list, have not expired, and have not been revoked. Better Auth keeps the list
   * (`active-sessions-<userId>`) by reading and writing it: of two sign-ins of one user at the same
   * moment, one may be missing in it, though its session works.
   */
  activeSessions(userId: string): Promise<ActiveSession[]>;
  /**
   * Refuses new calls (`CLOSED`), waits for those in flight, and lets go of the memory or the
   * connection. A process ends without it as well.
   */
  close(): Promise<void>;
}

/** As Better Auth stores it. */
export interface ActiveSession {
  token: string;
  /** In milliseconds since 1970. */
  expiresAt: number;
}

export interface MemoryStorage extends NativeStorage {
  /** Throws `CLOSED` after `close()`. */
  stats(): MemoryStorageStats;
}

export interface MemoryStorageStats {
  /** Entries held. Those that have expired leave with the calls that follow, 64 with each. */
  entries: number;
  /** What they take; see `maxBytes`. */
  bytes: number;
  maxEntries: number;
  maxBytes: number;
  /** How often `get` and `getAndDelete` found something. */
  hits: number;
  /** How often they did not. */
  misses: number;
  /** Entries that have expired. */
  expired: number;
  /** Entries that went because one of the bounds was reached. */
  evicted: number;
}

export interface RedisStorage extends NativeStorage {
  stats(): RedisStorageStats;
  /** Asks Redis (in a cluster, every primary) for a sign of life. Never rejects. */
  health(): Promise<RedisStorageHealth>;
}

export interface RedisStorageStats {
  /** `away`: connecting failed, and calls reject at once until the next attempt. */
  state: "unconnected" | "connecting" | "connected" | "away";
  /** Calls under way, and those that wait for the connection. */
  pending: number;
  /** Calls answered since the start. */
  answered: number;
  /** Calls that rejected since the start, but for `CLOSED` and `OVERLOADED`. */
  failed: number;
  /** Connections made since the start; of a cluster, each counts as one. */
  connections: number;
}

export type RedisStorageHealth =
  | { healthy: true; latencyMs: number; error: null }
  | { healthy: false; latencyMs: null; error: NativeAdapterError };

/**
 * The one error of this package. Messages name tables, columns and files, and never carry a
 * value, a password, a token or the secret of a connection string.
 */
export declare class NativeAdapterError extends Error {
  readonly name: "NativeAdapterError";
  readonly code: NativeAdapterErrorCode;
  /** Whether the same call may succeed when it is made again. */
  readonly retryable: boolean;
  readonly table?: string;
  readonly column?: string;
  readonly constraint?: string;
  readonly sqlState?: string;
}

export type NativeAdapterErrorCode =
  /** A row with the same value exists. */
  | "UNIQUE_VIOLATION"
  /** A foreign key would point to no row. */
  | "FOREIGN_KEY_VIOLATION"
  /** A required column got no value. */
  | "NOT_NULL_VIOLATION"
  /** A CHECK constraint refuses the row. */
  | "CHECK_VIOLATION"
  /**
   * Waiting for a connection, or for SQLite's turn to write, took longer than `acquireTimeoutMs`;
   * the message says who has them and for how long. Retryable.
   */
  | "POOL_TIMEOUT"
  /**
   * The database, or Redis, cannot be opened or reached, or is none. Of a SQLite file the message
   * has the system's reason, such as "permission denied", and what to do.
   */
  | "CONNECT_FAILED"
  /**
   * The connection broke while a statement ran. Retryable where nothing was written; of a write it
   * is not known whether it happened. Of Redis, retryable where twice is as good as once: all but
   * `increment` and `getAndDelete`.
   */
  | "CONNECTION_LOST"
  /**
   * A statement ran longer than `statementTimeoutMs`, or the server's own limit; a storage's call
   * longer than `responseTimeoutMs`.
   */
  | "STATEMENT_TIMEOUT"
  /** Two transactions waited for each other, and this one was undone. Retryable. */
  | "DEADLOCK"
  /** The transaction was undone because of what others wrote meanwhile. Retryable. */
  | "SERIALIZATION_FAILURE"
  /**
   * Somebody else kept the database, or a row, locked for too long: on SQLite longer than
   * `busyTimeoutMs`, on servers longer than their own lock timeout. Retryable.
   */
  | "DATABASE_LOCKED"
  /** The database's user lacks a right. */
  | "PERMISSION_DENIED"
  /** The database may only be read. Of Redis, which may have a new primary soon, retryable. */
  | "READ_ONLY"
  /**
   * The disk (Redis: the memory) is full, failing, or the database is damaged: at opening, in a
   * call, or in a method about the schema.
   */
  | "STORAGE_FAILED"
  /**
   * Another driver in this process, or a second copy of this package, has the SQLite file open, and
   * the system or the file system has no file locks that would keep the two from overwriting each
   * other. Nothing was changed. Use `database.query()` or `database.kysely()` for the application's
   * own SQL, or open the file in another process.
   */
  | "FILE_OPEN_ELSEWHERE"
  /** A table or column is missing: run `migrate()`. */
  | "SCHEMA_MISMATCH"
  /** A migration stopped at rows that exist, or at rows that it would lose. */
  | "UNSAFE_MIGRATION"
  /** A file of a migration is not what was applied, or another one of its number was. */
  | "MIGRATION_CHANGED"
  /** A migration that was applied has no file, or one that is asked for does not exist. */
  | "MIGRATION_MISSING"
  /** A file of a migration cannot be read as one. */
  | "MIGRATION_INVALID"
  /** A stored value cannot be returned as its field's type, such as an integer beyond 2^53. */
  | "DECODE_FAILED"
  /** An argument cannot be used as given. */
  | "INVALID_INPUT"
  /** The transaction had already ended. */
  | "TRANSACTION_CLOSED"
  /** Too many password hashes, or calls for a connection or to Redis, are waiting. Retryable. */
  | "OVERLOADED"
  /** A stored password hash is in no known format, or beyond what may be spent on one. */
  | "INVALID_HASH"
  /** A database, a password hasher or a storage was used after `close()`. */
  | "CLOSED"
  /** A defect of this package. */
  | "INTERNAL";
