// The main job in a browser: Anna's page, on Anna's node, next to Ben's node. Every step is a click of a person.

import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Job, Nearby, NodeStatus } from "../src/api";
import { accessible, inspect, launch, overflows } from "./chromium";
import { pdf } from "./documents";
import { Node, scratch, unique, until } from "./nodes";

const BEN = unique("Ben's desktop");
const ANNA = unique("Anna's laptop");
const HALL = unique("Hall printer");
const PHOTOS = unique("Family photos");
const PROJECT = unique("Project files");

let place: Awaited<ReturnType<typeof scratch>>;
let anna: Node;
let ben: Node;
let browser: Browser;
let context: BrowserContext;
let page: Page;
const problems: string[] = [];

const photo = randomBytes(3_000_000);

beforeAll(async () => {
  place = await scratch();
  const share = join(place.path, "photos");
  await mkdir(join(share, "2019 Summer"), { recursive: true });
  await mkdir(join(place.path, "project"));
  await mkdir(join(place.path, "recipes"));
  await writeFile(join(share, "2019 Summer", "Beach & 100% sun.jpg"), photo);
  await writeFile(join(share, "read me.txt"), "Hello Anna\n");

  ben = await Node.start(join(place.path, "ben"), BEN);
  await ben.ask("share", "printer", "save-as-pdf", "--name", HALL);
  await ben.ask("share", "folder", share, "--name", PHOTOS);
  await ben.ask("share", "folder", join(place.path, "project"), "--name", PROJECT, "--write");

  anna = await Node.start(join(place.path, "anna"));
  browser = await launch();
  context = await browser.newContext({ viewport: { width: 1120, height: 720 }, locale: "en-GB" });
  page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
});

afterAll(async () => {
  await browser?.close();
  await anna?.stop();
  await ben?.stop();
  await place?.[Symbol.asyncDispose]();
});

const card = (name: string): Locator => page.getByRole("listitem").filter({ has: page.getByRole("heading", { name }) });
const openPlace = (name: string) => page.getByRole("navigation", { name: "Places" }).getByRole("link", { name }).click();

/** The file that a printer which saves to PDF files has made of a document. */
async function printed(node: Node): Promise<string[]> {
  const { downloads_dir } = await node.ask<NodeStatus>("status");
  const folder = join(downloads_dir, "Printed");
  return existsSync(folder) ? await readdir(folder) : [];
}

describe.sequential("the main job in a browser", () => {
  test("a page without the link's token is told how to get one", async () => {
    const link = new URL(await anna.ask<string>("browser"));
    const stranger = await (await browser.newContext()).newPage();
    await stranger.goto(link.origin);
    await stranger.getByText("fresh link").first().waitFor();
    await accessible(stranger, "the page for strangers");
    await stranger.context().close();
  });

  test("first run takes at most four clicks, and nothing is shared before a switch is turned", async () => {
    await anna.ask("network", "public", "current");
    await page.goto(await anna.ask<string>("browser"));
    await page.getByRole("heading", { name: "Welcome to Lanyard" }).waitFor();
    expect(page.url(), "the token leaves the address bar at once").not.toContain("token");
    await inspect(page, "first-run-name");
    let clicks = 0;
    const click = async (name: string) => {
      clicks++;
      await page.getByRole("button", { name, exact: true }).click();
    };
    await page.getByLabel("Name of this computer").fill(ANNA);
    await click("Continue");
    await page.getByRole("heading", { name: "Is this your own network?" }).waitFor();
    await inspect(page, "first-run-network");
    await click("Mark as my own");
    await page.getByRole("heading", { name: "Bring your devices together" }).waitFor();
    await inspect(page, "first-run-home");
    await click("Just look around");
    await page.getByRole("heading", { name: "What do you want to share?" }).waitFor();
    for (const one of await page.getByRole("switch").all()) expect(await one.isChecked()).toBe(false);
    await inspect(page, "first-run-share");
    await click("Finish");
    await page.getByRole("heading", { name: "Nearby", level: 1 }).waitFor();
    expect(clicks).toBeLessThanOrEqual(4);
    const status = await anna.ask<NodeStatus>("status");
    expect(status).toMatchObject({ name: ANNA, first_run: false, sharing: "visible" });
    expect(await anna.ask("shares")).toEqual([]);
  });

  test("Nearby shows the neighbour's printer and folders, and what may be done with them", async () => {
    await card(HALL).getByText("Ready").waitFor();
    await card(PHOTOS).getByText("read only").waitFor();
    await card(PROJECT).getByText("read and write").waitFor();
    await card(BEN).getByText("1 printer, 2 folders").waitFor();
    await inspect(page, "nearby");
  });

  test("a file is printed in three clicks and followed to the end", async () => {
    await card(HALL).getByRole("button", { name: /^Print…/ }).click();
    const dialog = page.getByRole("dialog");
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), dialog.getByRole("button", { name: "Choose files…" }).click()]);
    await chooser.setFiles({ name: "Quarterly report.pdf", mimeType: "application/pdf", buffer: pdf("one", "two", "three") });
    await dialog.getByText("Quarterly report.pdf").first().waitFor();
    await dialog.getByText("The printer's usual settings.").or(dialog.getByText("Black and white only.")).waitFor();
    await dialog.getByRole("img", { name: "Quarterly report.pdf, side 1 of 3, as it will be on paper" }).waitFor();
    await inspect(page, "print");
    const before = (await printed(ben)).length;
    await dialog.getByRole("button", { name: "Print", exact: true }).click();
    await dialog.waitFor({ state: "detached" });
    const note = page.getByRole("region", { name: "What was just begun" });
    await note.getByText("Quarterly report.pdf").waitFor();
    await note.getByText(/^Printed/).waitFor();
    const pages = await until("the pages in Ben's folder", async () => (await printed(ben)).length > before && (await printed(ben)));
    expect(pages.some((name) => name.includes("Quarterly report")), pages.join()).toBe(true);
  });

  test("what a person chooses is what the printer is told", async () => {
    await card(HALL).getByRole("button", { name: /^Print…/ }).click();
    const dialog = page.getByRole("dialog");
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), dialog.getByRole("button", { name: "Choose files…" }).click()]);
    await chooser.setFiles({ name: "Chosen.pdf", mimeType: "application/pdf", buffer: pdf("one", "two", "three") });
    await dialog.getByText("Some", { exact: true }).click();
    await dialog.getByLabel("Which pages").fill("3-1");
    await dialog.getByText("Write pages like 1-3, 5.").waitFor();
    expect(await dialog.getByRole("button", { name: "Print", exact: true }).isDisabled(), "wrong pages cannot be sent").toBe(true);
    await dialog.getByLabel("Which pages").fill("1, 3");
    await dialog.getByText("Only pages 1, 3.").waitFor();
    await dialog.getByRole("img", { name: /side 1 of 2/ }).waitFor();
    await dialog.getByText("More options").click();
    await dialog.getByLabel("Pages per side").selectOption("2");
    await dialog.getByRole("img", { name: /side 1 of 1/ }).waitFor();
    await inspect(page, "print-two-pages");
    await dialog.getByRole("button", { name: "Print", exact: true }).click();
    await dialog.waitFor({ state: "detached" });
    const job = await until("the job", async () => (await anna.ask<Job[]>("jobs")).find((job) => job.title.startsWith("Chosen")));
    expect(job.options).toMatchObject({ pages: "1,3", number_up: 2 });
  });

  test("a file dropped on a printer lights it up first, then asks how to print", async () => {
    const target = card(HALL);
    const dropping = await page.evaluateHandle(() => {
      const data = new DataTransfer();
      data.items.add(new File(["hello"], "note.txt", { type: "text/plain" }));
      return data;
    });
    const box = (await target.boundingBox())!;
    const at = { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2, dataTransfer: dropping };
    await target.dispatchEvent("dragover", at);
    await target.getByText("Drop to print 1 file").waitFor();
    await inspect(page, "nearby-drop");
    await target.dispatchEvent("drop", at);
    const dialog = page.getByRole("dialog", { name: "Print note.txt" });
    await dialog.waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
  });

  test("a folder opens in one click, and a download is identical to the original", async () => {
    await card(PHOTOS).getByRole("link", { name: /^Open/ }).click();
    await page.getByRole("heading", { name: PHOTOS, level: 1 }).waitFor();
    await inspect(page, "folder");
    await page.getByRole("link", { name: "2019 Summer" }).click();
    await page.getByRole("button", { name: "Download Beach & 100% sun.jpg" }).click();
    await page.getByText("Checked: identical to the original", { exact: true }).waitFor();
    const { downloads_dir } = await anna.ask<NodeStatus>("status");
    expect(photo.equals(await readFile(join(downloads_dir, "Beach & 100% sun.jpg")))).toBe(true);
  });

  test("a file can also be saved through the browser", async () => {
    const [saved] = await Promise.all([
      page.waitForEvent("download"),
      (async () => {
        await page.getByRole("row", { name: /Beach/ }).click({ button: "right" });
        await page.getByRole("menuitem", { name: "Save through this browser" }).click();
      })(),
    ]);
    expect(saved.suggestedFilename()).toBe("Beach & 100% sun.jpg");
    expect(photo.equals(await readFile(await saved.path()))).toBe(true);
  });

  test("the folder is walked with the keyboard alone", async () => {
    await page.goBack();
    await page.getByRole("link", { name: "2019 Summer" }).focus();
    await page.keyboard.press("ArrowDown");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toContain("read me.txt");
    await page.keyboard.press("Home");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "2019 Summer", level: 1 }).waitFor();
    await page.getByRole("button", { name: /^Beach/ }).focus();
    await page.keyboard.press("Backspace");
    await page.getByRole("heading", { name: PHOTOS, level: 1 }).waitFor();
  });

  test("a file is copied into a folder that may be written, and not offered for one that may not", async () => {
    expect(await page.getByRole("button", { name: "Copy files here…" }).count(), "read only").toBe(0);
    await openPlace("Nearby");
    await card(PROJECT).getByRole("link", { name: /^Open/ }).click();
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.getByRole("button", { name: "Copy files here…" }).click()]);
    await chooser.setFiles({ name: "plan.txt", mimeType: "text/plain", buffer: Buffer.from("the plan") });
    await page.getByRole("button", { name: /^plan.txt/ }).waitFor();
    expect(await readFile(join(place.path, "project", "plan.txt"), "utf8")).toBe("the plan");
  });

  test("a printer and a folder are shared with a switch and a path, and taken back", async () => {
    const mine = async () => (await ben.ask<Nearby>("nearby")).printers.some((printer) => printer.device_name === ANNA);
    const folders = async () => (await ben.ask<Nearby>("nearby")).drives.filter((drive) => drive.device_name === ANNA);
    await openPlace("My sharing");
    await page.getByRole("switch", { name: "Save as PDF" }).click();
    await until("Ben to see the printer", mine);
    await page.getByRole("button", { name: "Share a folder" }).click();
    const dialog = page.getByRole("dialog", { name: "Share a folder" });
    await dialog.getByLabel("Folder", { exact: true }).fill(join(place.path, "missing"));
    await dialog.getByRole("button", { name: "Share", exact: true }).click();
    await dialog.getByRole("alert").waitFor();
    await inspect(page, "share-folder-error");
    await dialog.getByLabel("Folder", { exact: true }).fill(join(place.path, "recipes"));
    await dialog.getByRole("button", { name: "Share", exact: true }).click();
    await dialog.waitFor({ state: "detached" });
    await until("Ben to see the folder, read only", async () => (await folders()).some((drive) => !drive.writable));
    await page.getByRole("switch", { name: "Others may change recipes" }).click();
    await until("Ben to be allowed to write", async () => (await folders()).some((drive) => drive.writable));
    await inspect(page, "my-sharing");
    await page.getByRole("button", { name: "Stop sharing recipes" }).click();
    await until("the folder to be gone for Ben", async () => (await folders()).length === 0);
    await page.getByRole("switch", { name: "Save as PDF" }).click();
    await until("the printer to be gone for Ben", async () => !(await mine()));
  });

  test("a job for a device that does not answer says so and can be cancelled", async () => {
    await openPlace("Nearby");
    await card(HALL).getByRole("button", { name: /^Print…/ }).click();
    const dialog = page.getByRole("dialog");
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), dialog.getByRole("button", { name: "Choose files…" }).click()]);
    await chooser.setFiles({ name: "Held.pdf", mimeType: "application/pdf", buffer: pdf("held") });
    await dialog.getByLabel("Copies", { exact: true }).waitFor();
    await ben.kill();
    await dialog.getByRole("button", { name: "Print", exact: true }).click();
    await openPlaceFromNote();
    const row = page.getByRole("listitem").filter({ hasText: "Held.pdf" });
    await row.getByText("isn't answering").waitFor();
    await inspect(page, "activity");
    await row.getByRole("button", { name: "Cancel Held.pdf" }).click();
    await row.getByText("Cancelled").waitFor();

    ben = await Node.start(join(place.path, "ben"));
    await openPlace("Nearby");
    await card(HALL).getByText("Ready").waitFor();
    // Time enough to be printed, had it not been cancelled: the others took less than a second.
    await new Promise((done) => setTimeout(done, 2000));
    expect((await printed(ben)).filter((name) => name.includes("Held"))).toEqual([]);
  });

  test("every other place is accessible in both themes", async () => {
    for (const [name, heading] of [["My home", "My home"], ["Settings", "Settings"], ["Help", "Help"]] as const) {
      await openPlace(name);
      await page.getByRole("heading", { name: heading, level: 1 }).waitFor();
      await inspect(page, heading.toLowerCase().replace(" ", "-"));
    }
  });

  test("the words follow the chosen language and the colours the chosen theme, also after a reload", async () => {
    await openPlace("Settings");
    await page.emulateMedia({ colorScheme: "light" });
    await page.getByText("Dark", { exact: true }).click();
    await page.getByLabel("Language").selectOption("de");
    await page.getByRole("heading", { name: "Einstellungen", level: 1 }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Einstellungen", level: 1 }).waitFor();
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe("rgb(23, 24, 26)");
    await page.getByRole("link", { name: "In der Nähe" }).click();
    await card(HALL).getByText("Bereit").waitFor();
    await inspect(page, "nearby-german");
    await page.getByRole("link", { name: "Einstellungen" }).click();
    await page.getByLabel("Sprache").selectOption("en");
    await page.getByText("System", { exact: true }).first().click();
  });

  test("nothing reaches beyond the side of a phone's window", async () => {
    await page.setViewportSize({ width: 320, height: 640 });
    const drive = (await anna.ask<Nearby>("nearby")).drives.find((drive) => drive.name === PHOTOS)!;
    for (const hash of ["nearby", "sharing", "activity", "more", "home", "settings", "help", `drive/${encodeURIComponent(drive.id)}`]) {
      await page.evaluate((hash) => (location.hash = `#/${hash}`), hash);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.waitForTimeout(200);
      expect(await overflows(page), hash).toBe(false);
      await accessible(page, `${hash} at 320 px`);
    }
    await page.evaluate(() => (location.hash = "#/nearby"));
    await inspect(page, "nearby-narrow");
    await page.setViewportSize({ width: 1120, height: 720 });
  });

  test("with forced colours and reduced motion everything is still there", async () => {
    await page.emulateMedia({ forcedColors: "active", reducedMotion: "reduce" });
    await card(HALL).getByRole("button", { name: /^Print…/ }).waitFor();
    await inspect(page, "nearby-forced-colours");
    await page.emulateMedia({ forcedColors: "none" });
  });

  test("when the neighbour says goodbye its things leave, and the page says what to do instead", async () => {
    await ben.stop();
    await card(HALL).waitFor({ state: "detached" });
    const others = (await anna.ask<Nearby>("nearby")).devices.length;
    if (others === 0) await page.getByText("No other devices yet").waitFor();
    await inspect(page, "nearby-empty");
  });

  test("the page made no complaint while all this happened", () => expect(problems).toEqual([]));

  async function openPlaceFromNote() {
    await page.getByRole("region", { name: "What was just begun" }).getByRole("link", { name: "Follow in Activity" }).last().click();
    await page.getByRole("heading", { name: "Activity", level: 1 }).waitFor();
  }
});
