// better-auth-native: the public API on one page.

import type { BetterAuthOptions } from "@better-auth/core";
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
 * `sqlite:<path>`, `sqlite::memory:`, `file:<path>` or `:memory:`; relative paths start at the
 * current directory, percent escapes are decoded. `busy_timeout`, `acquire_timeout` (milliseconds)
 * and `synchronous` may follow as URL parameters; options override them.
 */
export declare function nativeAdapter(urlOrOptions: string | NativeAdapterOptions): NativeDatabase;

export interface NativeAdapterOptions {
  /** Where the database is. */
  url: string;
  /** Table names end with an `s`. Default: false. */
  usePlural?: boolean;
  /**
   * Better Auth's debug logs of adapter calls. While they are on, every call takes the slower way
   * through Better Auth's adapter factory. Default: false.
   */
  debugLogs?: DBAdapterDebugLogOption;
  /**
   * SQLite: how long a statement waits, off the event loop, for a lock that another process
   * holds, in milliseconds below 2^31; then `DATABASE_LOCKED`. Default: 5000.
   */
  busyTimeoutMs?: number;
  /**
   * How long a write or a transaction waits for its turn within this process, in milliseconds
   * below 2^31; then `POOL_TIMEOUT`. Default: 10000.
   */
  acquireTimeoutMs?: number;
  /**
   * SQLite: `"normal"` survives the death of the process, and after a power failure the last
   * commits may be missing but nothing is damaged; `"full"` syncs every commit to the disk, off
   * the event loop. Default: `"normal"`.
   */
  synchronous?: "normal" | "full";
}

/** The function Better Auth calls, and the methods that manage the database behind it. */
export interface NativeDatabase {
  (options: BetterAuthOptions): DBAdapter<BetterAuthOptions>;

  /**
   * Creates what is missing of Better Auth's tables, columns, foreign keys and indexes, in one
   * transaction. Drops and changes nothing; run again, it finds nothing to do.
   *
   * Rejects with `UNSAFE_MIGRATION`, and changes nothing, where rows that exist stand in the way:
   * a required column without default, duplicates under a unique index, orphans under a foreign
   * key.
   *
   * @param options The options of `betterAuth`; not needed after `betterAuth({ database })`.
   */
  migrate(options?: BetterAuthOptions): Promise<MigrationResult>;

  /** What `migrate` would run; changes nothing. */
  plan(options?: BetterAuthOptions): Promise<MigrationResult>;

  /**
   * Runs `callback` in a transaction that Better Auth joins: what the callback does through
   * `auth.api` and through the adapter it is passed is committed when its promise resolves, and
   * undone when it rejects. Inside another transaction it joins that one.
   *
   * Rejects with `INVALID_INPUT` before `betterAuth({ database })`.
   */
  withTransaction<T>(
    callback: (adapter: DBTransactionAdapter<BetterAuthOptions>) => Promise<T>,
  ): Promise<T>;

  /**
   * Refuses new operations (`CLOSED`), waits for those in flight and for open transactions, and
   * closes every connection. A process ends without it as well.
   */
  close(): Promise<void>;
}

export interface MigrationResult {
  /** In the order they run; empty where the database is in step. */
  statements: string[];
}

/**
 * Better Auth's password hashing, on the package's own threads: for
 * `emailAndPassword: { enabled: true, password }`.
 *
 * scrypt (RFC 7914) with N=16384, r=16, p=1 over the NFKC form of the password and the text of 16
 * random bytes in hex, stored as `salt:key` in hex, 161 characters: hashes made by Better Auth
 * verify here, and the reverse. At most 1024 calls wait for a free thread, of which there are as
 * many as cores; further ones reject with `OVERLOADED`. The functions work detached.
 */
export declare const password: {
  /** Rejects with `INVALID_INPUT` for anything but a string of at most 4096 UTF-16 code units. */
  hash(password: string): Promise<string>;
  /**
   * Whether the password is the one the hash was made of; compared in constant time. A longer
   * password than `hash` takes is not. Rejects with `INVALID_HASH` where `hash` is in no known
   * format.
   */
  verify(data: { hash: string; password: string }): Promise<boolean>;
};

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
  /** Waiting for the turn to write took longer than `acquireTimeoutMs`; the message says who has it. Retryable. */
  | "POOL_TIMEOUT"
  /** The database cannot be opened, or is none. */
  | "CONNECT_FAILED"
  /** Another process kept the database locked for longer than `busyTimeoutMs`. Retryable. */
  | "DATABASE_LOCKED"
  /** The database may only be read. */
  | "READ_ONLY"
  /** The disk is full, failing, or the database is damaged. */
  | "STORAGE_FAILED"
  /** A table or column is missing: run `migrate()`. */
  | "SCHEMA_MISMATCH"
  /** A migration stopped at rows that exist. */
  | "UNSAFE_MIGRATION"
  /** A stored value cannot be returned as its field's type, such as an integer beyond 2^53. */
  | "DECODE_FAILED"
  /** An argument cannot be used as given. */
  | "INVALID_INPUT"
  /** The transaction had already ended. */
  | "TRANSACTION_CLOSED"
  /** Too many password hashes are waiting. Retryable. */
  | "OVERLOADED"
  /** A stored password hash is in no known format. */
  | "INVALID_HASH"
  /** The database was used after `close()`. */
  | "CLOSED"
  /** A defect of this package. */
  | "INTERNAL";
