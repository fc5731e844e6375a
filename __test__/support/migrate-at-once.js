// Several processes that migrate one database, all of them ready before the first begins.

import { inProcess } from "./elsewhere/index.js";

/**
 * @param {string} url
 * @param {import("better-auth").BetterAuthOptions[]} applications Each in a process of its own.
 * @returns {Promise<string[][]>} the statements that each of them ran
 */
export async function migrateAtOnce(url, applications) {
  const processes = applications.map((options) =>
    inProcess(
      async ({ nativeAdapter, tell, told, data: { url, options } }) => {
        const database = nativeAdapter(url);
        tell("ready");
        await told();
        const { statements } = await database.migrate(options);
        await database.close();
        return statements;
      },
      { url, options },
    ),
  );
  for (const each of processes) await each.told();
  for (const each of processes) each.tell("go");
  return Promise.all(processes.map((each) => each.result()));
}
