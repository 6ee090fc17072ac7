// A real browser, screenshots to look at, and the accessibility rules.

import { existsSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type Page } from "playwright-core";
import { expect } from "vitest";

export const SCREENSHOTS = fileURLToPath(new URL("../../target/screenshots/", import.meta.url));

export const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const THEMES = ["light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

export function launch(): Promise<Browser> {
  const known = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const executablePath = process.env["CHROMIUM"] ?? known.find((path) => existsSync(path));
  if (!executablePath) throw new Error("no Chromium: install it, or say where it is in CHROMIUM");
  // Inside a container Chromium's own sandbox has no rights to be set up; the page comes from the program under test.
  const args = ["--no-sandbox", "--disable-dev-shm-usage"];
  return chromium.launch({ executablePath, args });
}

/** Takes a picture and runs the accessibility rules, in both themes. */
export async function inspect(page: Page, name: string) {
  for (const theme of THEMES) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
    await mkdir(SCREENSHOTS, { recursive: true });
    await page.screenshot({ path: `${SCREENSHOTS}${name}-${theme}.png` });
    await accessible(page, `${name}, ${theme}`);
  }
}

export async function accessible(page: Page, what: string) {
  // The page's own policy forbids foreign scripts, rightly: this one comes in through the debugger.
  await page.evaluate(AXE);
  const violations = await page.evaluate(async () => {
    type Result = { violations: { id: string; nodes: { target: string[]; failureSummary?: string }[] }[] };
    const { axe } = globalThis as unknown as { axe: { run(root: Document): Promise<Result> } };
    return (await axe.run(document)).violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target.join(" ")} ${node.failureSummary ?? ""}`).join("; ")}`,
    );
  });
  expect(violations, `accessibility of ${what}`).toEqual([]);
}

/** Whether anything reaches beyond the side of the window. */
export const overflows = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
