// How the two sides of a process use the file at the same time.

/** @typedef {import("./writer.js").Figures} Figures */

/**
 * @typedef {object} Writer
 * @property {number} callers how many write through one of its handles at the same time
 * @property {Figures} figures
 * @property {(patience?: number) => Promise<Opened | undefined>} open `patience`: how long it waits for
 *   somebody else's lock, in milliseconds. Not opened where it was busy.
 * @property {() => void} close the ledger
 */

/**
 * @typedef {object} Opened A handle of a writer.
 * @property {() => Promise<void>} step a few writes of every kind
 * @property {(inside: () => Promise<void>) => Promise<unknown>} transaction writes, waits for `inside`
 *   and writes again
 * @property {() => Promise<any>} put writes one row; falsy where it was refused
 * @property {() => Promise<boolean>} read
 * @property {() => Promise<unknown>} close
 */

/**
 * @typedef {object} Company
 * @property {Writer} ours
 * @property {Writer} neighbour
 * @property {() => boolean} goesOn
 * @property {() => void} intruded tells that somebody wrote while another one's transaction had the
 *   write lock
 */

/**
 * @typedef {object} Mode
 * @property {string} description
 * @property {(writer: Writer, goesOn: () => boolean) => Promise<void>} onAThread what the neighbour does on a
 *   thread of its own, meanwhile
 * @property {(company: Company) => Promise<unknown>} run
 */

/** What a writer is to have written at least. */
const ENOUGH = 20;

/** How much longer it gets for that, in milliseconds; without a file that works it never has. */
const GRACE = 20_000;

/** @type {Record<string, Mode>} */
export const modes = {
  "long-lived": {
    description: "both keep their handles",
    onAThread: stay,
    run: ({ ours, neighbour, goesOn }) => Promise.all([stay(ours, goesOn), stay(neighbour, goesOn)]),
  },
  reopened: {
    description: "the neighbour opens, writes and closes, again and again",
    onAThread: comeAndGo,
    run: ({ ours, neighbour, goesOn }) => Promise.all([stay(ours, goesOn), comeAndGo(neighbour, goesOn)]),
  },
  "closed inside": {
    description: "each opens, reads and closes while the other one's transaction has written",
    onAThread: comeAndGo,
    run: ({ ours, neighbour, goesOn, intruded }) =>
      Promise.all([
        stay(ours, goesOn),
        visits(ours, neighbour, goesOn, intruded),
        visits(neighbour, ours, goesOn, intruded),
      ]),
  },
  "ours reopened": {
    description: "this package opens, writes and closes, also while the neighbour's transaction has written",
    onAThread: stay,
    run: ({ ours, neighbour, goesOn, intruded }) =>
      Promise.all([comeAndGo(ours, goesOn), visits(neighbour, ours, goesOn, intruded)]),
  },
};

/**
 * Until the time is over, but not before everybody has written something, however busy the machine is.
 *
 * @param {number} seconds
 * @param {...Writer} writers
 */
export function longEnough(seconds, ...writers) {
  const end = performance.now() + 1_000 * seconds;
  const haveLittle = () => writers.some(({ figures }) => figures.acknowledged < ENOUGH);
  return () => performance.now() < end || (performance.now() < end + GRACE && haveLittle());
}

/**
 * Writes through one handle.
 *
 * @param {Writer} writer
 * @param {() => boolean} goesOn
 */
export async function stay(writer, goesOn) {
  const opened = await open(writer, goesOn);
  const callers = Array.from({ length: writer.callers }, async () => {
    while (goesOn()) await opened?.step();
  });
  await Promise.all(callers);
  await opened?.close();
}

/**
 * Writes through one handle after the other.
 *
 * @param {Writer} writer
 * @param {() => boolean} goesOn
 */
async function comeAndGo(writer, goesOn) {
  while (goesOn()) {
    const opened = await open(writer, goesOn);
    await opened?.step();
    await opened?.close();
  }
}

/**
 * Has the guest come and go in the host's transactions.
 *
 * @param {Writer} host
 * @param {Writer} guest
 * @param {() => boolean} goesOn
 * @param {() => void} intruded
 */
async function visits(host, guest, goesOn, intruded) {
  while (goesOn()) {
    const opened = await open(host, goesOn);
    for (let visit = 0; visit < 10 && goesOn(); visit += 1) {
      await opened?.transaction(async () => {
        await visited(guest, intruded);
        // What the first one's closing has dropped, nobody but the second one sees.
        await visited(guest, intruded);
      });
      await opened?.step();
    }
    await opened?.close();
  }
}

/**
 * @param {Writer} guest
 * @param {() => void} intruded
 */
async function visited(guest, intruded) {
  // The host's transaction waits for it.
  const opened = await guest.open(1);
  await opened?.read();
  if (await opened?.put()) intruded();
  await opened?.close();
}

/** @param {Writer} writer @param {() => boolean} goesOn */
async function open(writer, goesOn) {
  let opened = await writer.open();
  while (opened === undefined && goesOn()) opened = await writer.open();
  return opened;
}
