// Devices that belong together, and others that do not: four nodes, each with its own page in Chromium. What happens
// on one page is looked for on another's, and every step is a click of a person.

import { existsSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Job, Nearby, NodeStatus, Share } from "../src/api";
import { inspect, launch } from "./chromium";
import { pdf } from "./documents";
import { scratch, unique, until } from "./nodes";
import { Screen } from "./screen";

/** How long a person waits for another screen to follow before they think that it is broken. */
const SECONDS = 8000;

const ANNA = unique("Anna's laptop");
const BEN = unique("Ben's desktop");
const PI = unique("Kitchen Pi");
const OFFICE = unique("Office PC");
const HOME = unique("Our home");
const PDF = "Save as PDF";
const PHOTOS = unique("Holiday photos");
/** Ben's printer, under the name that others see. */
let printer: string;

let place: Awaited<ReturnType<typeof scratch>>;
let browser: Browser;
let anna: Screen;
let ben: Screen;
let pi: Screen;
/** In no home, and not at all known to the others. */
let office: Screen;

beforeAll(async () => {
  place = await scratch();
  await mkdir(join(place.path, "photos"));
  await writeFile(join(place.path, "photos", "beach.jpg"), Buffer.alloc(20_000, 1));
  browser = await launch();
  [anna, ben, pi, office] = await Promise.all([
    Screen.open(browser, join(place.path, "anna"), undefined),
    Screen.open(browser, join(place.path, "ben"), undefined),
    Screen.open(browser, join(place.path, "pi"), PI),
    Screen.open(browser, join(place.path, "office"), OFFICE),
  ]);
  for (const screen of [pi, office]) await screen.lookAround();
});

afterAll(async () => {
  for (const screen of [anna, ben, pi, office]) await screen?.close();
  await browser?.close();
  await place?.[Symbol.asyncDispose]();
});

/** Who a page says is in the home. */
async function members(screen: Screen): Promise<string[]> {
  const names = await screen.page.getByRole("region", { name: HOME }).getByRole("listitem").allTextContents();
  return [ANNA, BEN, PI, OFFICE].filter((name) => names.some((text) => text.includes(name)));
}

/** What Ben's printer has put into files. */
async function printed(): Promise<string[]> {
  const { downloads_dir } = await ben.node.ask<NodeStatus>("status");
  const folder = join(downloads_dir, "Printed");
  return existsSync(folder) ? await readdir(folder) : [];
}

/** Another one for each number: whoever types the same wrong code again is not let try it again. */
const wrong = (code: string, number = 1) => code.slice(0, -1) + String((Number(code.at(-1)) + number) % 10);

describe.sequential("a home of three", () => {
  let code: string;

  test("it is started in one click after first run, and its recovery code is shown once", async () => {
    await anna.page.getByLabel("Name of this computer").fill(ANNA);
    const first = await anna.count(async () => {
      await anna.click("Continue");
      await anna.page.getByRole("heading", { name: "Bring your devices together" }).waitFor();
      await inspect(anna.page, "together-first-run");
      await anna.click("Just look around");
      await anna.click("Finish");
    });
    expect(first).toBeLessThanOrEqual(4);
    await anna.go("My home");
    await anna.page.getByLabel("Name of the home").fill(HOME);
    const clicks = await anna.count(() => anna.click("Start a home"));
    expect(clicks).toBe(1);
    const paper = anna.dialog.getByLabel("Recovery code");
    await paper.waitFor();
    const recovery = await paper.locator("span").allTextContents();
    expect(recovery.join("-")).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){6}[0-9A-HJKMNP-TV-Z]{4}$/);
    await inspect(anna.page, "together-recovery");
    await anna.click("I have kept it");
    await expect.poll(() => members(anna)).toEqual([ANNA]);
    await anna.page.reload();
    await expect.poll(() => members(anna)).toEqual([ANNA]);
    const { stdout } = await everything(anna);
    expect(stdout, "nothing tells it a second time").not.toContain(recovery.join("-"));
  });

  test("a wrong code is refused on the page where it is typed, and counted where it is shown", async () => {
    await anna.click("Add a device");
    code = await anna.shown();
    await anna.dialog.getByText("more minutes").waitFor();

    await ben.page.getByLabel("Name of this computer").fill(BEN);
    await ben.click("Continue");
    // It shows its digits to everybody: two of eight, and the device's own name.
    await ben.page.getByRole("button", { name: `${ANNA} ${code.slice(0, 2)}-…` }).waitFor();
    await ben.type(wrong(code));
    await ben.click("Join");
    await ben.page.getByRole("alert").getByText("This code isn't right").waitFor();
    await inspect(ben.page, "together-wrong-code");
    await anna.dialog.getByText("1 wrong code so far; three end it").waitFor({ timeout: SECONDS });
    await inspect(anna.page, "together-invite");
  });

  test("the second device is in after its code and one click, still in its first run", async () => {
    await ben.type(code);
    const clicks = await ben.count(async () => {
      await ben.click("Join");
      await ben.page.getByRole("heading", { name: "What do you want to share?" }).waitFor();
      await ben.click("Finish");
      await ben.page.getByRole("heading", { name: "Nearby", level: 1 }).waitFor();
    });
    expect(clicks, "Join and Finish, after Continue").toBeLessThanOrEqual(3);
    await anna.dialog.getByText(`${BEN} came in`).waitFor({ timeout: SECONDS });
    await inspect(anna.page, "together-came-in");
  });

  test("the third comes with a click on each side, and everybody is on every page", async () => {
    expect(await anna.count(() => anna.click("Add another"))).toBe(1);
    await expect.poll(() => anna.shown()).not.toBe(code);
    code = await anna.shown();
    await pi.go("My home");
    await pi.page.getByRole("button", { name: `${ANNA} ${code.slice(0, 2)}-…` }).waitFor();
    await pi.type(code);
    expect(await pi.count(() => pi.click("Join"))).toBe(1);
    await pi.notes.getByText("This computer is in the home now").waitFor();
    await anna.dialog.getByText(`${PI} came in`).waitFor({ timeout: SECONDS });
    await anna.click("Done");
    await ben.go("My home");
    for (const screen of [anna, ben, pi]) {
      const all = expect.poll(() => members(screen), { message: `on the page of ${screen.name}`, timeout: SECONDS });
      await all.toEqual([ANNA, BEN, PI]);
    }
    await pi.page.getByText(`Devices are added and removed on ${ANNA}.`).waitFor();
    await inspect(anna.page, "together-home");
    await inspect(pi.page, "together-home-member");
  });

  test("three wrong codes burn it, and the screen that showed it says so", async () => {
    await anna.click("Add a device");
    code = await anna.shown();
    await office.go("My home");
    await office.page.getByRole("button", { name: `${ANNA} ${code.slice(0, 2)}-…` }).waitFor();
    for (let tries = 1; tries <= 3; tries++) {
      await office.type(wrong(code, tries));
      await office.click("Join");
      await office.page.getByRole("alert").waitFor();
      if (tries < 3) await anna.dialog.getByText(`${tries} wrong code`).waitFor({ timeout: SECONDS });
    }
    await anna.dialog.getByText("Someone tried a wrong code 3 times").waitFor({ timeout: SECONDS });
    await inspect(anna.page, "together-burned");
    await office.type(code);
    await office.click("Join");
    await office.page.getByRole("alert").getByText(/This code (isn't right|has ended)/).waitFor();
    await anna.dialog.getByRole("button", { name: "Close" }).last().click();
    await expect.poll(() => members(anna)).toEqual([ANNA, BEN, PI]);
  });
});

describe.sequential("what is shared with a home", () => {
  test("a switch shares a printer with the home: a member has it, a stranger does not see it", async () => {
    await ben.go("My sharing");
    const clicks = await ben.count(() => ben.click(ben.page.getByRole("switch", { name: PDF })));
    expect(clicks, "with My sharing, two").toBe(1);
    await ben.page.getByText("Who: Everyone at home").waitFor();
    const [share] = await ben.node.ask<Share[]>("shares");
    printer = share!.name;
    await anna.go("Nearby");
    await anna.card(printer).filter({ hasText: BEN }).getByText("Ready").waitFor({ timeout: SECONDS });
    await pi.go("Nearby");
    await pi.card(printer).filter({ hasText: BEN }).getByText("Ready").waitFor({ timeout: SECONDS });
    await office.go("Nearby");
    await office.card(BEN).waitFor({ timeout: SECONDS });
    expect((await office.node.ask<Nearby>("nearby")).printers.filter((one) => one.device_name === BEN)).toEqual([]);
    expect(await office.card(printer).filter({ hasText: BEN }).count()).toBe(0);
  });

  test("a member's page prints on it", async () => {
    await anna.click(anna.card(printer).filter({ hasText: BEN }).getByRole("button", { name: /^Print…/ }));
    const [chooser] = await Promise.all([anna.page.waitForEvent("filechooser"), anna.click(anna.dialog.getByRole("button", { name: "Choose files…" }))]);
    await chooser.setFiles({ name: "For the fridge.pdf", mimeType: "application/pdf", buffer: pdf("milk", "bread") });
    await anna.dialog.getByLabel("Copies", { exact: true }).waitFor();
    await anna.click(anna.dialog.getByRole("button", { name: "Print", exact: true }));
    await anna.notes.getByText("For the fridge.pdf").waitFor();
    await anna.notes.getByText(/^Printed/).waitFor();
    await until("the pages on Ben's disk", async () => (await printed()).some((name) => name.includes("For the fridge")));
  });

  test("everything is paused in two clicks and goes on in one", async () => {
    const paused = await ben.count(async () => {
      await ben.click("Pause sharing");
      await ben.click(/^For an hour/);
    });
    expect(paused).toBe(2);
    await ben.page.getByText(/^Sharing is paused until/).waitFor();
    await inspect(ben.page, "together-paused");
    await anna.card(printer).filter({ hasText: BEN }).getByRole("button").waitFor({ state: "detached", timeout: SECONDS });
    await inspect(anna.page, "together-other-paused");
    const resumed = await ben.count(() => ben.click("Resume sharing"));
    expect(resumed).toBe(1);
    await anna.card(printer).filter({ hasText: BEN }).getByText("Ready").waitFor({ timeout: SECONDS });
  });
});

describe.sequential("ask me each time", () => {
  const mine = () => office.card(printer).filter({ hasText: BEN });

  test("a stranger sees it once the owner wants to be asked", async () => {
    await ben.click(ben.page.getByRole("button", { name: new RegExp(`^Who: .*${PDF}$`) }));
    await ben.click(ben.dialog.getByText("Ask me each time", { exact: true }));
    await ben.click(ben.dialog.getByRole("button", { name: "Save" }));
    await ben.dialog.waitFor({ state: "detached" });
    await ben.page.getByText("Who: Ask me each time").waitFor();
    await mine().getByText("Ask its owner first").waitFor({ timeout: SECONDS });
    await inspect(office.page, "together-must-ask");
  });

  test("Allow once: the question is on the owner's page, and the job goes out and is done", async () => {
    await office.drop(printer, "Minutes.pdf");
    await office.dialog.getByLabel("Copies", { exact: true }).waitFor();
    await office.click(office.dialog.getByRole("button", { name: "Print", exact: true }));
    await office.notes.getByText(`${BEN} was asked. It prints as soon as they say yes.`).waitFor({ timeout: SECONDS });
    await ben.questions.getByText(`${OFFICE} wants to print “Minutes.pdf”`).waitFor({ timeout: SECONDS });
    await ben.questions.getByText("Its name is not proven").waitFor();
    await inspect(ben.page, "together-asked");
    await inspect(office.page, "together-asking");
    expect((await printed()).some((name) => name.includes("Minutes")), "not before the yes").toBe(false);
    await ben.click(ben.questions.getByRole("button", { name: "Allow once" }));
    await ben.questions.waitFor({ state: "detached", timeout: SECONDS });
    await office.go("Activity");
    const row = office.page.getByRole("listitem").filter({ hasText: "Minutes.pdf" });
    await row.getByText(/^Printed/).waitFor();
    await until("the pages on Ben's disk", async () => (await printed()).some((name) => name.includes("Minutes")));
  });

  test("No: the job ends with words, and nothing is printed", async () => {
    await office.go("Nearby");
    await office.drop(printer, "Leaflet.pdf");
    await office.dialog.getByLabel("Copies", { exact: true }).waitFor();
    await office.click(office.dialog.getByRole("button", { name: "Print", exact: true }));
    await ben.questions.getByText(`${OFFICE} wants to print “Leaflet.pdf”`).waitFor();
    await ben.click(ben.questions.getByRole("button", { name: "No", exact: true }));
    await ben.questions.waitFor({ state: "detached", timeout: SECONDS });
    await office.go("Activity");
    const row = office.page.getByRole("listitem").filter({ hasText: "Leaflet.pdf" });
    await row.getByText("Not printed: the owner hasn't allowed it").waitFor();
    await inspect(office.page, "together-refused");
    const [job] = await office.node.ask<Job[]>("jobs");
    await office.go("Nearby");
    expect(await office.notes.getByText("Leaflet.pdf").count(), "what was seen in Activity is not told again").toBe(0);
    expect(job).toMatchObject({ title: "Leaflet.pdf", state: "failed", reason: "not_allowed" });
    expect((await printed()).some((name) => name.includes("Leaflet"))).toBe(false);
  });
});

describe.sequential("a guest with a phone", () => {
  test("is let in from the share's own line, prints a file, and is out when the pass ends", async () => {
    const clicks = await ben.count(async () => {
      await ben.click(ben.page.getByRole("button", { name: new RegExp(`^Let a guest in ${PDF}$`) }));
      await ben.click("Make a code");
    });
    expect(clicks).toBe(2);
    await ben.dialog.getByText("Let the guest scan this").waitFor();
    await inspect(ben.page, "together-guest-code");
    await ben.click("Copy the link");
    const link = await ben.page.evaluate(() => navigator.clipboard.readText());
    await ben.click("Done");

    const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: "en-GB", viewport: { width: 390, height: 720 } });
    const phone = await context.newPage();
    phone.setDefaultTimeout(15_000);
    await phone.goto(link);
    await phone.getByRole("heading", { name: printer }).waitFor();
    const paper = { name: "Boarding pass.pdf", mimeType: "application/pdf", buffer: pdf("seat 12A") };
    await phone.getByLabel("File").setInputFiles(paper);
    await phone.getByRole("button", { name: "Print" }).click();
    await phone.getByText("Printed", { exact: true }).waitFor();
    await until("the pages on Ben's disk", async () => (await printed()).some((name) => name.includes("Boarding pass")));
    await phone.getByRole("link", { name: "Print another file" }).click();
    await phone.getByLabel("File").setInputFiles({ ...paper, name: "Too late.pdf" });

    // A second pass keeps the door open, so that it is the end of the first that the guest is told of.
    await ben.node.ask("guest", printer, "--label", "Someone else");
    const pass = ben.page.getByRole("button", { name: "End the pass for Guest" });
    expect(await ben.count(() => ben.click(pass))).toBe(1);
    await pass.waitFor({ state: "detached", timeout: SECONDS });
    await phone.getByRole("button", { name: "Print" }).click();
    await phone.getByRole("alert").filter({ hasText: "This has ended" }).waitFor();
    await inspect(phone, "together-guest-ended");
    expect((await printed()).some((name) => name.includes("Too late"))).toBe(false);
    await ben.click("End the pass for Someone else");
    await context.close();
  });
});

describe.sequential("who leaves, and who is only connected", () => {
  test("a device that is put out reads it on its own page, and what the home shares is gone from it", async () => {
    await ben.node.ask("share", "folder", join(place.path, "photos"), "--name", PHOTOS);
    await pi.card(PHOTOS).waitFor({ timeout: SECONDS });
    await anna.go("My home");
    await pi.go("My home");
    const clicks = await anna.count(async () => {
      await anna.click(PI);
      await anna.click("Remove from the home");
      await inspect(anna.page, "together-remove");
      await anna.click("Remove");
    });
    expect(clicks).toBe(3);
    await anna.dialog.waitFor({ state: "detached" });
    // In My home, and in a note wherever its owner is looking.
    await pi.page.getByText(`This computer was put out of ${HOME}`).first().waitFor({ timeout: SECONDS });
    await pi.page.getByRole("heading", { name: "Join a home" }).waitFor();
    await inspect(pi.page, "together-put-out");
    await pi.go("Nearby");
    await pi.card(PHOTOS).waitFor({ state: "detached", timeout: SECONDS });
    await expect(pi.node.ask("ls", `${PHOTOS}@${BEN}`), "nor by name").rejects.toThrow();
    for (const screen of [anna, ben]) {
      if (screen === ben) await ben.go("My home");
      await expect.poll(() => members(screen), { timeout: SECONDS }).toEqual([ANNA, BEN]);
    }
  });

  test("two computers are connected by a code, without a home", async () => {
    await pi.go("My home");
    await pi.click("Show a code");
    const code = await pi.shown();
    await office.go("My home");
    const clicks = await office.count(async () => {
      await office.click("Type a code");
      await office.dialog.getByRole("button", { name: `${PI} ${code.slice(0, 2)}-…` }).waitFor();
      await office.dialog.getByLabel("Code", { exact: true }).pressSequentially(code.replaceAll("-", ""));
      await office.click(office.dialog.getByRole("button", { name: "Connect" }));
    });
    expect(clicks).toBe(2);
    await office.notes.getByText("The two computers are connected").waitFor();
    await pi.dialog.getByText("The two computers are connected.").waitFor({ timeout: SECONDS });
    await pi.click("Done");
    for (const [screen, other] of [[pi, OFFICE], [office, PI]] as const) {
      const connected = screen.page.getByRole("region", { name: "Connected without a home" });
      await connected.getByRole("listitem").filter({ hasText: other }).getByText("Here", { exact: true }).waitFor({ timeout: SECONDS });
    }
    await inspect(office.page, "together-connected");
  });

  test("the self-check tries the real thing and says a line for each", async () => {
    await anna.go("Help");
    expect(await anna.count(() => anna.click("Check now"))).toBe(1);
    await anna.page.getByRole("button", { name: "Check again" }).waitFor({ timeout: 30_000 });
    const lines = await anna.page.getByRole("listitem").filter({ hasText: /·/ }).allTextContents();
    for (const what of ["Network", "Ready for others", "Others reach this computer", "Finding each other", "Home", "Own key and data"]) {
      expect(lines.some((line) => line.includes(what)), `${what} in ${lines.join(" | ")}`).toBe(true);
    }
    await inspect(anna.page, "together-self-check");
  });
});

test("the pages made no complaint while all this happened", () => {
  for (const screen of [anna, ben, pi, office]) expect(screen.problems, screen.name).toEqual([]);
});

/** All that a node tells its own user, to look for what it must not tell. */
async function everything(screen: Screen): Promise<{ stdout: string }> {
  const parts = await Promise.all([screen.node.ask("home"), screen.node.ask("status"), screen.page.content()]);
  return { stdout: JSON.stringify(parts) };
}
