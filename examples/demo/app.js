// The application: Better Auth on a native database, behind Node's own HTTP server.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { toNodeHandler } from "better-auth/node";
import { nativeAdapter, password } from "better-auth-native";
import { publicUrl } from "./location.js";

/** @typedef {Awaited<ReturnType<typeof startApp>>} App */

const HOST = "127.0.0.1";

const page = readFileSync(new URL("page.html", import.meta.url));
const pageHeaders = {
  "content-type": "text/html; charset=utf-8",
  // The page is complete in itself and talks to this server only.
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; " +
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
};

/**
 * @param {string} databaseUrl
 * @param {number} port 0 for any that is free
 */
export async function startApp(databaseUrl, port) {
  const database = nativeAdapter(databaseUrl);
  const auth = betterAuth({
    // Whichever port it will be.
    baseURL: { allowedHosts: [`${HOST}:*`, "localhost:*"], protocol: "http" },
    secret: randomBytes(32).toString("hex"),
    database,
    emailAndPassword: { enabled: true, password },
    // A wrong password is part of the demo, and a warning.
    logger: { level: "error" },
  });

  const start = performance.now();
  const { statements } = await database.migrate();
  const migration = { statements, milliseconds: performance.now() - start };

  const authenticate = toNodeHandler(auth);
  const server = createServer((request, response) => {
    const [path = ""] = request.url?.split("?", 1) ?? [];
    if (path.startsWith("/api/auth/")) {
      // It rejects where a request cannot be read at all, as with a malformed Host.
      authenticate(request, response).catch(() => response.destroy());
    } else if (path === "/") {
      response.writeHead(200, pageHeaders).end(page);
    } else {
      response.writeHead(404, { "content-type": "text/plain" }).end("Not found\n");
    }
  });
  server.listen(port, HOST);
  await once(server, "listening");
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());

  return {
    url: `http://${HOST}:${address.port}`,
    databaseUrl: publicUrl(databaseUrl),
    migration,

    /** How many rows each of Better Auth's tables has. */
    async countRows() {
      const { adapter, tables } = await auth.$context;
      const count = async (/** @type {string} */ model) => ({ model, rows: await adapter.count({ model }) });
      return Promise.all(Object.keys(tables).map(count));
    },

    async close() {
      server.close();
      // Browsers open connections ahead of need; the server would wait for those.
      server.closeAllConnections();
      await database.close();
    },
  };
}
