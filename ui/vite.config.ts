import { svelte } from "@sveltejs/vite-plugin-svelte";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const locales = fileURLToPath(new URL("../locales", import.meta.url));

export default defineConfig({
  plugins: [svelte()],
  resolve: { alias: { "@locales": locales } },
  server: { port: 5173, strictPort: true, fs: { allow: [".", locales] } },
  // WebKitGTK 2.42 and later, Safari 17.5, Chromium 123: the first with light-dark().
  build: { target: "es2022", cssTarget: ["chrome123", "safari17.5", "firefox120"], assetsInlineLimit: 0 },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
});
