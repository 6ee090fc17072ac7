// Names that no other computer can read or that turn round, and questions that must not be missed, between two real nodes.

import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Locator } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Inbox, NodeStatus, Transfer, TransferNote } from "../src/api";
import { inspect, launch, overflows } from "./chromium";
import { scratch, unique, until } from "./nodes";
import { Screen } from "./screen";

const ANNA = unique("Anna's laptop");
const BEN = unique("Ben's desktop");
const PAPERS = unique("Papers");
const DISGUISED = "evil\u202egnp.exe";
const SEEN = "evil\ufffdgnp.exe";
const UNREADABLE = "Rechnung M\ufffdller.pdf";

let place: Awaited<ReturnType<typeof scratch>>;
let browser: Browser;
let anna: Screen;
let ben: Screen;

const surroundings = (name: string) => {
  const home = join(place.path, `home-${name}`);
  return { HOME: home, XDG_CONFIG_HOME: join(home, ".config"), XDG_DOWNLOAD_DIR: join(home, "Downloads") };
};

beforeAll(async () => {
  place = await scratch();
  const papers = join(place.path, "papers");
  await mkdir(join(papers, "Bills"), { recursive: true });
  for (const folder of [papers, join(papers, "Bills")]) {
    await writeFile(join(folder, "a.txt"), "a\n");
    await writeFile(Buffer.concat([Buffer.from(`${folder}/Rechnung M`), Buffer.from([0xfc]), Buffer.from("ller.pdf")]), "bill\n");
  }
  await writeFile(join(papers, DISGUISED), "MZ");
  await writeFile(join(papers, "שלום עולם.txt"), "hello\n");
  await mkdir(join(papers, "Many"));
  for (let i = 0; i < 120; i += 1) await writeFile(join(papers, "Many", `${i}.txt`), "x");
  browser = await launch();
  [anna, ben] = await Promise.all([
    Screen.open(browser, join(place.path, "anna"), ANNA, surroundings("anna")),
    Screen.open(browser, join(place.path, "ben"), BEN, surroundings("ben")),
  ]);
  for (const screen of [anna, ben]) await screen.lookAround();
  await anna.foundHomeWith(ben);
  await anna.go("Nearby");
  await ben.node.ask("share", "folder", papers, "--name", PAPERS, "--write");
  await anna.card(PAPERS).getByText("read and write").waitFor();
});

afterAll(async () => {
  for (const screen of [anna, ben]) await screen?.close();
  await browser?.close();
  await place?.[Symbol.asyncDispose]();
});

const row = (screen: Screen, name: string) =>
  screen.page.getByRole("listitem").filter({ has: screen.page.getByText(name, { exact: true }) });
const entry = (name: string) => anna.page.getByRole("row").filter({ has: anna.page.getByText(name, { exact: true }) });

async function sendToBen(files: { name: string; mimeType: string; buffer: Buffer }[]) {
  await anna.go("Nearby");
  const chooser = anna.page.waitForEvent("filechooser");
  await anna.click(anna.card(BEN).getByRole("button", { name: "Send files…" }));
  await (await chooser).setFiles(files);
}
const plain = (name: string, size = 2000) => ({ name, mimeType: "application/octet-stream", buffer: Buffer.alloc(size, 7) });

describe.sequential("a name that no other computer can read", () => {
  test("is seen to be a file, with its size and why it cannot be opened", async () => {
    await anna.click(anna.card(PAPERS).getByRole("link"));
    const file = entry(UNREADABLE);
    await file.getByText("its name can't be read").waitFor();
    await file.getByText("5 bytes").waitFor();
    await inspect(anna.page, "names-list");
    for (const key of ["F2", "Delete", "Enter"]) {
      await file.click();
      await anna.page.keyboard.press(key);
      const note = anna.notes.getByText(`“${UNREADABLE}” can't be opened, copied or changed from here.`).filter({ hasText: `Give it another name on ${BEN}` });
      await note.waitFor();
      await anna.click(anna.notes.getByRole("button", { name: "Close" }));
    }
    expect(await anna.dialog.count(), "no dialog for what cannot be done").toBe(0);
  });

  test("is told when it is chosen with others, which come", async () => {
    await entry("a.txt").click();
    await anna.page.keyboard.press("Control+a");
    await anna.click(anna.page.getByRole("toolbar").getByRole("button", { name: "Download" }));
    await anna.notes.getByText(`“${UNREADABLE}” can't be opened, copied`).waitFor();
    await inspect(anna.page, "names-note");
    const { downloads_dir } = await anna.node.ask<NodeStatus>("status");
    await until("the others", async () => (await readdir(downloads_dir).catch((): string[] => [])).includes("a.txt"));
  });

  test("leaves a copy of its folder that is not told in green", async () => {
    await anna.page.reload();
    await anna.click("Download Bills");
    // It came with the others. Kept beside that one it has a name of its own, and is told by it.
    await anna.click("Keep both");
    await anna.notes.getByText(`Bills (2) from ${PAPERS}`).waitFor();
    await anna.go("Activity");
    const bills = row(anna, "Bills (2)");
    await bills.getByText("1 file or folder could not be copied: no other computer can read its name · 1 file · checked").waitFor();
    await inspect(anna.page, "names-activity");
    await anna.click(bills.getByRole("button", { name: "What is different…" }));
    await anna.dialog.getByText(UNREADABLE).waitFor();
    await anna.dialog.getByText("An ordinary file or folder, but its name").waitFor();
    await inspect(anna.page, "names-different");
    await anna.page.keyboard.press("Escape");
    const copy = (await anna.node.ask<Transfer[]>("transfers")).find(({ name }) => name === "Bills (2)")!;
    expect(copy).toMatchObject({ state: "done", tree: { left_out: 1, misnamed: 1, failed: 0 } });
    expect(await anna.node.ask<TransferNote[]>("notes", copy.id)).toMatchObject([{ fate: "left_out", reason: "misnamed" }]);
    const again = anna.node.ask("get", `${PAPERS}:Bills`, join(place.path, "again"));
    await expect(again, "the status says it too").rejects.toMatchObject({ code: 1, stderr: expect.stringContaining("could not be copied") });
  });
});

test("a name that turns round is seen as it is, and one that is written from right to left reads right", async () => {
  await anna.go("Nearby");
  await anna.click(anna.card(PAPERS).getByRole("link"));
  await entry(SEEN).waitFor();
  const direction = (of: Locator) => of.evaluate((bdi) => [bdi.tagName, getComputedStyle(bdi).direction]);
  expect(await direction(entry(SEEN).getByText(SEEN))).toEqual(["BDI", "ltr"]);
  expect(await direction(entry("שלום עולם.txt").getByText("שלום עולם.txt"))).toEqual(["BDI", "rtl"]);
  await entry(SEEN).click();
  await anna.page.keyboard.press("F2");
  await anna.dialog.getByRole("heading", { name: `Rename “${SEEN}”` }).waitFor();
  expect(await anna.dialog.getByLabel("Name").inputValue(), "nothing is turned round in the field").toBe("evilgnp.exe");
  await inspect(anna.page, "names-rename");
  await anna.page.keyboard.press("Escape");
  await entry(SEEN).dblclick();
  await anna.dialog.getByRole("heading", { name: SEEN }).waitFor();
  await anna.page.keyboard.press("Escape");
});

describe.sequential("what is sent", () => {
  const names = ["a.txt", DISGUISED, "letter.pdf", ...Array.from({ length: 9 }, (_, i) => `photo ${i}.jpg`)];

  test("is asked about in sight of whoever has scrolled far down, and moves nothing there", async () => {
    await ben.node.ask("share", "folder", join(place.path, "papers", "Many"), "--name", "Many");
    await anna.node.ask("share", "folder", join(place.path, "papers", "Many"), "--name", "Many", "--write");
    await ben.go("Nearby");
    await ben.click(ben.card("Many").getByRole("link"));
    await ben.page.getByRole("row").filter({ has: ben.page.getByText("0.txt", { exact: true }) }).click();
    await ben.page.keyboard.press("End");
    for (let i = 0; i < 8; i += 1) await ben.page.keyboard.press("ArrowUp");
    const focused = ben.page.locator(":focus");
    const before = (await focused.boundingBox())!.y;
    expect(await ben.page.evaluate(() => scrollY)).toBeGreaterThan(1000);
    await sendToBen(names.map((name) => plain(name)));
    await anna.notes.getByText(`${BEN} is asked: 12 things go there once somebody accepts them.`).waitFor();
    await ben.questions.getByText(`${ANNA} wants to send you 12 things`).waitFor();
    const box = (await ben.questions.boundingBox())!;
    expect(box.y, "at the top of what is seen").toBeGreaterThanOrEqual(0);
    expect(box.y + box.height).toBeLessThan(760);
    expect(Math.abs((await focused.boundingBox())!.y - before), "what was looked at stays where it is").toBeLessThan(3);
    // What turns a name round does not even come in.
    await ben.questions.getByText("evilgnp.exe").waitFor();
    await ben.questions.getByText("photo 6.jpg").waitFor();
    await ben.questions.getByText("and 2 more").waitFor();
    expect(await ben.page.title()).toBe("(1) Lanyard");
    await inspect(ben.page, "names-asked-scrolled");
    // Up through the list: the one that has the focus is never below the question.
    for (let i = 0; i < 14; i += 1) await ben.page.keyboard.press("ArrowUp");
    const [question, at] = [(await ben.questions.boundingBox())!, (await focused.boundingBox())!];
    expect(at.y, "the focus is not covered").toBeGreaterThanOrEqual(question.y + question.height - 8);
  });

  test("is asked about in a dialog that is open, and on a phone", async () => {
    await ben.page.setViewportSize({ width: 390, height: 760 });
    await inspect(ben.page, "names-asked-phone");
    expect(await overflows(ben.page)).toBe(false);
    await ben.page.setViewportSize({ width: 1120, height: 760 });
    await ben.page.keyboard.press("Enter");
    await ben.dialog.getByText(`${ANNA} wants to send you 12 things`).waitFor();
    await inspect(ben.page, "names-asked-dialog");
    await ben.page.keyboard.press("Escape");
  });

  test("shows no progress before somebody accepts it, and afterwards where it is", async () => {
    await anna.go("Activity");
    const letter = row(anna, "letter.pdf");
    await letter.getByText(`Waiting until ${BEN} accepts it`).waitFor();
    await inspect(anna.page, "names-waits");
    expect(await anna.page.getByRole("progressbar").count()).toBe(0);
    const copies = (await anna.node.ask<Transfer[]>("transfers")).filter(({ inbox }) => inbox);
    expect(copies.map(({ state, bytes_done }) => [state, bytes_done])).toEqual(copies.map(() => ["waiting", 0]));
    await ben.click(ben.questions.getByRole("button", { name: "Accept", exact: true }));
    await letter.getByText("Arrived").waitFor();
    await row(anna, SEEN).getByText("Arrived").waitFor();
    await until("all of it", async () => (await ben.node.ask<Inbox>("inbox")).sendings[0]?.state === "done");
    await ben.go("Activity");
    const { folder } = await ben.node.ask<Inbox>("inbox");
    await ben.page.getByText(`in ${folder}`).waitFor();
    expect(await ben.page.title()).toBe("Lanyard");
    await inspect(ben.page, "names-received");
  });
});

test("what is still read from the browser has a row at once, and the page asks before it goes away", async () => {
  await anna.go("Nearby");
  await anna.click(anna.card(PAPERS).getByRole("link"));
  await anna.page.route(/\/upload\?/, async (route) => {
    await new Promise((done) => setTimeout(done, 6000));
    await route.continue();
  });
  const chooser = anna.page.waitForEvent("filechooser");
  await anna.click("Copy files here…");
  await (await chooser).setFiles(plain("holiday.mp4", 3_000_000));
  await anna.notes.getByText("Being read from the browser · keep this page open").waitFor({ timeout: 2000 });
  await anna.go("Activity");
  await row(anna, "holiday.mp4").getByText("Being read from the browser").waitFor({ timeout: 2000 });
  await inspect(anna.page, "names-reading");
  const asked = anna.page.waitForEvent("dialog").then((dialog) => dialog.dismiss());
  await anna.page.reload({ timeout: 3000 }).catch(() => {});
  await asked;
  await row(anna, "holiday.mp4").getByText("Checked: identical to the original").waitFor();
  await anna.page.unroute(/\/upload\?/);
  await anna.page.reload();
});

test("neither page complained meanwhile", () => {
  for (const screen of [anna, ben]) expect(screen.problems, screen.name).toEqual([]);
});
