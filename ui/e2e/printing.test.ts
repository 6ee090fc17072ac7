// Printing as people do it: Anna's page and Ben's page on two real nodes, a real CUPS with a real printer on Ben's
// side, and another CUPS in which Anna's own programs print. What is claimed on a screen is looked for on paper.

import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Locator } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Job, NewPass } from "../src/api";
import { inspect, launch, overflows, SCREENSHOTS } from "./chromium";
import { pdf, red } from "./documents";
import { scratch, unique, until } from "./nodes";
import { Cups, Shop } from "./printers";
import { Screen } from "./screen";

const ANNA = unique("Anna's laptop");
const BEN = unique("Ben's desktop");
/** A queue of CUPS with the printer behind it, and Ben's other printer, which makes files. */
const LASER = unique("Hall laser");
const FILES = unique("Paperless");

let place: Awaited<ReturnType<typeof scratch>>;
let browser: Browser;
let shop: Shop;
let cups: Cups;
let anna: Screen;
let ben: Screen;

beforeAll(async () => {
  place = await scratch();
  // The filters of CUPS run as somebody else and must find their way to their files.
  await chmod(place.path, 0o711);
  browser = await launch();
  [shop, cups] = await Promise.all([Shop.open(join(place.path, "shop"), "Hall"), Cups.start(join(place.path, "cups"))]);
  await shop.cups.run("lpadmin", "-p", "Hall", "-D", LASER);
  [anna, ben] = await Promise.all([
    Screen.open(browser, join(place.path, "anna"), ANNA, cups.environment),
    Screen.open(browser, join(place.path, "ben"), BEN, shop.cups.environment),
  ]);
  for (const screen of [anna, ben]) await screen.lookAround();
});

afterAll(async () => {
  for (const screen of [anna, ben]) await screen?.close();
  await browser?.close();
  await shop?.cups.stop();
  await cups?.stop();
  await place?.[Symbol.asyncDispose]();
});

// What they saw when it went wrong.
afterEach(async ({ task }) => {
  if (task.result?.state !== "fail") return;
  for (const [name, screen] of Object.entries({ anna, ben })) await screen?.page.screenshot({ path: `${SCREENSHOTS}failed-${name}.png` });
});

const card = (printer: string): Locator => anna.card(printer).filter({ hasText: BEN });
const row = (screen: Screen, title: string): Locator => screen.page.getByRole("main").getByRole("listitem").filter({ hasText: title });
const printButton = () => anna.dialog.getByRole("button", { name: "Print", exact: true });

/** From dropping a document on a printer to the dialog's end. */
async function print(printer: string, title: string, document: Buffer, choose?: () => Promise<void>) {
  await anna.go("Nearby");
  await anna.drop(printer, title, document);
  await anna.dialog.locator("[aria-busy=false] img").waitFor();
  await choose?.();
  await anna.click(printButton());
  await anna.dialog.waitFor({ state: "detached" });
}

/** Where the picture of the paper has something on it, in parts of its sides, and whether there is colour in it. */
const ink = () =>
  anna.dialog.locator("[aria-busy=false] img").evaluate(async (image: HTMLImageElement) => {
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: image.naturalWidth, height: image.naturalHeight });
    const drawing = canvas.getContext("2d")!;
    drawing.drawImage(image, 0, 0);
    const { data, width, height } = drawing.getImageData(0, 0, canvas.width, canvas.height);
    const seen = { top: 1, bottom: 0, color: false };
    for (let at = 0; at < data.length; at += 4) {
      const [r = 0, g = 0, b = 0] = data.subarray(at, at + 3);
      if (Math.min(r, g, b) > 160) continue;
      const y = Math.floor(at / 4 / width) / height;
      seen.top = Math.min(seen.top, y);
      seen.bottom = Math.max(seen.bottom, y);
      seen.color ||= Math.max(r, g, b) - Math.min(r, g, b) > 40;
    }
    return seen;
  });

/** What Ben's printer, or its window, says on Anna's page. */
const says = (words: string | RegExp) => card(LASER).getByText(words).waitFor();

/** Changes who may use the printer, and how. */
async function rules(change: () => Promise<void>) {
  await ben.go("My sharing");
  await ben.click(ben.page.getByRole("button", { name: new RegExp(`^Who: .*${LASER}$`) }));
  const more = ben.dialog.locator("details");
  if (!(await more.evaluate((details: HTMLDetailsElement) => details.open))) await ben.dialog.getByText("More", { exact: true }).click();
  await change();
  await ben.click(ben.dialog.getByRole("button", { name: "Save" }));
  await ben.dialog.waitFor({ state: "detached" });
}

describe.sequential("a printer that is shared", () => {
  test("comes from this computer's print service with a switch, and is there for the neighbour", async () => {
    await ben.go("My sharing");
    await ben.click(ben.page.getByRole("switch", { name: LASER }));
    await ben.node.ask("share", "printer", "save-as-pdf", "--name", FILES, "--to", "network");
    await says("Ready");
    await card(FILES).getByText("Ready").waitFor();
    await inspect(anna.page, "real-nearby");
  });

  test("prints what was chosen, as the preview showed it", async () => {
    await print(LASER, "Garden plan.pdf", red("cover", "roses", "beans", "compost"), async () => {
      await anna.dialog.getByText("Some", { exact: true }).click();
      await anna.dialog.getByLabel("Which pages").fill("2-3");
      await anna.dialog.getByLabel("Copies", { exact: true }).fill("2");
      await anna.dialog.getByRole("group", { name: "Sides" }).getByText("Both", { exact: true }).click();
      await anna.dialog.getByRole("img", { name: "Garden plan.pdf, side 1 of 2, as it will be on paper" }).waitFor();
      const seen = await ink();
      // The text stands at 720 of 842 points, the square ends at 300.
      expect(seen.color).toBe(true);
      expect(seen.top).toBeCloseTo(1 - (720 + 17) / 842, 1);
      expect(seen.bottom).toBeCloseTo(1 - 300 / 842, 1);
      await inspect(anna.page, "real-print");
      await anna.dialog.getByText("Grey", { exact: true }).click();
      await expect.poll(async () => (await ink()).color, { message: "grey where it will be grey" }).toBe(false);
    });
    await anna.notes.getByText("Printed · 2 pages").waitFor();
    const paper = await until("the paper", () => shop.paper("roses"));
    expect(paper).toMatchObject({ pages: ["roses", "beans"], copies: 2 });
    expect(paper.ticket).toMatchObject({ IPP_SIDES: "two-sided-long-edge", IPP_PRINT_COLOR_MODE: "monochrome" });
  });

  test("says on both screens what it lacks, and the job goes on when it is there", async () => {
    await shop.setPaper(false);
    await shop.setToner(5);
    await print(LASER, "Recipe.pdf", pdf("flour"));
    await says("Needs paper");
    await inspect(anna.page, "real-nearby-no-paper");
    await anna.go("Activity");
    await row(anna, "Recipe.pdf").getByText("Stopped: Needs paper").waitFor();
    await inspect(anna.page, "real-activity-no-paper");
    await ben.go("Activity");
    await row(ben, "Recipe.pdf").getByText("Stopped: Needs paper").waitFor();
    await ben.go("My sharing");
    await ben.page.getByRole("main").getByText("Needs paper").waitFor();
    await ben.page.getByText("5%, low").waitFor();
    await inspect(ben.page, "real-sharing-no-paper");
    await anna.go("Nearby");
    await anna.click(card(LASER).getByRole("button", { name: `Details ${LASER}` }));
    await anna.dialog.getByText("Black Toner").waitFor();
    await anna.dialog.getByText("5%, low").waitFor();
    await inspect(anna.page, "real-printer");
    await anna.page.keyboard.press("Escape");
    await shop.setPaper(true);
    await anna.go("Activity");
    await row(anna, "Recipe.pdf").getByText(/^Printed/).waitFor();
    expect(await shop.paper("flour")).toMatchObject({ pages: ["flour"], copies: 1 });
  });
});

describe.sequential("jobs that wait", () => {
  test("are held and let go, moved to another printer and cancelled", async () => {
    await shop.setBusy(true);
    await print(LASER, "First.pdf", pdf("first"));
    for (const title of ["Held", "Moved", "Dropped"]) await print(LASER, `${title}.pdf`, pdf(title.toLowerCase()));
    await anna.go("Activity");
    for (const title of ["Held.pdf", "Moved.pdf", "Dropped.pdf"]) await row(anna, title).getByText("Waiting to print").waitFor();
    await anna.click("Hold Held.pdf");
    await row(anna, "Held.pdf").getByText("Held: until you let it print").waitFor();
    await ben.go("Activity");
    await row(ben, "Held.pdf").getByText("Held: until its sender lets it go").waitFor();
    await anna.click("Move… Moved.pdf");
    await anna.dialog.getByText(FILES, { exact: true }).click();
    await inspect(anna.page, "real-move");
    await anna.click("Print there");
    await anna.notes.getByText(`Moved.pdf goes to ${FILES} now.`).waitFor();
    await anna.click("Cancel Dropped.pdf");
    await row(anna, "Dropped.pdf").getByText("Cancelled").waitFor();
    await row(anna, "Moved.pdf").getByText(/^Printed/).waitFor();
    await anna.page.setViewportSize({ width: 1120, height: 1100 });
    await inspect(anna.page, "real-jobs");
    await inspect(ben.page, "real-jobs-of-others");
    await anna.page.setViewportSize({ width: 1120, height: 760 });
    await shop.setBusy(false);
    await row(anna, "First.pdf").getByText(/^Printed/).waitFor();
    expect(await shop.paper("held"), "held while the others are printed").toBeUndefined();
    await anna.click("Let it print Held.pdf");
    await row(anna, "Held.pdf").getByText(/^Printed/).waitFor();
    const paper = (await shop.tray()).map(({ pages }) => pages[0]);
    expect(paper.filter((page) => ["first", "held", "moved", "dropped"].includes(page!))).toEqual(["first", "held"]);
  });

  test("are printed once more from the list of what is over", async () => {
    await anna.click("Print again Held.pdf");
    await until("the second paper", async () => (await shop.tray()).filter(({ pages }) => pages[0] === "held").length === 2);
    await expect.poll(() => row(anna, "Held.pdf").getByText(/^Printed/).count()).toBe(2);
  });

  test("wait while the owner has paused the printer, and go on after", async () => {
    await ben.go("My sharing");
    await ben.click(`Pause ${LASER}`);
    await ben.page.getByText("Paused; jobs wait").waitFor();
    await anna.go("Nearby");
    await says(/Paused by its owner/);
    await print(LASER, "Later.pdf", pdf("later"));
    await anna.go("Activity");
    await row(anna, "Later.pdf").getByText("Waiting to print · Paused by its owner").waitFor();
    await inspect(anna.page, "real-paused");
    await inspect(ben.page, "real-paused-owner");
    expect(await shop.paper("later")).toBeUndefined();
    await ben.click(`Resume ${LASER}`);
    await row(anna, "Later.pdf").getByText(/^Printed/).waitFor();
    expect(await shop.paper("later")).toMatchObject({ pages: ["later"] });
  });
});

describe.sequential("the owner's rules", () => {
  test("pages a day: what is too much is refused with words, and not printed", async () => {
    await rules(() => ben.dialog.getByLabel("Pages a day per device").fill("1"));
    await print(LASER, "Novel.pdf", pdf("chapter one", "chapter two"));
    await anna.go("Activity");
    await row(anna, "Novel.pdf").getByText("Not printed: that was all for today").waitFor();
    expect(await row(anna, "Novel.pdf").getByRole("button").allTextContents()).toEqual(["Try again", "Move…"]);
    await inspect(anna.page, "real-spent");
    expect(await shop.paper("chapter one")).toBeUndefined();
    await rules(() => ben.dialog.getByLabel("Pages a day per device").fill(""));
  });

  test("grey only: the preview is grey, and so is what the printer is told", async () => {
    await rules(() => ben.dialog.getByRole("switch", { name: "Grey only" }).click());
    await print(LASER, "Poster.pdf", red("poster"), async () => {
      expect((await ink()).color).toBe(false);
      await anna.dialog.getByText("Black and white only.").waitFor();
      await inspect(anna.page, "real-grey-only");
    });
    const paper = await until("the poster", () => shop.paper("poster"));
    expect(paper.ticket["IPP_PRINT_COLOR_MODE"]).toBe("monochrome");
    await rules(() => ben.dialog.getByRole("switch", { name: "Grey only" }).click());
  });

  test("quiet hours: the job is held on both screens, until the owner lets it print", async () => {
    const clock = (minutes: number) => new Date(Date.now() + minutes * 60_000).toTimeString().slice(0, 5);
    await rules(async () => {
      await ben.dialog.getByRole("switch", { name: "Quiet hours" }).click();
      await ben.dialog.getByLabel("From", { exact: true }).fill(clock(-60));
      await ben.dialog.getByLabel("To", { exact: true }).fill(clock(120));
    });
    await print(LASER, "Lullaby.pdf", pdf("lullaby"));
    await anna.go("Activity");
    await row(anna, "Lullaby.pdf").getByText("Held: quiet hours").waitFor();
    await inspect(anna.page, "real-quiet-hours");
    await ben.go("Activity");
    await row(ben, "Lullaby.pdf").getByText("Held: quiet hours").waitFor();
    expect(await shop.paper("lullaby")).toBeUndefined();
    await ben.click("Let it print Lullaby.pdf");
    await row(anna, "Lullaby.pdf").getByText(/^Printed/).waitFor();
    expect(await shop.paper("lullaby")).toMatchObject({ pages: ["lullaby"] });
    await rules(() => ben.dialog.getByRole("switch", { name: "Quiet hours" }).click());
  });

  test("ask me each time: the card says what it is about, and nothing is on paper before the yes", async () => {
    await rules(() => ben.dialog.getByText("Ask me each time", { exact: true }).click());
    await anna.go("Nearby");
    await says("Ask its owner first");
    await anna.drop(LASER, "Contract.pdf", pdf("contract", "signatures"));
    await anna.dialog.getByLabel("Copies", { exact: true }).waitFor();
    await anna.click(printButton());
    await ben.questions.getByText(`${ANNA} wants to print “Contract.pdf” (2 pages) on ${LASER}`).waitFor();
    await inspect(ben.page, "real-question");
    expect(await shop.paper("contract")).toBeUndefined();
    await ben.click(ben.questions.getByRole("button", { name: "Allow once" }));
    await until("the contract", () => shop.paper("contract"));
    await rules(() => ben.dialog.getByText("Anyone on this network", { exact: true }).click());
    await anna.go("Nearby");
    await says("Ready");
  });

  test("a guest with a PIN prints on it, from the phone's own page", async () => {
    const pass = await ben.node.ask<NewPass>("guest", LASER, "--print", "--label", "Aunt");
    const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: "en-GB", viewport: { width: 390, height: 720 } });
    const phone = await context.newPage();
    phone.setDefaultTimeout(15_000);
    await phone.goto(pass.page);
    await phone.getByLabel("PIN").fill(pass.pin);
    await phone.getByRole("button", { name: "Go in" }).click();
    await phone.getByLabel("File").setInputFiles({ name: "Ticket.pdf", mimeType: "application/pdf", buffer: pdf("seat 12A") });
    await phone.getByRole("button", { name: "Print" }).click();
    await phone.getByText("Printed", { exact: true }).waitFor();
    await inspect(phone, "real-guest-printed");
    expect(await shop.paper("seat 12A")).toMatchObject({ pages: ["seat 12A"], copies: 1 });
    await ben.go("Activity");
    await row(ben, "Ticket.pdf").getByText("Aunt").first().waitFor();
    await ben.node.ask("guest", "end", pass.pass.id);
    await context.close();
  });
});

describe.sequential("this computer's own print dialog", () => {
  let queue: string;

  test("has the printer after one click, and what a program prints there is on the neighbour's paper", async () => {
    await anna.go("Nearby");
    expect(await cups.queues()).toEqual([]);
    expect(await anna.count(() => anna.click(`Add to this computer ${LASER}`))).toBe(1);
    await anna.notes.getByText(`${LASER} is now in the print dialog of every program.`).waitFor();
    [queue] = (await until("the queue", async () => ((await cups.queues()).length > 0 ? cups.queues() : null))) as [string];
    await card(LASER).getByText(/^Added/).waitFor();
    await inspect(anna.page, "real-added");
    const letter = join(place.path, "letter.pdf");
    await writeFile(letter, pdf("dear aunt"));
    await cups.run("lp", "-d", queue, "-t", "Letter to my aunt", letter);
    await until("the letter", () => shop.paper("dear aunt"), 40);
    await anna.go("Activity");
    await row(anna, "Letter to my aunt").getByText(/^Printed/).waitFor();
    await inspect(anna.page, "real-printed-by-a-program");
  });

  test("loses it after one more", async () => {
    await anna.go("Nearby");
    await anna.click(`Remove ${LASER}`);
    await anna.notes.getByText(`${LASER} was taken out of this computer's print dialog.`).waitFor();
    await until("the queue to be gone", async () => !(await cups.queues()).includes(queue));
  });
});

test("all of it fits a window of 320 pixels in German, and says it in German", async () => {
  const context = await browser.newContext({ viewport: { width: 320, height: 700 }, locale: "de-DE" });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  await page.goto(await anna.node.ask<string>("browser"));
  await page.getByRole("heading", { name: "In der Nähe", level: 1 }).waitFor();
  for (const name of ["Aktivität", "In der Nähe"]) {
    await page.getByRole("link", { name }).first().click();
    await page.getByRole("heading", { name, level: 1 }).waitFor();
    expect(await overflows(page), name).toBe(false);
    await page.setViewportSize({ width: 320, height: 2400 });
    await inspect(page, `real-de-${name === "Aktivität" ? "activity" : "nearby"}`);
    await page.setViewportSize({ width: 320, height: 700 });
  }
  await context.close();
});

test("every job that ended is told alike by both nodes", async () => {
  const ended = (jobs: Job[]) => new Map(jobs.map(({ id, state }) => [id, state]));
  const [here, there] = [ended(await anna.node.ask<Job[]>("jobs")), ended(await ben.node.ask<Job[]>("jobs"))];
  let both = 0;
  for (const [id, state] of here) {
    if (!there.has(id)) continue;
    both += 1;
    expect(there.get(id), id).toBe(state);
  }
  expect(both).toBeGreaterThan(8);
});

test("the pages made no complaint while all this happened", () => {
  for (const screen of [anna, ben]) expect(screen.problems, screen.name).toEqual([]);
});
