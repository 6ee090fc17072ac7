// Copies, sending and mounts between two real nodes of one home, each with its own page in Chromium. What is done on one
// page is looked for on the other's, and in the files of both.

import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Inbox, Mount, Nearby, Transfer } from "../src/api";
import { inspect, launch } from "./chromium";
import { scratch, unique, until } from "./nodes";
import { Screen } from "./screen";

const ANNA = unique("Anna's laptop");
const BEN = unique("Ben's desktop");
const FILMS = unique("Films");
const FILM = randomBytes(24_000_000);
const LETTER = Buffer.from("%PDF-1.4 a letter\n");

let place: Awaited<ReturnType<typeof scratch>>;
let browser: Browser;
let anna: Screen;
let ben: Screen;

/** Homes and downloads of their own: what comes must not land in those of whoever runs the test. */
const surroundings = (name: string) => {
  const home = join(place.path, `home-${name}`);
  return { HOME: home, XDG_CONFIG_HOME: join(home, ".config"), XDG_DOWNLOAD_DIR: join(home, "Downloads") };
};

beforeAll(async () => {
  place = await scratch();
  await mkdir(join(place.path, "films", "Series"), { recursive: true });
  await writeFile(join(place.path, "films", "film.mkv"), FILM);
  await writeFile(join(place.path, "films", "Series", "one.txt"), "the first\n");
  for (const name of ["anna", "ben"]) await mkdir(join(place.path, `home-${name}`, ".config", "gtk-3.0"), { recursive: true });
  browser = await launch();
  [anna, ben] = await Promise.all([
    Screen.open(browser, join(place.path, "anna"), ANNA, surroundings("anna")),
    Screen.open(browser, join(place.path, "ben"), BEN, surroundings("ben")),
  ]);
  for (const screen of [anna, ben]) await screen.lookAround();
  await anna.foundHomeWith(ben);
  await anna.go("Nearby");
  await ben.node.ask("share", "folder", join(place.path, "films"), "--name", FILMS, "--write");
  await anna.card(FILMS).getByText("read and write").waitFor();
});

afterAll(async () => {
  for (const screen of [anna, ben]) await screen?.close();
  await browser?.close();
  await place?.[Symbol.asyncDispose]();
});

const row = (screen: Screen, name: string) =>
  screen.page.getByRole("listitem").filter({ has: screen.page.getByText(name, { exact: true }) });
const copies = (screen: Screen) => screen.node.ask<Transfer[]>("transfers");

/** Chooses a file where the page asks for one. */
async function choose(screen: Screen, press: () => Promise<void>, name: string, content: Buffer) {
  const chooser = screen.page.waitForEvent("filechooser");
  await press();
  await (await chooser).setFiles({ name, mimeType: "application/octet-stream", buffer: content });
}

const sendToBen = (name: string, content: Buffer) =>
  choose(anna, () => anna.click(anna.card(BEN).getByRole("button", { name: "Send files…" })), name, content);

describe.sequential("a copy", () => {
  test("is held in the middle and goes on to the very same bytes", async () => {
    await anna.go("Settings");
    await anna.page.getByLabel("All copies together").selectOption({ label: "At most 2 MB per second" });
    await until("the limit", async () => (await anna.node.ask<number | null>("limit")) === 2_000_000);
    await anna.go("Nearby");
    await anna.click(anna.card(FILMS).getByRole("link"));
    await anna.click("Download film.mkv");
    await anna.go("Activity");
    const film = row(anna, "film.mkv");
    await film.getByText("per second").waitFor();
    await anna.click(film.getByRole("button", { name: "Pause" }));
    await film.getByText(/^Paused/).waitFor();
    await inspect(anna.page, "sharing-paused");
    const [paused] = await copies(anna);
    expect(paused).toMatchObject({ state: "paused" });
    expect(paused!.bytes_done).toBeLessThan(FILM.length);
    await anna.node.ask("limit", "none");
    await anna.click(film.getByRole("button", { name: "Resume" }));
    await film.getByText("Checked: identical to the original").waitFor();
    const [done] = await copies(anna);
    expect((await readFile(done!.local_path)).equals(FILM), "the same bytes").toBe(true);
  });
});

describe.sequential("sending", () => {
  test("waits for a yes, arrives whole, and both sides see how it went", async () => {
    await anna.go("Nearby");
    await sendToBen("letter.pdf", LETTER);
    await ben.questions.getByText(`${ANNA} wants to send you “letter.pdf”`).waitFor();
    await inspect(ben.page, "sharing-asked");
    await anna.go("Activity");
    await row(anna, "letter.pdf").getByText(`Waiting until ${BEN} accepts it`).waitFor();
    const { folder } = await ben.node.ask<Inbox>("inbox");
    expect(existsSync(join(folder, "letter.pdf")), "nothing comes before the yes").toBe(false);
    await ben.click(ben.questions.getByRole("button", { name: "Accept", exact: true }));
    await row(anna, "letter.pdf").getByText("Arrived · checked: identical to the original").waitFor();
    await ben.go("Activity");
    await row(ben, "letter.pdf").getByText("Here · checked: identical to the original").waitFor();
    expect(await readFile(join(folder, "letter.pdf"))).toEqual(LETTER);
    expect((await ben.node.ask<Inbox>("inbox")).sendings[0]).toMatchObject({ state: "done", names: ["letter.pdf"], folder });
    await inspect(ben.page, "sharing-received");
  });

  test("a no reaches the sender, who may ask again", async () => {
    await anna.go("Nearby");
    await sendToBen("joke.txt", Buffer.from("knock knock\n"));
    await ben.click(ben.questions.getByRole("button", { name: "Decline" }));
    await anna.go("Activity");
    await row(anna, "joke.txt").getByText(`${BEN} did not accept it`).waitFor();
    await anna.click(row(anna, "joke.txt").getByRole("button", { name: "Try again" }));
    await ben.questions.getByText(`${ANNA} wants to send you “joke.txt”`).waitFor();
    await anna.click(row(anna, "joke.txt").getByRole("button", { name: "Cancel" }));
    await ben.questions.waitFor({ state: "detached" });
    const { folder } = await ben.node.ask<Inbox>("inbox");
    expect(await readdir(folder)).toEqual(["letter.pdf"]);
  });

  test("goes where the receiver chose, without a question once that was said, and is stopped by either", async () => {
    const folder = join(place.path, "received");
    await mkdir(folder);
    await ben.go("Settings");
    await ben.click(ben.page.getByRole("region", { name: "Where received files go" }).getByRole("button", { name: "Choose…" }));
    await ben.page.getByLabel("Folder", { exact: true }).fill(join(place.path, "films"));
    await ben.click("Use this folder");
    await ben.page.getByRole("alert").getByText("That can't be done this way").waitFor();
    await ben.page.getByLabel("Folder", { exact: true }).fill(folder);
    await ben.click("Use this folder");
    await ben.notes.getByText(`Received files go to ${folder} from now on.`).waitFor();

    await anna.go("Nearby");
    await sendToBen("first.bin", Buffer.alloc(1000, 1));
    await ben.click(ben.questions.getByRole("button", { name: "Always from this device" }));
    await until("the first file", async () => existsSync(join(folder, "first.bin")));
    await anna.node.ask("limit", "1M");
    await sendToBen("large.bin", FILM);
    await ben.go("Activity");
    const large = row(ben, "large.bin");
    await large.getByText(/ of 24 MB here/).waitFor();
    await ben.click(large.getByRole("button", { name: "Stop" }));
    await anna.go("Activity");
    await row(anna, "large.bin").getByText(`${BEN} did not accept it`).waitFor();
    await anna.node.ask("limit", "none");
    await until("an inbox without halves", async () => (await readdir(folder)).join() === "first.bin");

    await ben.go("Settings");
    await ben.click(ben.page.getByRole("button", { name: `Ask again before files of ${ANNA} are accepted` }));
    await ben.page.getByText("Whatever is sent here waits for your yes.").waitFor();
  });
});

describe.sequential("a mounted drive", () => {
  const dir = () => join(surroundings("anna").HOME, `${FILMS} on ${BEN}`);
  const bookmarks = () => readFile(join(surroundings("anna").XDG_CONFIG_HOME, "gtk-3.0", "bookmarks"), "utf8").catch(() => "");

  test("is a folder that every program reads, and a place in the file manager", async () => {
    await anna.go("Nearby");
    await anna.click(anna.card(FILMS).getByRole("button", { name: /^As a folder…/ }));
    await anna.click("Show as a folder");
    await anna.notes.getByText(`${FILMS} is at ${dir()} now.`).waitFor();
    const list = anna.page.getByRole("region", { name: "Folders of others on this computer" });
    await list.getByText("There", { exact: true }).waitFor();
    await inspect(anna.page, "sharing-mounted");
    expect(await anna.node.ask<Mount[]>("mounts")).toMatchObject([{ dir: dir(), drive: FILMS, mounted: true, at_start: true }]);
    // Through the kernel, as any program would.
    expect((await readFile(join(dir(), "film.mkv"))).equals(FILM)).toBe(true);
    await writeFile(join(dir(), "Series", "two.txt"), "the second\n");
    expect(await readFile(join(place.path, "films", "Series", "two.txt"), "utf8")).toBe("the second\n");
    expect(await bookmarks()).toContain(encodeURI(`file://${dir()}`).replaceAll("'", "%27"));
  });

  test("goes when it is taken away, and leaves nothing behind", async () => {
    const list = anna.page.getByRole("region", { name: "Folders of others on this computer" });
    await anna.click(list.getByRole("button", { name: "Take away" }));
    await list.waitFor({ state: "detached" });
    expect(existsSync(dir())).toBe(false);
    await until("no place in the file manager", async () => (await bookmarks()) === "");
    expect(await anna.node.ask<Mount[]>("mounts")).toEqual([]);
    expect((await anna.node.ask<Nearby>("nearby")).drives.some(({ name }) => name === FILMS)).toBe(true);
  });
});

test("neither page complained meanwhile", () => {
  for (const screen of [anna, ben]) expect(screen.problems, screen.name).toEqual([]);
});
