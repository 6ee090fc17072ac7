import { readFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser, Page } from "playwright-core";
import { launch, inspect } from "./chromium";
import { pdf } from "./documents";
import { Node, scratch, unique } from "./nodes";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
let place: Awaited<ReturnType<typeof scratch>>, anna: Node, ben: Node, browser: Browser, page: Page;
const HALL = unique("Hall printer");
beforeAll(async () => {
  place = await scratch();
  ben = await Node.start(join(place.path, "ben"), unique("Ben's desktop"));
  await ben.ask("share", "printer", "save-as-pdf", "--name", HALL);
  anna = await Node.start(join(place.path, "anna"), unique("Anna"));
  browser = await launch();
  const context = await browser.newContext({ viewport: { width: 1120, height: 800 }, locale: "en-GB" });
  page = await context.newPage();
  page.on("console", (m) => m.type() === "error" && console.log("CONSOLE", m.text()));
  await page.route("**/*", async (route) => {
    const path = new URL(route.request().url()).pathname;
    const file = join(DIST, path === "/" ? "index.html" : path);
    if (route.request().method() === "GET" && existsSync(file)) {
      await route.fulfill({ body: await readFile(file), contentType: file.endsWith("html") ? "text/html" : file.endsWith("css") ? "text/css" : file.endsWith("svg") ? "image/svg+xml" : "text/javascript" });
    } else await route.continue();
  });
});
afterAll(async () => { await browser?.close(); await anna?.stop(); await ben?.stop(); await place?.[Symbol.asyncDispose](); });

test("try", async () => {
  await page.goto(await anna.ask<string>("browser"));
  await page.waitForTimeout(1000);
  for (const name of ["Continue", "Mark as my own", "Just look around", "Finish"]) {
    const b = page.getByRole("button", { name, exact: true });
    await b.click({ timeout: 3000 }).catch(() => console.log("no", name));
  }
  await page.getByRole("heading", { name: HALL }).waitFor();
  page.on("response", async (r) => {
    if (!r.url().endsWith("/rpc")) return;
    const q = r.request().postData() ?? "";
    if (/preview|capab|print/.test(q)) console.log(q.slice(0, 220), "=>", (await r.text()).slice(0, 300), r.request().timing().responseEnd);
  });
  await page.getByRole("button", { name: /^Print… Hall/ }).click();
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.getByRole("button", { name: "Choose files…" }).click()]);
  await chooser.setFiles({ name: "Report.pdf", mimeType: "application/pdf", buffer: pdf("one", "two", "three", "four", "five") });
  await page.waitForTimeout(3000);
  await inspect(page, "try-dialog");
  await page.getByText("More options").click();
  await page.getByLabel("Pages per side").selectOption("2");
  await page.waitForTimeout(2000);
  await inspect(page, "try-dialog-2up");
  await page.getByRole("switch", { name: "Booklet" }).click().catch(() => {});
  await page.waitForTimeout(2000);
  await inspect(page, "try-dialog-booklet");
  await page.getByRole("button", { name: "Print", exact: true }).click();
  await page.waitForTimeout(4000);
  await page.goto(page.url().split("#")[0] + "#/activity");
  await page.waitForTimeout(1000);
  await inspect(page, "try-activity");
  console.log(JSON.stringify((await anna.ask<unknown[]>("jobs"))[0]));
  expect(1).toBe(1);
});
