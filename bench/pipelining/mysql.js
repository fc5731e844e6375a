// MySQL, of whose drivers none pipelines: one prepared statement, over connections that mysql2 has
// logged in and given away.

import * as server from "../../__test__/servers/mysql.js";
import { load } from "../peers.js";

/** @typedef {{ token: string, done: (value: number) => void, failed: (error: Error) => void }} Call */

const HEADER = 4;
const COM_STMT_EXECUTE = 0x17;
const MYSQL_TYPE_VAR_STRING = 0xfd;
const EOF = 0xfe;
const ERR = 0xff;

/** @type {import("./compare.js").Engine} */
export const mysql = {
  name: "MySQL",

  async start(rows) {
    const { url, stop } = await server.start();
    const { createConnection } = await load("mysql2/promise");
    const owner = await createConnection(url);
    await owner.query("CREATE TABLE session (token VARCHAR(32) PRIMARY KEY, value INT NOT NULL)");
    await owner.query("INSERT INTO session VALUES ?", [rows.map(({ token, value }) => [token, value])]);
    await owner.end();
    return { url, stop };
  },

  async open(url, connections, depth) {
    const opened = await Promise.all(Array.from({ length: connections }, () => Connection.open(url)));
    /** @type {Call[]} */
    const waiting = [];
    const sendNext = () => {
      const idlest = opened.reduce((a, b) => (b.underWay < a.underWay ? b : a));
      if (idlest.underWay >= depth) return;
      const call = waiting.shift();
      if (call) idlest.send(call);
    };
    return {
      async find(token) {
        const answer = new Promise((done, failed) => waiting.push({ token, done, failed }));
        sendNext();
        return answer.finally(sendNext);
      },
      close: () => Promise.all(opened.map((connection) => connection.close())),
    };
  },
};

class Connection {
  #owner;
  #socket;
  #statement;
  /** @type {Call[]} in the order that they are answered */
  #calls = [];
  #received = Buffer.alloc(0);
  /** Of the result that is arriving. */
  #ends = 0;
  #value = NaN;

  /** @param {string} uri */
  static async open(uri) {
    const { createConnection } = await load("mysql2/promise");
    // With attributes, a statement's packet has another form.
    const connection = await createConnection({ uri, flags: "-CLIENT_QUERY_ATTRIBUTES" });
    const { statement } = await connection.prepare("SELECT value FROM session WHERE token = ?");
    return new Connection(connection, statement.id);
  }

  /** @param {any} owner mysql2's @param {number} statement */
  constructor(owner, statement) {
    this.#owner = owner;
    this.#socket = /** @type {import("node:net").Socket} */ (owner.connection.stream);
    this.#statement = statement;
    this.#socket.removeAllListeners("data");
    this.#socket.on("data", (bytes) => this.#receive(bytes));
  }

  get underWay() {
    return this.#calls.length;
  }

  /** @param {Call} call */
  send(call) {
    this.#calls.push(call);
    // What is sent in one turn of the event loop goes in one write, as with postgres.js.
    if (this.#socket.writableCorked === 0) {
      this.#socket.cork();
      setImmediate(() => this.#socket.uncork());
    }
    this.#socket.write(execute(this.#statement, call.token));
  }

  /** @param {Buffer} bytes */
  #receive(bytes) {
    const all = Buffer.concat([this.#received, bytes]);
    let at = 0;
    while (all.length >= at + HEADER) {
      const end = at + HEADER + all.readUIntLE(at, 3);
      if (all.length < end) break;
      this.#take(all.subarray(at + HEADER, end));
      at = end;
    }
    this.#received = all.subarray(at);
  }

  /** A result is its columns, an end, its rows, another end. @param {Buffer} packet */
  #take(packet) {
    if (packet[0] === ERR) return this.#finish().failed(new Error(packet.toString("utf8", 9)));
    if (packet[0] === EOF && packet.length < 9) this.#ends += 1;
    // Behind the row's header and its NULL bitmap.
    else if (this.#ends === 1) this.#value = packet.readInt32LE(2);
    if (this.#ends === 2) this.#finish().done(this.#value);
  }

  #finish() {
    this.#ends = 0;
    return /** @type {Call} */ (this.#calls.shift());
  }

  close() {
    return this.#owner.end();
  }
}

/**
 * The packet that executes a statement with one text.
 *
 * @param {number} statement
 * @param {string} value of less than 251 bytes
 */
function execute(statement, value) {
  const payload = Buffer.alloc(15 + Buffer.byteLength(value));
  payload[0] = COM_STMT_EXECUTE;
  payload.writeUInt32LE(statement, 1);
  payload.writeUInt32LE(1, 6); // Iterations, behind the flags, of which there are none.
  payload[11] = 1; // Types follow the NULL bitmap, which is empty.
  payload[12] = MYSQL_TYPE_VAR_STRING;
  payload[14] = payload.length - 15;
  payload.write(value, 15);
  const header = Buffer.alloc(HEADER);
  header.writeUIntLE(payload.length, 0, 3);
  return Buffer.concat([header, payload]);
}
