// Tests run against the built addon, each file in a process of its own.

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["__test__/**/*.test.js"],
    pool: "forks",
    reporters: ["default", "./scripts/closing-line.js"],
    // Bounds for a hang, not for slowness. A hook may have to start a database server.
    testTimeout: 30_000,
    hookTimeout: 120_000,
  },
});
