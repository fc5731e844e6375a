// Better Auth's own conformance suites, every one and every case, on every engine.

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

for (const engine of engines) {
  for (const { way, options } of ways) {
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
