// A server process in a directory of its own, from its start to its end.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { account, environment } from "./program.js";
import { guard, remove } from "./temporary.js";

/**
 * What every kind of server is to its user.
 *
 * @typedef {object} Server
 * @property {string} url of a database in which its user may do everything
 * @property {string} adminUrl the same one, for whoever may do everything to the server
 * @property {number} port
 * @property {string} socket its Unix socket
 * @property {string} socketDirectory
 * @property {string} directory of all its files
 * @property {() => string} log what it has written so far
 * @property {() => Promise<void>} stop Ends it at once, and removes its data.
 * @property {() => Promise<void>} shutDown Ends it in order; restart() brings it back.
 * @property {() => Promise<void>} kill Ends it by SIGKILL, as in a crash; restart() brings it back.
 * @property {() => Promise<void>} restart On the same port, with the same data.
 */

/**
 * @typedef {object} Daemon
 * @property {string[]} command
 * @property {string[]} [firstly] more arguments, for the first start alone
 * @property {string} directory
 * @property {() => Promise<unknown>} answers rejects for as long as the server cannot be used
 * @property {NodeJS.ProcessEnv} [env]
 * @property {NodeJS.Signals} [shutDownSignal]
 * @property {NodeJS.Signals} [stopSignal] for an end at once
 * @property {RegExp} [remains] what it says when it finds processes of its killed predecessor
 */

/** The bound for a hang, within that of a test: even on a slow machine it is ready much sooner. */
const READY_WITHIN = 25_000;

/**
 * @param {Daemon} daemon
 * @returns {Promise<Pick<Server, "directory" | "log" | "stop" | "shutDown" | "kill" | "restart">>}
 */
export async function startDaemon(daemon) {
  const { directory, shutDownSignal = "SIGTERM", stopSignal = "SIGKILL" } = daemon;
  const [program, ...args] = daemon.command;
  let { firstly = [] } = daemon;
  const logFile = join(directory, "log");
  const log = () => readFileSync(logFile, "utf8");
  /** @type {import("node:child_process").ChildProcess} */
  let child;
  /** @type {Error | undefined} */
  let failure;

  function launch() {
    const output = openSync(logFile, "a");
    failure = undefined;
    child = spawn(program, [...args, ...firstly], {
      cwd: directory,
      // Ctrl-C is for the tests; their end is the server's.
      detached: true,
      env: { ...environment, ...daemon.env },
      stdio: ["ignore", output, output],
      ...account,
    });
    closeSync(output);
    child.once("error", (error) => {
      failure = error;
    });
    child.unref();
    guard(directory, { pid: child.pid, signal: stopSignal });
  }

  const runs = () => !failure && child.exitCode === null && child.signalCode === null;

  async function start() {
    const deadline = performance.now() + READY_WITHIN;
    launch();
    for (;;) {
      try {
        await daemon.answers();
        return;
      } catch (error) {
        const last = log().trimEnd().split("\n").slice(-20).join("\n");
        if (!runs() && daemon.remains?.test(last)) launch();
        else if (!runs() || performance.now() > deadline) {
          await stop();
          throw new Error(`${program} did not start:\n${last}`, { cause: failure ?? error });
        }
      }
      await setTimeout(20);
    }
  }

  /** @param {NodeJS.Signals} signal */
  async function end(signal) {
    if (!runs()) return;
    const exit = once(child, "exit");
    child.ref();
    child.kill(signal);
    await exit;
    // Its process group: scripts it has started, which may not notice.
    if (child.pid !== undefined) killIfThere(-child.pid);
    guard(directory, {});
  }

  async function stop() {
    await end(stopSignal);
    await remove(directory);
  }

  /** A crash of the machine would take the server's own processes too. */
  async function kill() {
    const own = children(child.pid);
    const ended = end("SIGKILL");
    own.forEach(killIfThere);
    await ended;
  }

  await start();
  firstly = [];
  return {
    directory,
    log,
    stop,
    kill,
    shutDown: () => end(shutDownSignal),
    async restart() {
      await end(shutDownSignal);
      await start();
    },
  };
}

/**
 * The processes that a process has started, where the system tells: elsewhere they find out
 * themselves that it is gone.
 *
 * @param {number | undefined} pid
 */
function children(pid) {
  try {
    const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    return pids.split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** @param {number} pid or, negative, a process group */
function killIfThere(pid) {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
