// Keeps the application up for a browser, until the terminal or whoever started it says stop.

import { facts } from "./report.js";

/** @param {import("./app.js").App} app */
export async function serve(app) {
  const stopped = new Promise((resolve) => {
    // The listeners stay: npm passes the terminal's Ctrl-C on a second time.
    for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => resolve(signal));
  });
  facts({ "Sign-in page": app.url, Database: app.databaseUrl, Stop: "Ctrl-C" });
  await stopped;
  console.log("\nClosing.");
}
