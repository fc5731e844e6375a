// Tests run against the built addon, each file in a process of its own.

import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

const PACKAGING = "__test__/90-packaging.test.js";

export default defineConfig({
  test: {
    pool: "forks",
    // Much of a test of a server is waiting for it. Vitest's own choice for two cores is one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    reporters: ["default", "./scripts/closing-line.js"],
    // Bounds for a hang, not for slowness. A hook may have to start a database server.
    testTimeout: 30_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: "behaviour",
          include: ["__test__/**/*.test.js"],
          exclude: [PACKAGING],
          globalSetup: "__test__/servers/shared.js",
        },
      },
      // Tried where no database server can be had, too.
      { extends: true, test: { name: "packaging", include: [PACKAGING] } },
    ],
  },
});
