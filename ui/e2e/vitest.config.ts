import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// Whole programs: one after the other, with time for a slow machine.
export default defineConfig({
  test: {
    root: fileURLToPath(new URL(".", import.meta.url)),
    include: ["**/*.test.ts"],
    environment: "node",
    fileParallelism: false,
    bail: 0,
    testTimeout: 90_000,
    hookTimeout: 60_000,
  },
});
