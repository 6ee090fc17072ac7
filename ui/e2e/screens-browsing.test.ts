// Every screen of the folder browser, with a node that is played: rows and tiles, what is selected, what is done with it,
// a search, a look, a player, the bin. Full, empty and failing, in both themes, narrow and in German.

import { beforeEach, describe, expect, test } from "vitest";
import type { Binned, Entry, Listing, Look, Request, Response, Transfer } from "../src/api";
import { BEN, household } from "../test/household";
import { accessible, inspect, overflows } from "./chromium";
import { picture } from "./paper";
import { onePage, type Screens } from "./screens";

const DAY = 86_400_000;
const now = Date.now();
const entry = (name: string, kind: Entry["kind"], size = 0, age = 3): Entry => ({
  name,
  kind,
  size,
  modified: now - age * DAY,
  etag: kind === "file" ? `"${name}"` : null,
});

const FULL: Entry[] = [
  entry("2019 Summer by the sea", "folder", 0, 900),
  entry("Birthdays", "folder", 0, 40),
  entry("Beach 2.jpg", "file", 3_400_000, 800),
  entry("Beach 10.jpg", "file", 2_900_000, 799),
  entry("A very long name of a photo that somebody gave in a good mood (copy 3) final.jpeg", "file", 5_100_000, 12),
  entry("Contract.pdf", "file", 182_000, 2),
  entry("Dance.mp4", "file", 1_400_000_000, 30),
  entry("House.mp3", "file", 4_200_000, 31),
  entry("link to elsewhere", "other", 0, 1),
  entry("notes.txt", "file", 812, 0),
  entry("setup.exe", "file", 68_000_000, 400),
];

let screens: Screens;
let listed: (request: Extract<Request, { do: "list" }>) => Response | { code: "peer_unreachable" | "must_ask"; detail: string };

const listing = (entries: Entry[], path = "", next: string | null = null): Response => ({ is: "listing", value: { path, entries, next } satisfies Listing });
const transfer = (name: string, id = name): Transfer => ({
  id,
  direction: "download",
  name,
  drive: "Project files",
  drive_id: `photos@${BEN}`,
  device: BEN,
  device_name: "Ben's desktop",
  remote_path: name,
  local_path: `/home/anna/Downloads/${name}`,
  state: "running",
  reason: null,
  detail: null,
  bytes: 100,
  bytes_done: 10,
  rate: 10,
  limit: null,
  sources: 0,
  inbox: false,
  tree: null,
  created_at: now,
  ended_at: null,
});

/** A household with a folder that may be written. */
function writable() {
  const house = household();
  const drives = house.nearby.drives.map((drive) => (drive.id === "photos@ben" ? { ...drive, writable: true } : drive));
  return { ...house, nearby: { ...house.nearby, drives } };
}

onePage(writable, (opened) => (screens = opened));

beforeEach(async () => {
  const { stage, page } = screens;
  stage.asked = [];
  listed = ({ path }) => listing(FULL, path);
  stage.answers = {
    networks: () => ({ is: "networks", value: household().status.networks }),
    list: (request) => listed(request),
    entry: ({ path }) => ({ is: "entry", value: entry(path, "folder") }),
    look: ({ path, page, size }) => ({ is: "look", value: looks(path, page, size) }),
    get: ({ path }) => ({ is: "transfer", value: transfer(path) }),
    put: ({ path }) => ({ is: "transfer", value: transfer(path) }),
    make_folder: () => ({ is: "done" }),
    move_entry: ({ to, path }) => ({ is: "placed", value: { path: to.endsWith("/") ? to + path : to, left_out: 0 } }),
    remove_entry: ({ path }) => ({ is: "removed", value: { bin: `bin of ${path}` } }),
    restore: () => ({ is: "placed", value: { path: "", left_out: 0 } }),
    end_search: () => ({ is: "done" }),
  };
  await page.setViewportSize({ width: 1120, height: 800 });
  await page.goto("about:blank");
  await page.goto(screens.stage.url);
  await page.evaluate(() => localStorage.clear());
});

function looks(path: string, page: number, size: number): Look {
  if (path.endsWith(".txt")) return { shows: "text", text: "Dear diary,\n\ntoday nobody printed anything.\n".repeat(40), whole: false };
  if (path.endsWith(".exe")) return { shows: "nothing", why: "kind" };
  const [width, height] = path.endsWith(".pdf") ? [Math.round(size * 0.707), size] : [size, Math.round(size * 0.75)];
  return { shows: "picture", png: picture(width!, height!), width: width!, height: height!, page, pages: path.endsWith(".pdf") ? 3 : 1 };
}

const row = (name: string) => screens.page.getByRole("row").filter({ has: screens.page.getByText(name, { exact: true }) });
const open = () => screens.show(writable(), "drive/photos%40ben");
const names = () => screens.page.locator("[data-main]").allTextContents();
const press = (name: string | RegExp) => screens.press(name);

describe("a folder", { timeout: 60_000 }, () => {
  test("is a list that reads well, wide and narrow, in both languages", async () => {
    const { page } = screens;
    await open();
    await row("notes.txt").waitFor();
    await inspect(page, "folder-list");
    expect((await names()).map((name) => name.replace(", folder", ""))).toEqual([
      "2019 Summer by the sea",
      "Birthdays",
      "A very long name of a photo that somebody gave in a good mood (copy 3) final.jpeg",
      "Beach 2.jpg",
      "Beach 10.jpg",
      "Contract.pdf",
      "Dance.mp4",
      "House.mp3",
      "notes.txt",
      "setup.exe",
    ]);
    await screens.as("de", 320);
    await open();
    await row("notes.txt").waitFor();
    expect(await overflows(page), "nothing is wider than a phone").toBe(false);
    await inspect(page, "folder-list-narrow-de");
    await screens.as("en", 1120);
  });

  test("is sorted as was chosen, and that is remembered", async () => {
    const { page } = screens;
    await open();
    await page.getByRole("columnheader", { name: "Size" }).getByRole("button").click();
    expect((await names())[2]).toBe("Dance.mp4");
    await page.getByRole("columnheader", { name: "Size" }).getByRole("button").click();
    expect((await names())[2]).toBe("notes.txt");
    await open();
    await row("notes.txt").waitFor();
    expect((await names())[2], "after a reload").toBe("notes.txt");
    expect(await page.getByRole("columnheader", { name: "Size" }).getAttribute("aria-sort")).toBe("ascending");
    await page.getByRole("combobox", { name: "Sort by" }).selectOption("kind");
    expect((await names()).at(-1)).toBe("notes.txt");
  });

  test("is tiles with small pictures, two at a time", async () => {
    const { page, stage } = screens;
    let running = 0;
    let most = 0;
    stage.answers.look = async ({ path, page, size }) => {
      most = Math.max(most, (running += 1));
      await new Promise((done) => setTimeout(done, 20));
      running -= 1;
      return { is: "look", value: looks(path, page, size) };
    };
    await open();
    await press("Show as tiles");
    await page.locator("[role=gridcell] img").nth(3).waitFor();
    expect(most).toBe(2);
    expect(screens.requests("look").map(({ path }) => path).toSorted(), "nothing is fetched for the others").toEqual([
      "A very long name of a photo that somebody gave in a good mood (copy 3) final.jpeg",
      "Beach 10.jpg",
      "Beach 2.jpg",
      "Contract.pdf",
    ]);
    await inspect(page, "folder-tiles");
    await screens.as("en", 320);
    await open();
    await page.locator("[role=gridcell] img").nth(1).waitFor();
    expect(await overflows(page)).toBe(false);
    await inspect(page, "folder-tiles-narrow");
    await screens.as("en", 1120);
  });

  test("lets go of pictures that have scrolled away", async () => {
    const { page, stage } = screens;
    const many = Array.from({ length: 400 }, (_, i) => entry(`photo ${i}.jpg`, "file", 1000));
    listed = ({ path }) => listing(many, path);
    let release = () => {};
    const held = new Promise<void>((done) => (release = done));
    stage.answers.look = async ({ path, page, size }) => {
      await held;
      return { is: "look", value: looks(path, page, size) };
    };
    stage.answers.end_look = () => ({ is: "done" });
    await open();
    await press("Show as tiles");
    await expect.poll(() => screens.requests("look").length).toBe(2);
    const asked = screens.requests("look").map(({ name }) => name!);
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await expect.poll(() => screens.requests("end_look").map(({ name }) => name).toSorted()).toEqual(asked.toSorted());
    release();
    await page.getByRole("gridcell").filter({ hasText: "photo 399.jpg" }).locator("img").waitFor();
    expect(screens.requests("end_look").length, "what came is not taken back").toBe(2);
  });

  test("is selected with the mouse and with the keyboard", async () => {
    const { page } = screens;
    await open();
    const chosen = () => page.getByRole("row", { selected: true }).count();
    await row("Beach 2.jpg").click({ position: { x: 600, y: 20 } });
    expect(await chosen()).toBe(1);
    await row("Contract.pdf").click({ position: { x: 600, y: 20 }, modifiers: ["Control"] });
    expect(await chosen()).toBe(2);
    await row("House.mp3").click({ position: { x: 600, y: 20 }, modifiers: ["Shift"] });
    expect(await chosen()).toBe(3);
    await inspect(page, "folder-selected");
    await page.keyboard.press("Escape");
    expect(await chosen()).toBe(0);
    await page.keyboard.press("Home");
    await page.keyboard.press("Shift+ArrowDown");
    await page.keyboard.press("Shift+ArrowDown");
    expect(await chosen()).toBe(3);
    await page.keyboard.press("Control+a");
    expect(await chosen()).toBe(FULL.length);
    await page.keyboard.press("Escape");
    await page.keyboard.press("n");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toContain("notes.txt");
    await page.keyboard.press("Space");
    expect(await chosen()).toBe(1);
    await screens.as("de", 320);
    await open();
    await row("notes.txt").getByRole("checkbox").check();
    expect(await overflows(page)).toBe(false);
    await inspect(page, "folder-selected-narrow-de");
    await screens.as("en", 1120);
  });

  test("says when it is empty, asleep, or its owner must be asked", async () => {
    const { page } = screens;
    listed = () => listing([]);
    await open();
    await page.getByText("This folder is empty. Drop files here").waitFor();
    await inspect(page, "folder-empty");
    listed = () => ({ code: "peer_unreachable", detail: "no answer" });
    await open();
    await page.getByText("Ben's desktop isn't answering").waitFor();
    await inspect(page, "folder-away");
    listed = () => listing(FULL);
    await page.getByRole("button", { name: "Try again" }).click();
    await row("notes.txt").waitFor();
  });

  test("of a hundred thousand has only what is in sight in the page", async () => {
    const { page } = screens;
    const size = 1_000;
    listed = ({ path, after }) => {
      const from = Number(after ?? 0);
      const part = Array.from({ length: size }, (_, i) => entry(`file ${from + i}.bin`, "file", from + i));
      return listing(part, path, from + size < 100_000 ? String(from + size) : null);
    };
    await open();
    await row("file 0.bin").waitFor();
    await page.getByText("100,000 entries").waitFor({ timeout: 60_000 });
    expect(await page.getByRole("row").count()).toBeLessThan(60);
    await page.keyboard.press("Tab");
    await row("file 0.bin").focus();
    await page.keyboard.press("End");
    await row("file 99999.bin").waitFor();
    expect(await page.evaluate(() => document.activeElement?.textContent)).toContain("file 99999.bin");
    expect(await page.getByRole("row").count()).toBeLessThan(60);
    await inspect(page, "folder-many");
  });
});

describe("what is done with files", { timeout: 60_000 }, () => {
  test("several are downloaded, and a taken name is asked about once for all", async () => {
    const { page, stage } = screens;
    stage.answers.get = ({ path, conflict }) =>
      conflict === "refuse" && path.startsWith("Beach") ? { code: "exists", detail: path } : { is: "transfer", value: transfer(path) };
    await open();
    await row("Beach 2.jpg").getByRole("checkbox").check();
    await row("Beach 10.jpg").getByRole("checkbox").check();
    await row("notes.txt").getByRole("checkbox").check();
    await press("Download");
    await screens.dialog.getByText("is in your downloads folder").waitFor();
    await inspect(page, "folder-conflict");
    await screens.dialog.getByRole("checkbox").check();
    await screens.dialog.getByRole("button", { name: "Keep both" }).click();
    await screens.dialog.waitFor({ state: "detached" });
    await expect.poll(() => screens.requests("get").map(({ path, conflict }) => `${path} ${conflict}`)).toHaveLength(5);
    const gets = screens.requests("get").map(({ path, conflict }) => `${path} ${conflict}`);
    expect(gets.toSorted()).toEqual(["Beach 10.jpg keep_both", "Beach 10.jpg refuse", "Beach 2.jpg keep_both", "Beach 2.jpg refuse", "notes.txt refuse"]);
  });

  test("closing the question copies nothing more", async () => {
    const { page, stage } = screens;
    stage.answers.get = () => ({ code: "exists", detail: "there" });
    await open();
    await row("notes.txt").getByRole("button", { name: "Download notes.txt" }).click();
    await screens.dialog.waitFor();
    await page.keyboard.press("Escape");
    await screens.dialog.waitFor({ state: "detached" });
    expect(screens.requests("get").map(({ conflict }) => conflict)).toEqual(["refuse"]);
  });

  test("what is deleted can be had back from the note", async () => {
    const { page } = screens;
    await open();
    await row("notes.txt").focus();
    await page.keyboard.press("Delete");
    await screens.notes.getByText("“notes.txt” was deleted").waitFor();
    expect(screens.requests("remove_entry")[0]).toMatchObject({ path: "notes.txt", if_match: '"notes.txt"' });
    await inspect(page, "folder-deleted");
    await screens.notes.getByRole("button", { name: "Undo" }).click();
    await expect.poll(() => screens.requests("restore")[0]?.id).toBe("bin of notes.txt");
  });

  test("what somebody changed meanwhile is not deleted, and that is said", async () => {
    const { page, stage } = screens;
    stage.answers.remove_entry = () => ({ code: "changed", detail: "another version" });
    await open();
    await row("notes.txt").click({ button: "right" });
    await inspect(page, "folder-menu");
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await screens.notes.getByText("“notes.txt” wasn't deleted").waitFor();
    await screens.notes.getByText("Somebody changed it meanwhile.").waitFor();
    await expect.poll(() => screens.requests("list").length, { message: "what it is now is loaded" }).toBeGreaterThan(1);
  });

  test("a name is changed with F2, and a name that is taken stays in the dialog", async () => {
    const { page, stage } = screens;
    await open();
    await row("notes.txt").focus();
    await page.keyboard.press("F2");
    const field = screens.dialog.getByLabel("Name");
    expect(await field.evaluate((field: HTMLInputElement) => field.value.slice(field.selectionStart!, field.selectionEnd!))).toBe("notes");
    await inspect(page, "folder-rename");
    stage.answers.move_entry = () => ({ code: "exists", detail: "there" });
    await field.fill("Contract.pdf");
    await page.keyboard.press("Enter");
    await screens.dialog.getByText("Something with that name is there already").waitFor();
    stage.answers.move_entry = ({ to }) => ({ is: "placed", value: { path: to, left_out: 0 } });
    await field.fill("diary.txt");
    await page.keyboard.press("Enter");
    await screens.notes.getByText("“notes.txt” is now “diary.txt”").waitFor();
    await field.waitFor({ state: "detached" });
    expect(screens.requests("move_entry").at(-1)).toMatchObject({ path: "notes.txt", to: "diary.txt", conflict: "refuse", if_match: '"notes.txt"' });
  });

  test("a folder is made, and things are moved into one", async () => {
    const { page } = screens;
    await open();
    await press("New folder");
    await screens.dialog.getByLabel("Name").fill("Plans");
    await screens.dialog.getByRole("button", { name: "Make folder" }).click();
    await expect.poll(() => screens.requests("make_folder")[0]?.path).toBe("Plans");
    await screens.dialog.waitFor({ state: "detached" });
    await row("notes.txt").getByRole("checkbox").check();
    await press("Move to…");
    expect(await screens.dialog.getByRole("button", { name: "Move here" }).isDisabled(), "it is here").toBe(true);
    await screens.dialog.getByRole("button", { name: "Birthdays" }).click();
    await screens.dialog.getByText("Birthdays").first().waitFor();
    await inspect(page, "folder-move");
    await screens.dialog.getByRole("button", { name: "Move here" }).click();
    await screens.notes.getByText("“notes.txt” was moved").waitFor();
    expect(screens.requests("move_entry")[0]).toMatchObject({ path: "notes.txt", to: "Birthdays/" });
  });

  test("a folder that may only be read offers nothing that writes", async () => {
    const { page } = screens;
    await screens.show(household(), "drive/photos%40ben");
    await row("notes.txt").getByRole("checkbox").check();
    const offered = await page.getByRole("toolbar", { name: "What to do with it" }).getByRole("button").allTextContents();
    expect(offered.map((words) => words.trim())).toEqual(["", "Download"]);
    expect(await page.getByRole("button", { name: /New folder|Copy files here/ }).count()).toBe(0);
    await page.keyboard.press("Delete");
    await page.keyboard.press("F2");
    expect(screens.requests("remove_entry").length + (await screens.dialog.count())).toBe(0);
  });

  test("what was deleted is put back or gone for good, after one more question", async () => {
    const { page, stage } = screens;
    const binned = (id: string, path: string): Binned => ({ id, path, kind: "file", size: 4000, removed_at: now - DAY, removed_by: "Ben's desktop" });
    let things = [binned("1", "Old/letter.odt"), binned("2", "plan.pdf")];
    stage.answers.bin = () => ({ is: "bin", value: things });
    stage.answers.restore = ({ id }) => {
      things = things.filter((thing) => thing.id !== id);
      return { is: "placed", value: { path: "", left_out: 0 } };
    };
    stage.answers.forget_binned = ({ id }) => {
      things = things.filter((thing) => thing.id !== id);
      return { is: "done" };
    };
    await open();
    await press("Recently deleted");
    await screens.dialog.getByText("letter.odt").waitFor();
    await inspect(page, "bin");
    await screens.as("de", 320);
    expect(await overflows(page)).toBe(false);
    await accessible(page, "the bin on a phone");
    await screens.as("en", 1120);
    await screens.dialog.getByRole("button", { name: "Put back: letter.odt" }).click();
    await screens.dialog.getByText("letter.odt").waitFor({ state: "detached" });
    await screens.dialog.getByRole("button", { name: "Delete for good…: plan.pdf" }).click();
    expect(screens.requests("forget_binned").length, "not before the second click").toBe(0);
    await screens.dialog.getByRole("button", { name: "Delete for good" }).click();
    await screens.dialog.getByText("Nothing was deleted here.").waitFor();
  });
});

describe("finding and looking", { timeout: 60_000 }, () => {
  test("a search shows what comes while it goes on, and a newer one takes its place", async () => {
    const { page, stage } = screens;
    const hit = (name: string, folder: string) => ({ drive: "photos@ben", folder, entry: entry(name, "file", 2_000_000, 90) });
    let end: (() => void) | undefined;
    stage.answers.search = () => ({
      is: "search",
      value: { id: "s1", hits: [hit("Beach 2.jpg", ""), hit("beach plan.pdf", "2019 Summer by the sea/Plans")], count: 2, done: false, unseen: [], silent: [] },
    });
    stage.answers.search_more = async () => {
      await new Promise<void>((done) => (end = done));
      return { is: "search", value: { id: "s1", hits: [hit("Beach 10.jpg", "Old")], count: 3, done: true, unseen: ["limit", "folder"], silent: [] } };
    };
    await open();
    await page.getByRole("searchbox").fill("beach");
    await page.getByText("2 found so far…").waitFor();
    await page.getByRole("button", { name: "beach plan.pdf", exact: true }).waitFor();
    end!();
    await page.getByText("The first 3 that were found").waitFor();
    const found = page.getByRole("region", { name: "What was found" }).getByRole("listitem").locator(".name");
    expect(await found.allTextContents(), "in the order that was chosen").toEqual(["Beach 2.jpg", "Beach 10.jpg", "beach plan.pdf"]);
    await inspect(page, "folder-search");
    await page.getByRole("searchbox").fill("beach 10");
    await expect.poll(() => screens.requests("search").at(-1)).toMatchObject({ words: "beach 10", drive: "photos@ben", instead_of: "s1" });
    await expect.poll(() => end !== undefined).toBe(true);
    end!();
    await page.getByRole("searchbox").fill("");
    await row("notes.txt").waitFor();
  });

  test("all folders are searched from Nearby, and those that are away are named", async () => {
    const { page, stage } = screens;
    stage.answers.search = () => ({
      is: "search",
      value: {
        id: "s",
        hits: [{ drive: "photos@ben", folder: "Old", entry: entry("Beach.jpg", "file", 2_000_000, 90) }],
        count: 1,
        done: true,
        unseen: ["drive"],
        silent: ["Project files"],
      },
    });
    await screens.show(writable(), "nearby");
    await page.getByRole("searchbox", { name: "Find a file in all folders" }).fill("beach");
    await page.getByText("Not searched: Project files.").waitFor();
    await inspect(page, "nearby-search");
    stage.answers.search = () => ({ is: "search", value: { id: "s", hits: [], count: 0, done: true, unseen: [], silent: [] } });
    await page.getByRole("searchbox", { name: "Find a file in all folders" }).fill("nothing");
    await page.getByText("Nothing here is called “nothing”.").waitFor();
  });

  test("a picture, a document, a text and what cannot be shown, one after the other", async () => {
    const { page } = screens;
    await open();
    await page.getByRole("button", { name: "Beach 2.jpg", exact: true }).click();
    await screens.dialog.getByRole("img", { name: "Beach 2.jpg" }).waitFor();
    await inspect(page, "see-picture");
    await page.keyboard.press("ArrowRight");
    await screens.dialog.getByRole("img", { name: "Beach 10.jpg" }).waitFor();
    await page.keyboard.press("ArrowRight");
    await screens.dialog.getByText("Page 1 of 3").waitFor();
    await screens.dialog.getByRole("button", { name: "The next page" }).click();
    await screens.dialog.getByText("Page 2 of 3").waitFor();
    await inspect(page, "see-document");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "notes.txt", exact: true }).click();
    await screens.dialog.getByText("This is the beginning.").waitFor();
    await inspect(page, "see-text");
    await screens.dialog.getByRole("button", { name: "The next file" }).click();
    await screens.dialog.getByText("Files of this kind can't be shown here.").waitFor();
    await inspect(page, "see-nothing");
    await screens.as("de", 320);
    await open();
    await page.getByRole("button", { name: "Contract.pdf", exact: true }).click();
    await screens.dialog.getByText("Seite 1 von 3").waitFor();
    expect(await overflows(page)).toBe(false);
    await inspect(page, "see-document-narrow-de");
    await screens.as("en", 1120);
  });
});

test("no page complained", () => {
  // A request that a page takes back is told by the browser as an error.
  expect(screens.problems).toEqual([]);
});
