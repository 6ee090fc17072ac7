// A folder that lives on while somebody looks at it, with a node that is played: its owner leaves and comes back, others
// change it, files hang over it, and the keyboard stays where it was.

import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { Entry, ErrorCode, Snapshot } from "../src/api";
import { BEN, household } from "../test/household";
import { inspect, overflows, SCREENSHOTS } from "./chromium";
import { onePage, type Screens } from "./screens";

const ID = `files@${BEN}`;
const HASH = `drive/${encodeURIComponent(ID)}`;
const now = Date.now();
const entry = (name: string, kind: Entry["kind"] = "file", size = 1000): Entry => ({ name, kind, size, modified: now - 86_400_000, etag: kind === "file" ? `"${name}"` : null });

let screens: Screens;
/** What is in which folder; one that is not in here is not found. */
let content: Record<string, Entry[]>;
let fails: ErrorCode | null;

/** A household with a folder; without it, it was shared no more, and `device` says how its owner's device is. */
function house({ writable = true, shared = true, device = "online" }: { writable?: boolean; shared?: boolean; device?: "online" | "unreachable" | "gone" } = {}): Snapshot {
  const all = household();
  const folder = { ...all.nearby.drives[0]!, id: ID, device: BEN, name: "Family files", writable, available: device === "online" };
  const devices = all.nearby.devices.flatMap((one) => (one.id !== BEN ? [one] : device === "gone" ? [] : [{ ...one, state: device }]));
  return { ...all, nearby: { ...all.nearby, devices, drives: shared && device !== "gone" ? [folder] : [] } };
}

onePage(house, (opened) => (screens = opened));

beforeEach(async () => {
  const { stage, page } = screens;
  stage.asked = [];
  fails = null;
  content = {
    "": [entry("Plans", "folder"), entry("Trips", "folder"), entry("a.txt"), entry("b.txt"), entry("c.txt")],
    Plans: [],
    Trips: [entry("Sea", "folder"), entry("map.pdf")],
    "Trips/Sea": [entry("beach.jpg")],
  };
  const lacks = (path: string) => (fails !== null ? { code: fails, detail: "played" } : content[path] ? null : { code: "not_found" as const, detail: path });
  stage.answers = {
    list: ({ path }) => lacks(path) ?? { is: "listing", value: { path, entries: content[path]!, next: null } },
    entry: ({ path }) => lacks(path) ?? { is: "entry", value: entry(path, "folder") },
    make_folder: ({ path }) => {
      content[""]!.push(entry(path, "folder"));
      return { is: "done" };
    },
    move_entry: ({ path, to }) => {
      content[""] = content[""]!.map((one) => (one.name === path ? { ...one, name: to } : one));
      return { is: "placed", value: { path: to, left_out: 0 } };
    },
    remove_entry: ({ path }) => {
      content[""] = content[""]!.filter(({ name }) => name !== path);
      return { is: "removed", value: { bin: path } };
    },
  };
  await page.setViewportSize({ width: 1120, height: 800 });
});

const row = (name: string) => screens.page.getByRole("row").filter({ has: screens.page.locator("[data-main]").filter({ hasText: new RegExp(`^${name}(, folder)?$`) }) });
const open = (snapshot = house(), path = "") => screens.show(snapshot, path === "" ? HASH : `${HASH}/${path}`);
const focused = () => screens.page.evaluate(() => document.activeElement?.querySelector("[data-main]")?.textContent?.replace(", folder", "") ?? document.activeElement?.tagName);
const looksAgain = () => screens.page.evaluate(() => void dispatchEvent(new Event("focus")));

/** Files hang over a place of the page, or are let go there. */
const drag = (what: "dragover" | "drop" | "dragleave", x: number, y: number) =>
  screens.page.evaluate(
    ([what, x, y]) => {
      const file = new File(["x"], "new.txt");
      const items = [{ kind: "file", getAsFile: () => file, webkitGetAsEntry: () => ({ isFile: true, isDirectory: false }) }];
      const event = new DragEvent(what, { bubbles: true, cancelable: true, clientX: x, clientY: y });
      Object.defineProperty(event, "dataTransfer", { value: { types: ["Files"], items } });
      document.elementFromPoint(x, y)!.dispatchEvent(event);
    },
    [what, x, y] as const,
  );

describe("whoever shares a folder", { timeout: 60_000 }, () => {
  test("switches Lanyard off and on again: its name stays, one sentence says so, and it goes on by itself", async () => {
    const { page, stage } = screens;
    await open();
    await row("a.txt").waitFor();
    stage.set(house({ device: "gone" }));
    await page.getByText("Ben's desktop isn't answering").waitFor();
    await page.getByText("This goes on by itself when it is back.").waitFor();
    await page.getByRole("heading", { name: "Family files", level: 1 }).waitFor();
    await page.getByText("Ben's desktop · read and write").waitFor();
    expect([await row("a.txt").count(), await page.getByRole("button", { name: /New folder|Copy files|Download/ }).count()], "what was there is seen, and offers nothing").toEqual([1, 0]);
    await inspect(page, "folder-left");
    content[""]!.push(entry("news.txt"));
    stage.set(house());
    await row("news.txt").waitFor();
    expect(await page.getByText("isn't answering").count()).toBe(0);
    await page.getByRole("button", { name: "New folder" }).waitFor();
  });

  test("pulls the plug: the look that fails says who is silent, and the next one goes on", async () => {
    const { page } = screens;
    await open();
    await row("a.txt").waitFor();
    fails = "peer_unreachable";
    await looksAgain();
    await page.getByText("Ben's desktop isn't answering").waitFor();
    fails = null;
    await looksAgain();
    await page.getByText("isn't answering").waitFor({ state: "detached" });
    await row("a.txt").waitFor();
  });

  test("stops sharing it, and that is said", async () => {
    const { page, stage } = screens;
    await open();
    await row("a.txt").waitFor();
    stage.set(house({ shared: false }));
    await page.getByText("“Family files” isn't shared with this computer any more").waitFor();
    await inspect(page, "folder-unshared");
  });

  test("deletes the folder: a way up, and nothing that could be done in it", async () => {
    const { page } = screens;
    await open(house(), "Trips/Sea");
    await row("beach.jpg").waitFor();
    delete content["Trips/Sea"];
    content["Trips"] = [entry("map.pdf")];
    await looksAgain();
    await page.getByText("This folder isn't there any more").waitFor();
    expect(await page.getByRole("button", { name: /New folder|Copy files/ }).count()).toBe(0);
    expect(await page.getByRole("row").count()).toBe(0);
    await inspect(page, "folder-deleted-under-me");
    await page.getByRole("link", { name: "One folder up" }).click();
    await row("map.pdf").waitFor();
  });
});

describe("what others change", { timeout: 60_000 }, () => {
  test("is shown when the window is looked at again, and selection, focus and what is in sight stay", async () => {
    const { page } = screens;
    content[""] = Array.from({ length: 200 }, (_, i) => entry(`file ${String(i).padStart(3, "0")}.txt`));
    await open();
    await row("file 000.txt").waitFor();
    await page.evaluate(() => scrollTo(0, 3000));
    await page.waitForFunction(() => [...document.querySelectorAll("[data-at]")].filter((row) => row.getBoundingClientRect().top > 250).length > 3);
    const name = await page.evaluate(() => {
      const rows = [...document.querySelectorAll<HTMLElement>("[data-at]")].filter((row) => row.getBoundingClientRect().top > 250);
      rows[0]!.focus({ preventScroll: true });
      return rows[0]!.querySelector("[data-main]")!.textContent!;
    });
    await page.keyboard.press("Space");
    const top = async () => Math.round((await row(name).boundingBox())!.y);
    const before = await top();
    content[""] = [...Array.from({ length: 7 }, (_, i) => entry(`earlier ${i}.txt`)), ...content[""]!.filter((one) => one.name !== "file 003.txt")];
    await looksAgain();
    await page.getByText("206 entries").waitFor();
    expect([await top(), await focused()]).toEqual([before, name]);
    expect(await row(name).getAttribute("aria-selected")).toBe("true");
    expect(await page.getByRole("row", { selected: true }).count()).toBe(1);
  });

  test("is asked for by hand too", async () => {
    const { page } = screens;
    await open();
    await row("a.txt").waitFor();
    content[""]!.push(entry("by hand.txt"));
    await page.getByRole("button", { name: "More" }).click();
    await inspect(page, "folder-more");
    await page.getByRole("menuitem", { name: "Refresh" }).click();
    await row("by hand.txt").waitFor();
  });
});

describe("files that hang over a folder", { timeout: 60_000 }, () => {
  test("may be let go anywhere in its place, and nothing moves under them", async () => {
    const { page, stage } = screens;
    stage.answers.put = () => ({ code: "internal", detail: "played" });
    await open();
    await row("a.txt").waitFor();
    const y = (await row("a.txt").boundingBox())!.y;
    await drag("dragover", 700, 760);
    await page.getByText("Drop to copy 1 file here").waitFor();
    expect((await row("a.txt").boundingBox())!.y, "the row is where it was").toBe(y);
    await page.screenshot({ path: join(SCREENSHOTS, "folder-drop.png") });
    await drag("drop", 700, 760);
    await expect.poll(() => screens.requests("put").length).toBe(1);
    expect(await screens.dialog.count()).toBe(0);
    await screens.notes.getByText("“new.txt” wasn't copied here").waitFor();
    await drag("drop", 700, 760);
    await expect.poll(() => screens.requests("put").length).toBe(2);
    await expect.poll(() => screens.notes.getByRole("alert").count(), { message: "the same is said once" }).toBe(1);
    await inspect(page, "folder-not-copied");
    await page.getByRole("navigation", { name: "Places" }).getByRole("link", { name: "Nearby" }).click();
    await screens.notes.getByRole("alert").waitFor({ state: "detached" });
  });

  test("are refused by one that is read only, before they are let go", async () => {
    const { page } = screens;
    await open(house({ writable: false }));
    await row("a.txt").waitFor();
    await drag("dragover", 700, 300);
    await page.getByText("Files can't be put here: this folder is read only").waitFor();
    await page.screenshot({ path: join(SCREENSHOTS, "folder-drop-read-only.png") });
    for (const [x, y] of [[700, 300], [700, 760], [100, 500]] as const) await drag("drop", x, y);
    expect([await screens.dialog.count(), screens.requests("put").length, screens.stage.uploads.length - 2]).toEqual([0, 0, 0]);
  });
});

describe("the keyboard", { timeout: 60_000 }, () => {
  test("is in the list after a folder is entered, left, made, renamed, and something in it deleted", async () => {
    const { page } = screens;
    await open();
    await expect.poll(focused, { message: "the first row" }).toBe("Plans");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await expect.poll(focused).toBe("Sea");
    await page.keyboard.press("Enter");
    await expect.poll(focused).toBe("beach.jpg");
    await page.keyboard.press("Backspace");
    await expect.poll(focused, { message: "where one came from" }).toBe("Sea");
    await page.keyboard.press("Alt+ArrowUp");
    await expect.poll(focused).toBe("Trips");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    await page.getByText("This folder is empty.").waitFor();
    await page.keyboard.press("Backspace");
    await expect.poll(focused, { message: "out of an empty one, too" }).toBe("Plans");

    await screens.press("New folder");
    await page.keyboard.type("Garden");
    await page.keyboard.press("Enter");
    await expect.poll(focused).toBe("Garden");
    await page.keyboard.press("End");
    await page.keyboard.press("F2");
    await screens.dialog.getByLabel("Name").fill("aa.txt");
    await page.keyboard.press("Enter");
    await expect.poll(focused).toBe("aa.txt");
    await page.keyboard.press("Delete");
    await expect.poll(focused, { message: "what follows it" }).toBe("b.txt");
    await page.keyboard.press("End");
    await page.keyboard.press("Delete");
    await row("b.txt").waitFor({ state: "detached" });
    await expect.poll(focused, { message: "the last there is" }).toBe("a.txt");
  });

  test("stays in the list of folders to move to", async () => {
    const { page } = screens;
    await open();
    await row("a.txt").getByRole("checkbox").check();
    await screens.press("Move to…");
    await screens.dialog.getByRole("button", { name: "Trips" }).focus();
    await page.keyboard.press("Enter");
    const here = () => page.evaluate(() => document.activeElement?.textContent?.trim());
    await expect.poll(here).toBe("Sea");
    await screens.dialog.getByRole("button", { name: "One folder up" }).focus();
    await page.keyboard.press("Enter");
    await expect.poll(here).toBe("Trips");
    await page.keyboard.press("Escape");
  });
});

describe("a name", { timeout: 60_000 }, () => {
  test("that not every computer can hold is told while it is typed, and an old error goes", async () => {
    const { page, stage } = screens;
    stage.answers.make_folder = () => ({ code: "exists", detail: "there" });
    await open();
    await row("a.txt").waitFor();
    await screens.press("New folder");
    const field = screens.dialog.getByLabel("Name");
    await field.fill("Plans");
    await page.keyboard.press("Enter");
    await screens.dialog.getByText("Something with that name is there already").waitFor();
    await field.fill("a:b");
    await screens.dialog.getByText("“:” can't be in a name").waitFor();
    expect(await screens.dialog.getByRole("alert").count(), "what was wrong before").toBe(0);
    await page.keyboard.press("Enter");
    await field.fill("con.txt");
    await screens.dialog.getByText("“con” can't be the name").waitFor();
    await inspect(page, "folder-name-unfit");
    await field.fill("trail.");
    await screens.dialog.getByText("A name can't end with a dot or a space").waitFor();
    expect(screens.requests("make_folder").length).toBe(1);
  });

  test("for a folder whose owner wants to be asked has a button that asks", async () => {
    const { page, stage } = screens;
    stage.answers.make_folder = () => ({ code: "must_ask", detail: "played" });
    stage.answers.ask_owner = () => ({ is: "done" });
    await open();
    await row("a.txt").waitFor();
    await screens.press("New folder");
    await screens.dialog.getByLabel("Name").fill("Garden");
    await page.keyboard.press("Enter");
    await screens.dialog.getByText("Ask, and go on when they have said yes.").waitFor();
    await screens.dialog.getByRole("button", { name: "Ask", exact: true }).click();
    await screens.dialog.getByText("Asked. The answer comes by itself.").waitFor();
    expect(await screens.dialog.getByText("Ask, and go on").count(), "that is done").toBe(0);
    expect(screens.requests("ask_owner").map(({ what }) => what)).toEqual([ID]);
  });

  test("that is taken is asked about with what is there and what is new, and a folder with what becomes of its files", async () => {
    const { page, stage } = screens;
    stage.answers.get = ({ path }) => ({ code: "exists", detail: path });
    stage.answers.entry_here = ({ path }) => ({ is: "entry", value: { ...entry(path, path === "Trips" ? "folder" : "file", 2_000_000), modified: now - 40 * 86_400_000 } });
    await open();
    await row("a.txt").getByRole("button", { name: "Download a.txt" }).click();
    await screens.dialog.getByText(/^There now: 2 MB/).waitFor();
    await screens.dialog.getByText(/^The new one: 1 kB/).waitFor();
    await inspect(page, "folder-conflict-both");
    await page.keyboard.press("Escape");
    await row("Trips").getByRole("button", { name: "Download Trips" }).click();
    await screens.dialog.getByText("files of the same name in it are replaced").waitFor();
    await inspect(page, "folder-conflict-folder");
    await page.keyboard.press("Escape");
  });

  test("as long as a page, and a way of twenty-five folders, leave room for the list on a phone", async () => {
    const { page } = screens;
    const deep = Array.from({ length: 25 }, (_, i) => (i === 24 ? "a name that never ends ".repeat(10).trim() : `folder ${i}`)).join("/");
    content[deep] = [entry("at last.txt")];
    await page.setViewportSize({ width: 360, height: 740 });
    await open(house(), encodeURI(deep));
    await row("at last.txt").waitFor();
    expect((await row("at last.txt").boundingBox())!.y, "it is in sight").toBeLessThan(500);
    expect(await overflows(page)).toBe(false);
    await inspect(page, "folder-deep-phone");
    await page.getByRole("button", { name: "Show the folders between" }).click();
    await page.getByRole("link", { name: "folder 7", exact: true }).waitFor();
  });
});

test("in a small window every button has its words on one line, in both languages", async () => {
  const { page } = screens;
  await open();
  for (const language of ["en", "de"] as const) {
    await screens.as(language, 900);
    await page.setViewportSize({ width: 900, height: 600 });
    await open();
    await row("a.txt").getByRole("checkbox").check();
    const bar = page.getByRole("toolbar").filter({ has: page.locator(".acts") }).locator(".acts");
    expect(await bar.evaluate((bar) => bar.scrollWidth <= bar.clientWidth), language).toBe(true);
    const heights = await page.locator("header .btn").evaluateAll((buttons) => buttons.map((button) => (button as HTMLElement).offsetHeight));
    expect(Math.max(...heights), language).toBe(44);
    await page.screenshot({ path: join(SCREENSHOTS, `folder-small-window-${language}.png`) });
  }
  await screens.as("en", 1120);
});

test("all of a folder is downloaded from its menu, also where too much was chosen for anything else", async () => {
  const { page, stage } = screens;
  content[""] = Array.from({ length: 2_100 }, (_, i) => entry(`file ${i}.txt`));
  stage.answers.get = ({ path }) => ({ code: "busy", detail: path });
  await open();
  await row("file 0.txt").waitFor();
  await page.keyboard.press("Control+a");
  await screens.press("Download");
  await screens.notes.getByRole("button", { name: "Download this folder" }).click();
  await expect.poll(() => screens.requests("get").map(({ path }) => path)).toEqual([""]);
  await screens.notes.getByText("“Family files” wasn't downloaded").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Download this folder" }).click();
  await expect.poll(() => screens.requests("get").length).toBe(2);
});

test("no page complained", () => {
  expect(screens.problems).toEqual([]);
});
