// Discs and drives: those of others, those in this computer, and letting go of one that is in use.

import type { Page } from "playwright-core";
import { beforeEach, describe, expect, test } from "vitest";
import type { Medium, Share, Snapshot } from "../src/api";
import { household } from "../test/household";
import { inspect, overflows } from "./chromium";
import { onePage, type Screens } from "./screens";
import type { Stage } from "./stage";

const medium = (id: string, name: string, more: Partial<Medium> = {}): Medium => ({
  id,
  kind: "drive",
  name,
  path: `/run/media/anna/${name}`,
  device: "/dev/sdb1",
  size: 15_500_000_000,
  share: null,
  readers: 0,
  note: null,
  ...more,
});

const STICK = medium("1234-ABCD", "HOLIDAYS");
const FILM = medium("sr0", "Big Film", { kind: "disc", path: "/dev/sr0", device: "/dev/sr0", size: 7_900_000_000, note: "scrambled" });
const MUSIC = medium("sr1", "Audio CD", { kind: "disc", path: "/dev/sr1", device: "/dev/sr1", size: null, note: "audio" });

const disc = (available: boolean): Share => ({
  id: "disc1",
  kind: "disc",
  name: "Encyclopedia 2004",
  target: "/home/anna/Images/encyclopedia-2004.iso",
  policy: { audience: [], write: false, until: null },
  available,
});

function snapshot(): Snapshot {
  const home = household();
  const [first] = home.nearby.drives;
  const drive = (id: string, name: string, available: boolean) => ({ ...first!, id, name, available, writable: false, disc: true, total_bytes: null, free_bytes: null });
  const drives = [...home.nearby.drives, drive("d1@ben", "Encyclopedia 2004", true), drive("d2@ben", "Summer photos", false)];
  return { ...home, nearby: { ...home.nearby, drives }, shares: [...home.shares, disc(true), { ...disc(false), id: "disc2", name: "Old backups" }], media: [STICK, FILM, MUSIC] };
}

let screens: Screens;
let stage: Stage;
let page: Page;

onePage(snapshot, (opened) => ({ stage, page } = screens = opened));
beforeEach(() => {
  stage.asked = [];
  stage.answers = {};
});

describe.sequential("discs", () => {
  test("a disc of another computer is opened like a folder and saved as an image", async () => {
    await screens.show(snapshot(), "nearby");
    const card = page.locator(".card").filter({ hasText: "Encyclopedia 2004" });
    await card.getByRole("link", { name: /Open/ }).waitFor();
    await inspect(page, "discs-nearby");
    stage.answers.save_image = () => ({ code: "busy", detail: "Too much at once." });
    await card.getByRole("button", { name: /Save as image/ }).click();
    await expect.poll(() => screens.requests("save_image")).toEqual([{ do: "save_image", drive: "d1@ben", dest: null, conflict: "refuse" }]);
    const away = page.locator(".card").filter({ hasText: "Summer photos" });
    await away.getByText("Not there at the moment").waitFor();
    expect(await away.getByRole("button").count()).toBe(0);
    expect(screens.problems).toEqual([]);
  });

  test("what is in is offered with a switch; music is said to be music", async () => {
    await screens.show(snapshot(), "sharing");
    const row = (name: string) => page.getByRole("region", { name: "Discs and drives in this computer" }).locator("li").filter({ hasText: name });
    await row("HOLIDAYS").waitFor();
    await row("Audio CD").getByText("An audio CD has music and no files.").waitFor();
    expect(await row("Audio CD").getByRole("switch").count()).toBe(0);
    await page.getByText("The disc isn't in at the moment").scrollIntoViewIfNeeded();
    await inspect(page, "discs-sharing");
    await row("HOLIDAYS").scrollIntoViewIfNeeded();
    await inspect(page, "discs-inserted");
    stage.answers.share_folder = () => ({ is: "share", value: { ...disc(true), id: "new", kind: "folder", target: STICK.path } });
    await row("HOLIDAYS").getByRole("switch").click();
    await expect.poll(() => screens.requests("share_folder")).toMatchObject([{ path: STICK.path, write: false }]);
    stage.answers.share_disc = () => ({ is: "share", value: disc(true) });
    await row("Big Film").getByRole("switch").click();
    await expect.poll(() => screens.requests("share_disc")).toMatchObject([{ source: "/dev/sr0", name: "Big Film" }]);
    expect(screens.problems).toEqual([]);
  });

  test("a drive in use is let go of only after a question", async () => {
    await screens.show(snapshot(), "sharing");
    stage.answers.eject = ({ force }) => (force ? { is: "done" } : { code: "busy", detail: "2 devices are reading from it." });
    stage.answers.media = () => ({ is: "media", value: [{ ...STICK, readers: 2 }] });
    await page.getByRole("button", { name: "Eject HOLIDAYS" }).click();
    await screens.dialog.getByText("2 devices are reading from it.").waitFor();
    await inspect(page, "discs-eject");
    await screens.press("Eject anyway");
    await screens.notes.getByText("“HOLIDAYS” can be taken out.").waitFor();
    expect(screens.requests("eject").map(({ force }) => force)).toEqual([false, true]);
    expect(screens.problems).toEqual([]);
  });

  test("a drive that is connected is offered once and shared with a click", async () => {
    await screens.show({ ...snapshot(), media: [] }, "nearby");
    stage.tell({ what: "media", value: [STICK] });
    await screens.notes.getByText("The drive “HOLIDAYS” was connected.").waitFor();
    await inspect(page, "discs-noticed");
    expect(screens.requests("share_folder"), "nothing is shared by itself").toEqual([]);
    stage.answers.share_folder = () => ({ is: "share", value: { ...disc(true), kind: "folder" } });
    await screens.notes.getByRole("button", { name: "Share it" }).click();
    await expect.poll(() => screens.requests("share_folder")).toMatchObject([{ path: STICK.path }]);
    expect(screens.problems).toEqual([]);
  });

  test("an image is shared by its path, and a refusal is told where it was typed", async () => {
    await screens.show(snapshot(), "sharing");
    await screens.press("Share a disc image");
    await screens.dialog.getByLabel("Disc image or optical drive").fill("/home/anna/letter.txt");
    stage.answers.share_disc = () => ({ code: "invalid", detail: "There is nothing in “/home/anna/letter.txt” that is a disc with files: it is neither ISO 9660 nor UDF." });
    await screens.dialog.getByRole("button", { name: "Share", exact: true }).click();
    await screens.dialog.getByRole("alert").waitFor();
    await inspect(page, "discs-image");
    expect(screens.problems).toEqual([]);
  });

  test("in German and on a narrow screen nothing is cut off", async () => {
    for (const [place, name] of [["nearby", "discs-nearby"], ["sharing", "discs-sharing"]] as const) {
      await screens.show(snapshot(), place);
      await screens.as("de", 320);
      await screens.show(snapshot(), place);
      if (place === "sharing") await page.getByRole("heading", { name: "CDs und Laufwerke in diesem Computer" }).scrollIntoViewIfNeeded();
      else await page.locator(".card").filter({ hasText: "Encyclopedia" }).scrollIntoViewIfNeeded();
      await inspect(page, `${name}-narrow-de`);
      expect(await overflows(page), `${name} at 320 in German`).toBe(false);
    }
    await screens.as("en", 1120);
  });
});
