// Better Auth's own conformance suites, every one and every case, on every engine; through Better
// Auth's factory, which knows nothing of engines, on one of each kind.

import {
  authFlowTestSuite,
  caseInsensitiveTestSuite,
  joinsTestSuite,
  normalTestSuite,
  numberIdTestSuite,
  testAdapter,
  transactionsTestSuite,
  uuidTestSuite,
} from "@better-auth/test-utils/adapter";
import { nativeAdapter } from "../index.js";
import { engines } from "./engines/index.js";
import { ways } from "./support/ways.js";

const THROUGH_THE_FACTORY = ["SQLite in memory", "PostgreSQL"];

for (const engine of engines) {
  const [direct] = ways;
  const taken = THROUGH_THE_FACTORY.includes(engine.name) ? ways : [direct];
  for (const { way, options } of taken) {
    let created = await engine.create();
    let database = nativeAdapter({ url: created.url, ...options });

    const startAfresh = async () => {
      await database.close();
      await created.drop();
      created = await engine.create();
      database = nativeAdapter({ url: created.url, ...options });
    };

    const { execute } = await testAdapter({
      adapter: () => database,
      prefixTests: `${engine.name}, ${way}`,
      async runMigrations(authOptions) {
        await startAfresh();
        await database.migrate(authOptions);
      },
      tests: [
        normalTestSuite(),
        authFlowTestSuite(),
        caseInsensitiveTestSuite(),
        joinsTestSuite(),
        numberIdTestSuite(),
        transactionsTestSuite(),
        uuidTestSuite(),
      ],
      async onFinish() {
        await database.close();
        await created.drop();
      },
    });
    execute();
  }
}
