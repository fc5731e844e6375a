// A writer that goes through another driver: its own table, and the counters that all sides share.

import { turn } from "../support/event-loop.js";
import { content, counters } from "./rows.js";
import { OnPurpose, bookkeeper, pause } from "./writer.js";

/** @typedef {import("./modes.js").Writer} Writer */
/** @typedef {(path: string) => Handle} OpenDriver */

/**
 * @typedef {object} Handle What the drivers have in common.
 * @property {(sql: string) => unknown} exec
 * @property {(sql: string) => { run: (...values: any[]) => unknown, get: (...values: any[]) => any }} prepare
 * @property {() => unknown} close
 */

const INSERT = "INSERT INTO notes (key, content) VALUES (?, ?)";
const UPDATE = "UPDATE notes SET content = ? WHERE key = ?";
const DELETE = "DELETE FROM notes WHERE key = ?";
const ADD = 'UPDATE "rateLimit" SET count = count + 1 WHERE key = ?';
const READ = 'SELECT count FROM "rateLimit" WHERE key = ?';
const WRITE = 'UPDATE "rateLimit" SET count = ? WHERE key = ?';

/**
 * @param {OpenDriver} openDriver
 * @param {string} path of the database
 * @param {string} ledgers
 * @param {string} name
 * @param {number} usualPatience how long it waits for somebody else's lock, in milliseconds. Its thread
 *   stands still meanwhile: where the other side's transaction needs that thread, it waits in vain.
 * @returns {Writer}
 */
export function driverWriter(openDriver, path, ledgers, name, usualPatience) {
  const book = bookkeeper(ledgers, name);

  /** @param {Handle} handle @param {() => unknown} work */
  async function transaction(handle, work) {
    handle.exec("BEGIN IMMEDIATE");
    try {
      await work();
      handle.exec("COMMIT");
    } catch (error) {
      handle.exec("ROLLBACK");
      throw error;
    }
  }

  /** @param {Handle} handle @param {string} key */
  const insert = (handle, key) => handle.prepare(INSERT).run(key, content(key, 1));

  /** @param {Handle} handle */
  async function put(handle) {
    const key = book.newKey("notes");
    const written = await book.write([[key, 1]], () => insert(handle, key));
    return written ? key : undefined;
  }

  /** @param {Handle} handle @param {() => unknown} [inside] */
  function putSeveral(handle, inside = () => turn(1)) {
    const [first, second] = [book.newKey("notes"), book.newKey("notes")];
    return book.write([[first, 1], [second, 1], [counters.read, 1]], () =>
      transaction(handle, async () => {
        insert(handle, first);
        const { count } = handle.prepare(READ).get(counters.read);
        await inside();
        insert(handle, second);
        handle.prepare(WRITE).run(count + 1, counters.read);
      }),
    );
  }

  /** @param {Handle} handle */
  function putForNothing(handle) {
    const key = book.newKey("notes");
    return book.write([[key, 1]], () =>
      transaction(handle, async () => {
        insert(handle, key);
        await turn(1);
        throw new OnPurpose();
      }),
    );
  }

  /** @param {Handle} handle @param {string} key @param {number} version */
  const update = (handle, key, version) =>
    book.write([[key, version]], () => handle.prepare(UPDATE).run(content(key, version), key));

  /** @param {Handle} handle @param {string} key */
  const remove = (handle, key) => book.write([[key, 0]], () => handle.prepare(DELETE).run(key));

  return {
    callers: 1,
    figures: book.figures,
    async open(patience = usualPatience) {
      /** @type {Handle | undefined} */
      let opened;
      await book.done(() => {
        opened = openDriver(path);
        opened.exec(`PRAGMA busy_timeout = ${patience}; PRAGMA synchronous = NORMAL`);
      });
      const handle = opened;
      if (handle === undefined) return;
      return {
        async step() {
          const [kept, removed] = [await put(handle), await put(handle)];
          if (kept !== undefined) await update(handle, kept, 2);
          await pause();
          await putSeveral(handle);
          await pause();
          if (removed !== undefined) await remove(handle, removed);
          await putForNothing(handle);
          await pause();
          await book.write([[counters.added, 1]], () => handle.prepare(ADD).run(counters.added));
          await pause();
        },
        transaction: (inside) => putSeveral(handle, inside),
        put: () => put(handle),
        read: () => book.done(() => handle.exec('SELECT count(*) FROM "rateLimit"')),
        async close() {
          handle.close();
          await turn(1);
        },
      };
    },
    close: book.close,
  };
}
