import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// Whole programs: one after the other, with time for a slow machine.
export default defineConfig({
  test: {
    root: fileURLToPath(new URL(".", import.meta.url)),
    include: ["**/*.test.ts"],
    environment: "node",
    fileParallelism: false,
    // The steps of a story stand on one another: after the first that fails the rest would only wait.
    bail: 1,
    testTimeout: 90_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 15_000 } },
  },
});
