// Names that are taken, with a node that is played: what is asked, what a word about it leads to, and that nothing is
// replaced that somebody has changed since it was seen. And the address of a drive for other programs.

import type { Page } from "playwright-core";
import { beforeEach, describe, expect, test } from "vitest";
import type { DriveAddress, Entry, Request, Snapshot } from "../src/api";
import { copy, nothing, tree } from "../test/copies";
import { BEN, household } from "../test/household";
import { inspect, overflows } from "./chromium";
import { onePage, type Screens } from "./screens";
import type { Stage } from "./stage";

const HOUR = 3_600_000;

let screens: Screens;
let stage: Stage;
let page: Page;

onePage(nothing, (opened) => ({ stage, page } = screens = opened));

const file = (name: string, version: number, size = 182_000): Entry => ({
  name,
  kind: "file",
  size,
  modified: Date.now() - version * HOUR,
  etag: `"${name} ${version}"`,
});
const folder = (name: string): Entry => ({ name, kind: "folder", size: 0, modified: null, etag: null });

/** What is in the folder by now. */
let there: Map<string, Entry>;

beforeEach(() => {
  there = new Map([folder("Plans"), file("Contract.pdf", 1), file("notes.txt", 1)].map((entry) => [entry.name, entry]));
  stage.asked = [];
  stage.answers = {
    networks: () => ({ is: "networks", value: household().status.networks }),
    list: ({ path }) => ({ is: "listing", value: { path, entries: path === "" ? [...there.values()] : [], next: null } }),
    entry: ({ path }) => {
      const entry = there.get(path.split("/").at(-1)!);
      return entry ? { is: "entry", value: entry } : { code: "not_found", detail: path };
    },
  };
});

function writable(): Snapshot {
  const house = nothing();
  const drives = house.nearby.drives.map((drive) => ({ ...drive, writable: true }));
  return { ...house, nearby: { ...house.nearby, drives } };
}

const dialog = () => screens.dialog;
const requests = <Do extends Request["do"]>(what: Do) => screens.requests(what);
const row = (name: string) => page.getByRole("row").filter({ has: page.getByText(name, { exact: true }) });
const answer = (words: string) => dialog().getByRole("button", { name: words, exact: true }).click();
const gone = () => dialog().waitFor({ state: "detached" });

/** Copies files of this computer into the folder. */
async function choose(...names: string[]) {
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Copy files here" }).click();
  await (await chooser).setFiles(names.map((name) => ({ name, mimeType: "text/plain", buffer: Buffer.from(name) })));
}

describe.sequential("a copy into a folder of another computer", () => {
  test("replaces the version that was asked about, and asks again when there is another by then", async () => {
    stage.answers.put = ({ conflict, replaces }) => {
      const now = there.get("Contract.pdf")!;
      if (conflict === "keep_both" || replaces === now.etag) return { is: "transfer", value: copy("contract") };
      return { code: "exists", detail: "It is there already." };
    };
    await screens.show(writable(), "drive/photos@ben");
    await choose("Contract.pdf");
    await dialog().getByText("“Contract.pdf” is there already").waitFor();
    await dialog().getByText("There now: 182 KB, changed").waitFor();
    await inspect(page, "conflict-there");
    there.set("Contract.pdf", file("Contract.pdf", 0, 190_000));
    await answer("Replace");
    await dialog().getByText("“Contract.pdf” was changed meanwhile").waitFor();
    await dialog().getByText("There now: 190 KB, changed").waitFor();
    await inspect(page, "conflict-changed");
    await screens.as("en", 320);
    await inspect(page, "conflict-changed-320");
    expect(await overflows(page)).toBe(false);
    await screens.as("en", 1120);
    await answer("Replace");
    await gone();
    const asked = requests("put").map(({ conflict, replaces }) => [conflict, replaces]);
    expect(asked).toEqual([["refuse", null], ["replace", '"Contract.pdf 1"'], ["replace", '"Contract.pdf 0"']]);
  });

  test("keeps both of all when that was said once, and a file never takes the place of a folder", async () => {
    stage.answers.put = ({ conflict }) =>
      conflict === "keep_both" ? { is: "transfer", value: copy("some") } : { code: "exists", detail: "It is there already." };
    await screens.show(writable(), "drive/photos@ben");
    await choose("Plans");
    await dialog().getByText("A folder and a file want the same name there.").waitFor();
    expect(await dialog().getByRole("button", { name: "Replace" }).count()).toBe(0);
    await inspect(page, "conflict-kinds");
    await answer("Skip");
    await gone();
    await choose("Contract.pdf", "notes.txt");
    await dialog().getByRole("checkbox").check();
    await answer("Keep both");
    await gone();
    await expect.poll(() => requests("put").filter(({ conflict }) => conflict === "keep_both").length).toBe(2);
    expect(requests("put").some(({ conflict }) => conflict === "replace")).toBe(false);
  });

  test("made there asks as well, and says that what makes way can be had back", async () => {
    stage.answers.copy_entry = ({ conflict, path }) =>
      conflict === "refuse" ? { code: "exists", detail: path } : { is: "placed", value: { path: `Plans/${path}`, left_out: 0 } };
    await screens.show(writable(), "drive/photos@ben");
    await row("notes.txt").getByRole("checkbox").check();
    await page.getByRole("button", { name: "Copy to…" }).click();
    await dialog().getByRole("button", { name: "Plans" }).click();
    await dialog().getByText("No folders in here").or(dialog().getByText("Family photos / Plans")).first().waitFor();
    await answer("Copy here");
    await dialog().getByText("What is replaced can be had back for 30 days").waitFor();
    await inspect(page, "conflict-restorable");
    await answer("Replace");
    await screens.notes.getByText("“notes.txt” was copied").waitFor();
    expect(requests("copy_entry").map(({ conflict, replaces }) => [conflict, replaces])).toEqual([["refuse", null], ["replace", '"notes.txt 1"']]);
  });
});

describe.sequential("copies that stopped because of a name", () => {
  const stuck = (id: string, more: object = {}) =>
    copy(id, { state: "failed", reason: "exists", detail: `${id} was changed meanwhile, so it was kept.`, direction: "upload", rate: 0, drive_id: `films@${BEN}`, name: id, remote_path: id, ended_at: Date.now(), ...more });

  test("are decided about in Activity, one or all", async () => {
    const transfers = [stuck("Contract.pdf"), stuck("notes.txt"), stuck("Album", { tree, direction: "download" })];
    await screens.show({ ...nothing(), transfers }, "activity");
    stage.answers.settle_transfer = ({ transfer }) => ({ is: "transfer", value: { ...transfers.find(({ id }) => id === transfer)!, state: "waiting", reason: null } });
    stage.answers.cancel_transfer = ({ transfer }) => ({ is: "transfer", value: { ...transfers.find(({ id }) => id === transfer)!, state: "cancelled", reason: null } });
    await inspect(page, "conflict-activity");
    await screens.as("de", 320);
    await page.reload();
    await page.getByRole("button", { name: "Entscheiden… Contract.pdf" }).waitFor();
    await inspect(page, "conflict-activity-320-de");
    expect(await overflows(page)).toBe(false);
    await page.getByRole("button", { name: "Entscheiden… Contract.pdf" }).click();
    await dialog().getByText("„Contract.pdf“ gibt es dort schon").waitFor();
    await inspect(page, "conflict-320-de");
    expect(await overflows(page)).toBe(false);
    await page.keyboard.press("Escape");
    await gone();
    expect(requests("settle_transfer"), "closing it decides nothing").toEqual([]);
    await screens.as("en", 1120);
    await page.reload();
    await page.getByRole("button", { name: "Decide… notes.txt" }).click();
    await dialog().getByText("“notes.txt” is there already").waitFor();
    await answer("Replace");
    await dialog().getByText("“Contract.pdf” is there already").waitFor();
    await answer("Skip");
    await dialog().getByText("“Album” is there already").waitFor();
    await answer("Keep both");
    await gone();
    expect(requests("settle_transfer")).toEqual([
      { do: "settle_transfer", transfer: "notes.txt", conflict: "replace", replaces: '"notes.txt 1"' },
      { do: "settle_transfer", transfer: "Album", conflict: "keep_both", replaces: null },
    ]);
    expect(requests("cancel_transfer")).toEqual([{ do: "cancel_transfer", transfer: "Contract.pdf" }]);
  });
});

describe.sequential("a folder that took the place of another one", () => {
  const kept = copy("album", { state: "failed", reason: "exists", detail: "2 of the folder could not be copied: “a.jpg”, “in/b.jpg”. The rest is there.", direction: "upload", rate: 0, drive_id: `photos@${BEN}`, name: "Album", remote_path: "Album", tree: { ...tree, files_done: 334, failed: 6 }, ended_at: Date.now() });

  test("asks about the files in it that somebody changed meanwhile, and about no others", async () => {
    const note = (path: string, reason: "exists" | "unreadable" = "exists") => ({ path, copy: path, fate: "failed" as const, reason, detail: path });
    there.set("Album", folder("Album"));
    stage.answers.transfer_notes = () => ({ is: "transfer_notes", value: [note("a.jpg"), note("in/b.jpg"), note("secret", "unreadable"), note("in/c.jpg"), note("in/d.jpg"), note("in/e.jpg")] });
    stage.answers.settle_transfer = () => ({ is: "transfer", value: { ...kept, state: "waiting", reason: null } });
    for (const [language, width] of [["en", 1120], ["de", 320]] as const) {
      await screens.as(language, width);
      await screens.show({ ...nothing(), transfers: [kept] }, "activity");
      await page.locator("main summary").click();
      await page.getByText(language === "en" ? /names it\.$/ : /nennt es\.$/).waitFor();
      await inspect(page, `activity-kept-${language}-${width}`);
      expect(await overflows(page)).toBe(false);
      await page.getByRole("button", { name: language === "en" ? "Decide… Album" : "Entscheiden… Album" }).click();
      await dialog().getByText("in/b.jpg").waitFor();
      await inspect(page, `conflict-inside-${language}-${width}`);
      expect(await overflows(page)).toBe(false);
      expect(await dialog().getByText("secret").count(), "nothing is to be decided about what cannot be read").toBe(0);
      await answer(language === "en" ? "Skip" : "Überspringen");
      await gone();
    }
    await screens.as("en", 1120);
    expect(requests("settle_transfer")).toEqual([
      { do: "settle_transfer", transfer: "album", conflict: "skip", replaces: null },
      { do: "settle_transfer", transfer: "album", conflict: "skip", replaces: null },
    ]);
    expect(requests("cancel_transfer"), "the copy is not taken back").toEqual([]);
  });
});

describe.sequential("a drive in other programs", () => {
  test("has an address once that is switched on, and none when it is off again", async () => {
    let known: DriveAddress[] = [];
    const url = "http://127.0.0.1:40123/dav/0123456789abcdef0123456789abcdef/Family%20photos/";
    stage.answers.drive_addresses = () => ({ is: "drive_addresses", value: known });
    stage.answers.open_drive = ({ drive }) => {
      known = [{ drive_id: drive, drive: "Family photos", device_name: "Ben's desktop", url }];
      return { is: "link", value: url };
    };
    stage.answers.shut_drive = () => {
      known = [];
      return { is: "done" };
    };
    await screens.show(writable(), "drive/photos@ben");
    const open = async () => {
      await page.getByRole("button", { name: /^(More|Mehr)$/ }).click();
      await page.getByRole("menuitem", { name: /^(Address for other programs|Adresse für andere Programme)/ }).click();
      await dialog().getByRole("switch").waitFor();
    };
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: /^Address/ }).waitFor();
    expect(await page.getByRole("menuitem").count(), "the rest has buttons").toBe(3);
    await inspect(page, "drive-more");
    await page.keyboard.press("Escape");
    await open();
    await inspect(page, "reach-off");
    await dialog().getByRole("switch").click();
    await dialog().getByText(url).waitFor();
    await inspect(page, "reach-on");
    await dialog().getByRole("button", { name: "Copy the address" }).click();
    await screens.as("de", 320);
    await page.reload();
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.getByRole("button", { name: "Mehr" }).click();
    await page.getByRole("menuitem", { name: "Als Ordner…" }).waitFor();
    await inspect(page, "drive-more-320-de");
    expect(await overflows(page)).toBe(false);
    await page.keyboard.press("Escape");
    await open();
    await dialog().getByText(url).waitFor();
    await inspect(page, "reach-on-320-de");
    expect(await overflows(page)).toBe(false);
    await dialog().getByRole("switch").click();
    await dialog().getByText(url).waitFor({ state: "detached" });
    stage.answers.drive_addresses = () => ({ code: "internal", detail: "The gateway for other programs cannot be opened." });
    await page.keyboard.press("Escape");
    await screens.as("en", 1120);
    await page.reload();
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: /^Address/ }).click();
    await dialog().getByText("Something in Lanyard failed").waitFor();
    await inspect(page, "reach-failing");
    await page.keyboard.press("Escape");
    expect(requests("open_drive")).toEqual([{ do: "open_drive", drive: "photos@ben" }]);
    expect(requests("shut_drive")).toEqual([{ do: "shut_drive", drive: "photos@ben" }]);
  });
});

test("nothing complained meanwhile", () => {
  expect(screens.problems).toEqual([]);
});
