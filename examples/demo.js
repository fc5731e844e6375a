// npm run demo: Better Auth on better-auth-native. Walks through its sign-in over HTTP, or with
// --serve keeps a sign-in page up.

import { parseArgs } from "node:util";
import { startApp } from "./demo/app.js";
import { newDatabaseUrl } from "./demo/location.js";
import { serve } from "./demo/serve.js";
import { walkThrough } from "./demo/walk-through.js";

const USAGE = `usage: npm run demo [-- <options>]

Starts a Better Auth server on this machine, signs a user up, in and out over HTTP, and ends.

  --serve            serve a sign-in page instead, until Ctrl-C
  --database <url>   the database, such as sqlite:./auth.db (default: a new file in the
                     folder for temporary files)
  --port <number>    the port to listen on (default: any free one)
  --help             show this`;

/** A command line that asks for something the demo does not have. */
class UsageError extends Error {}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        serve: { type: "boolean", default: false },
        database: { type: "string" },
        port: { type: "string", default: "0" },
        help: { type: "boolean", default: false },
      },
    });
    return { ...values, port: readPort(values.port) };
  } catch (error) {
    throw new UsageError(/** @type {Error} */ (error).message);
  }
}

/** @param {string} text */
function readPort(text) {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65535) return port;
  throw new UsageError(`--port takes a number from 0 to 65535, not "${text}"`);
}

try {
  const { help, serve: keepServing, database, port } = readOptions();
  if (help) {
    console.log(USAGE);
  } else {
    const run = keepServing ? serve : walkThrough;
    const app = await startApp(database ?? newDatabaseUrl(), port);
    try {
      await run(app);
    } finally {
      await app.close();
    }
  }
} catch (error) {
  const { message, cause } = /** @type {Error} */ (error);
  // What fetch throws says no more than "fetch failed"; its cause does.
  console.error(cause instanceof Error ? `demo: ${message}: ${cause.message}` : `demo: ${message}`);
  if (error instanceof UsageError) console.error(`\n${USAGE}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
