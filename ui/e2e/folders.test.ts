// Folders of another computer in the window: Anna's page on Anna's node, Ben's node with the files. What is done on the
// page is looked for on Ben's disk, and what is on Ben's disk on the page.

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Nearby, NodeStatus } from "../src/api";
import { inspect, launch } from "./chromium";
import { film, pdf, tone } from "./documents";
import { Node, scratch, unique, until } from "./nodes";
import { picture } from "./paper";
import { Screen } from "./screen";

const run = promisify(execFile);
const BEN = unique("Ben's desktop");
const FILES = unique("Files");
const MANY = unique("Many files");
const HUNDRED_THOUSAND = 100_000;

let place: Awaited<ReturnType<typeof scratch>>;
let many: string;
let files: string;
let ben: Node;
let browser: Browser;
let anna: Screen;

const page = () => anna.page;
const row = (name: string) => page().getByRole("row").filter({ has: page().getByText(name, { exact: true }) });
const folder = (name: string) => page().getByRole("row").filter({ has: page().getByRole("link", { name }) });
const names = async () => (await page().locator("[data-main]").allTextContents()).map((name) => name.replace(/, folder$/, ""));

beforeAll(async () => {
  place = await scratch();
  files = join(place.path, "files");
  await mkdir(join(files, "Reisen", "Zürich 2024"), { recursive: true });
  await writeFile(join(files, "Reisen", "Zürich 2024", "Plan für Zürich.txt"), "Erst an den See.\n");
  await writeFile(join(files, "photo 2.png"), Buffer.from(picture(640, 480), "base64"));
  await writeFile(join(files, "photo 10.png"), Buffer.from(picture(320, 480), "base64"));
  await writeFile(join(files, "contract.pdf"), pdf("one", "two", "three"));
  await writeFile(join(files, "notes.txt"), "Dear Anna\n");
  await writeFile(join(files, "noise.bin"), randomBytes(5000));
  await writeFile(join(files, "tone.wav"), tone(600));
  const films = join(files, "Reisen", "Filme");
  await mkdir(films);
  await film(join(films, "bars.webm"), 60);
  await film(join(films, "bars.mp4"), 60);
  await writeFile(join(films, "broken.mp4"), randomBytes(200_000));
  many = join(place.path, "many");
  await mkdir(many);
  await run("sh", ["-c", `cd "$1" && seq -f 'file %.0f.dat' 1 ${HUNDRED_THOUSAND} | tr '\\n' '\\0' | xargs -0 touch`, "sh", many]);

  ben = await Node.start(join(place.path, "ben"), BEN);
  await ben.ask("share", "folder", files, "--name", FILES, "--write");
  await ben.ask("share", "folder", many, "--name", MANY);
  browser = await launch();
  anna = await Screen.open(browser, join(place.path, "anna"), unique("Anna's laptop"));
  await anna.lookAround();
}, 120_000);

afterAll(async () => {
  await anna?.close();
  await browser?.close();
  await ben?.stop();
  await place?.[Symbol.asyncDispose]();
});

async function open(name: string) {
  await anna.go("Nearby");
  await anna.card(name).getByRole("link", { name: /^Open/ }).click();
  await page().getByRole("heading", { name, level: 1 }).waitFor();
}

describe.sequential("folders of another computer", () => {
  test("are listed as people sort, and sorted otherwise at a click", async () => {
    await open(FILES);
    await row("notes.txt").waitFor();
    expect(await names()).toEqual(["Reisen", "contract.pdf", "noise.bin", "notes.txt", "photo 2.png", "photo 10.png", "tone.wav"]);
    await page().getByRole("columnheader", { name: "Size" }).getByRole("button").click();
    expect((await names()).slice(0, 2)).toEqual(["Reisen", "tone.wav"]);
    await page().getByRole("columnheader", { name: "Name" }).getByRole("button").click();
  });

  test("are searched from here and from Nearby, whatever the accents", async () => {
    await page().getByRole("searchbox", { name: "Search in this folder" }).fill("ZURICH");
    await page().getByText("2 found", { exact: true }).waitFor();
    await page().getByRole("button", { name: "Plan für Zürich.txt", exact: true }).click();
    await anna.dialog.getByText("Erst an den See.").waitFor();
    await page().keyboard.press("Escape");
    await anna.go("Nearby");
    await page().getByRole("searchbox", { name: "Find a file in all folders" }).fill("zurich plan");
    const found = page().getByRole("region", { name: "What was found" }).getByRole("listitem").filter({ hasText: FILES });
    await found.getByText("Plan für Zürich.txt").waitFor();
    await found.getByRole("link", { name: /Reisen/ }).click();
    await page().getByRole("heading", { name: "Zürich 2024", level: 1 }).waitFor();
    const told = await anna.node.ask<{ hits: { folder: string }[]; done: boolean }>("find", "zürich", "plan", "--in", `${FILES}@${BEN}:Reisen`);
    expect([told.hits.length, told.hits[0]?.folder, told.done], "the command finds the same").toEqual([1, "Reisen/Zürich 2024", true]);
  });

  test("show their pictures as tiles, and each file without a copy of it", async () => {
    await open(FILES);
    await page().getByRole("button", { name: "Show as tiles" }).click();
    await page().locator("[role=gridcell] img").nth(2).waitFor();
    await inspect(page(), "folders-tiles");
    await page().getByRole("button", { name: "Show as a list" }).click();
    await page().getByRole("button", { name: "photo 2.png", exact: true }).click();
    const image = anna.dialog.getByRole("img", { name: "photo 2.png" });
    await image.waitFor();
    expect(await image.evaluate((image: HTMLImageElement) => Math.abs(image.naturalWidth / image.naturalHeight - 4 / 3) < 0.01), "the picture alone, without paper").toBe(true);
    await page().keyboard.press("Escape");
    await page().getByRole("button", { name: "contract.pdf", exact: true }).click();
    await anna.dialog.getByText("Page 1 of 3").waitFor();
    const first = await anna.dialog.getByRole("img").getAttribute("src");
    await anna.dialog.getByRole("button", { name: "The next page" }).click();
    await anna.dialog.getByText("Page 2 of 3").waitFor();
    expect(await anna.dialog.getByRole("img").getAttribute("src"), "another page is another picture").not.toBe(first);
    await inspect(page(), "folders-see-pdf");
    await page().keyboard.press("ArrowRight");
    await anna.dialog.getByText("Files of this kind can't be shown here.").waitFor();
    await page().keyboard.press("ArrowRight");
    await anna.dialog.getByText("Dear Anna").waitFor();
    await page().keyboard.press("Escape");
    const { downloads_dir } = await anna.node.ask<NodeStatus>("status");
    expect(existsSync(downloads_dir) ? await readdir(downloads_dir) : [], "nothing was copied").toEqual([]);
  });

  test("play a sound from where somebody jumps to, without fetching all of it", async () => {
    const ranges: string[] = [];
    page().on("request", (request) => {
      if (new URL(request.url()).pathname.startsWith("/media/")) void request.allHeaders().then((headers) => ranges.push(headers["range"] ?? "all"));
    });
    await page().getByRole("button", { name: "tone.wav", exact: true }).click();
    const audio = anna.dialog.locator("audio");
    await audio.waitFor();
    const state = () => audio.evaluate((audio: HTMLAudioElement) => ({ at: audio.currentTime, length: audio.duration, ready: audio.readyState }));
    await expect.poll(async () => (await state()).ready).toBeGreaterThanOrEqual(2);
    expect(Math.round((await state()).length)).toBe(600);
    await audio.evaluate((audio: HTMLAudioElement) => (audio.currentTime = 550));
    await expect.poll(async () => (await state()).at, { message: "it goes on from there" }).toBeGreaterThan(550.2);
    expect(ranges.some((range) => Number(/bytes=(\d+)-/.exec(range)?.[1]) > 8_000_000), `a jump is a range: ${ranges.join(", ")}`).toBe(true);
    await inspect(page(), "folders-sound");
    await page().keyboard.press("Escape");
  });

  test("play a film from where somebody jumps to, or say that this browser cannot", async () => {
    const ranges: string[] = [];
    page().on("request", (request) => {
      if (new URL(request.url()).pathname.startsWith("/media/")) void request.allHeaders().then((headers) => ranges.push(headers["range"] ?? "all"));
    });
    await page().getByRole("link", { name: "Reisen" }).click();
    await page().getByRole("link", { name: "Filme" }).click();
    for (const name of ["bars.webm", "bars.mp4"]) {
      ranges.length = 0;
      await page().getByRole("button", { name, exact: true }).click();
      const video = anna.dialog.locator("video");
      const cannot = anna.dialog.getByText("This can't be played here");
      await video.or(cannot).first().waitFor();
      const state = () => video.evaluate((video: HTMLVideoElement) => ({ at: video.currentTime, length: video.duration, ready: video.readyState, width: video.videoWidth }));
      const plays = async () => ((await cannot.count()) > 0 ? "cannot" : (await state()).ready >= 2 ? "plays" : "waits");
      await expect.poll(plays).not.toBe("waits");
      if ((await plays()) === "cannot") {
        // Chromium without the codecs of MP4 says so; WebM it always has.
        expect(name).toBe("bars.mp4");
        await inspect(page(), "folders-film-cannot");
      } else {
        const known = await state();
        expect([Math.round(known.length), known.width], name).toEqual([60, 160]);
        await video.evaluate((video: HTMLVideoElement) => (video.currentTime = 50));
        await expect.poll(async () => (await state()).at, { message: `${name} goes on from there` }).toBeGreaterThan(50.2);
        expect(ranges.length > 0 && ranges.every((range) => range.startsWith("bytes=")), `it is read by ranges: ${ranges.join(", ")}`).toBe(true);
        await inspect(page(), `folders-film-${name.split(".")[1]}`);
      }
      await page().keyboard.press("Escape");
    }
    await page().getByRole("button", { name: "broken.mp4", exact: true }).click();
    await anna.dialog.getByText("This can't be played here").waitFor();
    await inspect(page(), "folders-film-broken");
    await page().keyboard.press("Escape");
    await open(FILES);
  });

  test("let a file be dragged out by a link that the browser fetches by itself", async () => {
    await page().evaluate(() => {
      document.addEventListener("dragstart", (event) => {
        const given = event.dataTransfer!;
        const dragged = [given.effectAllowed, given.getData("DownloadURL"), given.getData("text/uri-list")];
        document.body.dataset["dragged"] = event.defaultPrevented ? "nothing" : JSON.stringify(dragged);
      });
    });
    const name = row("notes.txt").locator("[data-main]");
    const { x, y, height } = (await name.boundingBox())!;
    const made = page().waitForResponse((answer) => answer.request().postData()?.includes("fetch_link") ?? false);
    await page().mouse.move(x + 12, y + height / 2);
    await page().mouse.down();
    await made;
    await page().mouse.move(x + 60, y + height / 2 + 90, { steps: 8 });
    const dragged = await until("the drag to begin", () => page().evaluate(() => document.body.dataset["dragged"]));
    await page().mouse.up();
    const [effect, download, link] = JSON.parse(dragged) as [string, string, string];
    expect(effect, "nothing is taken away from Ben").toBe("copy");
    expect(download).toBe(`application/octet-stream:notes.txt:${link}`);
    expect(link, "file managers take the name from it").toMatch(/\/notes\.txt$/);
    const got = await fetch(link);
    expect([got.status, got.headers.get("content-type"), await got.text()]).toEqual([200, "application/octet-stream", "Dear Anna\n"]);
    expect(got.headers.get("content-disposition"), "it is kept and never shown").toMatch(/^attachment/);
    expect((await fetch(link.replace(/.(?=\/notes\.txt$)/, (last) => (last === "0" ? "1" : "0")))).status, "another secret opens nothing").toBe(404);
    expect(await anna.dialog.count(), "a drag is no click").toBe(0);
  });

  test("take files and whole folders that are dropped on them", async () => {
    await page().locator("[role=grid]").waitFor();
    // A page cannot make a dropped folder: the browser's own word for one is played, its files are real.
    await page().evaluate(() => {
      const file = (name: string, text: string) => new File([text], name);
      const asEntry = (one: File) => ({ isFile: true, isDirectory: false, name: one.name, file: (done: (file: File) => void) => done(one) });
      const folder = (name: string, inside: object[]) => ({
        isFile: false,
        isDirectory: true,
        name,
        createReader: () => {
          const left = [inside, []];
          return { readEntries: (done: (some: object[]) => void) => done(left.shift() ?? []) };
        },
      });
      const items = [
        { kind: "file", getAsFile: () => file("single.txt", "one file"), webkitGetAsEntry: () => asEntry(file("single.txt", "one file")) },
        {
          kind: "file",
          getAsFile: () => null,
          webkitGetAsEntry: () => folder("Album", [asEntry(file("a.txt", "A")), folder("inner", [asEntry(file("b.txt", "B"))]), folder("empty", [])]),
        },
      ];
      const grid = document.querySelector("[role=grid]")!;
      const { left, top } = grid.getBoundingClientRect();
      const event = new DragEvent("drop", { bubbles: true, cancelable: true, clientX: left + 200, clientY: top + 80 });
      Object.defineProperty(event, "dataTransfer", { value: { types: ["Files"], items } });
      grid.dispatchEvent(event);
    });
    await until("all of it on Ben's disk", async () => existsSync(join(files, "Album", "inner", "b.txt")) && existsSync(join(files, "single.txt")) && existsSync(join(files, "Album", "a.txt")));
    await row("single.txt").waitFor();
    expect(await readFile(join(files, "Album", "inner", "b.txt"), "utf8")).toBe("B");
    expect(existsSync(join(files, "Album", "empty")), "an empty folder is one, too").toBe(true);
    expect(await readFile(join(files, "single.txt"), "utf8")).toBe("one file");
  });

  test("are renamed in, moved in, and deleted from, and what was deleted comes back", async () => {
    await row("single.txt").focus();
    await page().keyboard.press("F2");
    await anna.dialog.getByLabel("Name").fill("renamed.txt");
    await page().keyboard.press("Enter");
    await row("renamed.txt").waitFor();
    expect(existsSync(join(files, "renamed.txt"))).toBe(true);

    await row("renamed.txt").getByRole("checkbox").check();
    await anna.click("Move to…");
    await anna.dialog.getByRole("button", { name: "Album" }).click();
    await anna.dialog.getByRole("button", { name: "inner" }).waitFor();
    await anna.dialog.getByRole("button", { name: "Move here" }).click();
    await row("renamed.txt").waitFor({ state: "detached" });
    expect(await readFile(join(files, "Album", "renamed.txt"), "utf8")).toBe("one file");

    await folder("Album").getByRole("checkbox").check();
    await anna.click("Delete");
    await folder("Album").waitFor({ state: "detached" });
    expect(existsSync(join(files, "Album"))).toBe(false);
    await anna.notes.getByText("“Album” was deleted").waitFor();
    await anna.notes.getByRole("button", { name: "Undo" }).last().click();
    await until("it to be back", async () => existsSync(join(files, "Album", "inner", "b.txt")));

    await page().getByRole("button", { name: "Recently deleted" }).click();
    await anna.dialog.getByText("Nothing was deleted here.").waitFor();
    await page().keyboard.press("Escape");
  });

  test("are not changed over somebody else's head", async () => {
    await page().reload();
    await row("notes.txt").waitFor();
    await writeFile(join(files, "notes.txt"), "Ben wrote more meanwhile\n");
    await row("notes.txt").focus();
    await page().keyboard.press("Delete");
    await anna.notes.getByText("“notes.txt” wasn't deleted").waitFor();
    await anna.notes.getByText("Somebody changed it meanwhile.").waitFor();
    expect(await readFile(join(files, "notes.txt"), "utf8")).toBe("Ben wrote more meanwhile\n");
    // What it is now was loaded: the second try is about that.
    await anna.notes.getByRole("button", { name: "Close" }).click();
    await until("the new version to be shown", async () => (await row("notes.txt").textContent())?.includes("25 bytes"));
    await row("notes.txt").focus();
    await page().keyboard.press("Delete");
    await row("notes.txt").waitFor({ state: "detached" });
  });

  test("are not overwritten by a copy of what somebody has changed since it was seen", async () => {
    await writeFile(join(files, "shared.txt"), "as Anna saw it\n");
    const choose = async () => {
      const chooser = page().waitForEvent("filechooser");
      await page().getByRole("button", { name: "Copy files here" }).click();
      await (await chooser).setFiles({ name: "shared.txt", mimeType: "text/plain", buffer: Buffer.from("Anna's own\n") });
    };
    await choose();
    await anna.dialog.getByText("“shared.txt” is there already").waitFor();
    await writeFile(join(files, "shared.txt"), "Ben wrote more meanwhile\n");
    await anna.dialog.getByRole("button", { name: "Replace" }).click();
    await anna.dialog.getByText("“shared.txt” was changed meanwhile").waitFor();
    expect(await readFile(join(files, "shared.txt"), "utf8"), "Ben's words are there").toBe("Ben wrote more meanwhile\n");
    await inspect(page(), "folders-conflict-changed");
    await anna.dialog.getByRole("button", { name: "Replace" }).click();
    await until("what Anna has agreed to replace to be replaced", async () => (await readFile(join(files, "shared.txt"), "utf8")) === "Anna's own\n");
  });

  test("have an address for other programs while somebody wants one", async () => {
    await page().getByRole("button", { name: "More" }).click();
    await page().getByRole("menuitem", { name: "Address for other programs…" }).click();
    const on = anna.dialog.getByRole("switch", { name: "Address for other programs" });
    await on.click();
    const url = (await anna.dialog.locator(".url").textContent())!;
    const asked = (method: string) => fetch(url, { method, headers: { depth: "1" } });
    expect((await asked("PROPFIND")).status).toBe(207);
    expect(await (await fetch(`${url}shared.txt`)).text()).toBe("Anna's own\n");
    await page().keyboard.press("Escape");
    await page().getByRole("button", { name: "More" }).click();
    await page().getByRole("menuitem", { name: "Address for other programs…" }).click();
    expect(await anna.dialog.locator(".url").textContent(), "it stays the same").toBe(url);
    await on.click();
    await anna.dialog.locator(".url").waitFor({ state: "detached" });
    expect((await asked("PROPFIND")).status).toBe(404);
    await page().keyboard.press("Escape");
  });

  test("ask before a download that is there already, and keep both", async () => {
    const { downloads_dir } = await anna.node.ask<NodeStatus>("status");
    await mkdir(downloads_dir, { recursive: true });
    await writeFile(join(downloads_dir, "noise.bin"), "mine");
    await row("noise.bin").getByRole("button", { name: "Download noise.bin" }).click();
    await anna.dialog.getByText("is in your downloads folder").waitFor();
    await anna.dialog.getByRole("button", { name: "Keep both" }).click();
    await until("the second one", async () => (await readdir(downloads_dir)).filter((name) => name.startsWith("noise")).length === 2);
    expect(await readFile(join(downloads_dir, "noise.bin"), "utf8"), "the old one is as it was").toBe("mine");
  });

  test("do not take the place of what was written here since their copy looked", async () => {
    const { downloads_dir } = await anna.node.ask<NodeStatus>("status");
    const here = join(downloads_dir, "Big");
    await mkdir(join(files, "Big"));
    await writeFile(join(files, "Big", "film.bin"), randomBytes(3_000_000));
    await writeFile(join(files, "Big", "note.txt"), "new\n");
    await mkdir(here);
    for (const name of ["film.bin", "note.txt"]) await writeFile(join(here, name), "old\n");
    // Slow enough to be stopped on the way.
    await anna.node.ask("limit", "200k");
    await page().reload();
    await folder("Big").getByRole("button", { name: "Download Big" }).click();
    await anna.dialog.getByText("“Big” is there already").waitFor();
    await anna.dialog.getByRole("button", { name: "Replace" }).click();
    await until("the small file to have come", async () => (await readFile(join(here, "note.txt"), "utf8")) === "new\n");
    await anna.go("Activity");
    await page().getByRole("button", { name: "Pause Big" }).click();
    await page().getByRole("button", { name: "Resume Big" }).waitFor();
    await writeFile(join(here, "film.bin"), "Anna's work of tonight\n");
    await anna.node.ask("limit", "none");
    await page().getByRole("button", { name: "Resume Big" }).click();
    await page().getByRole("button", { name: "Decide… Big" }).click();
    await anna.dialog.getByText("Files in “Big” were changed meanwhile").waitFor();
    expect(await anna.dialog.getByRole("listitem").allTextContents()).toEqual(["film.bin"]);
    await inspect(page(), "folders-conflict-inside");
    expect(await readFile(join(here, "film.bin"), "utf8")).toBe("Anna's work of tonight\n");
    await anna.dialog.getByRole("button", { name: "Keep both" }).click();
    await until("the other film beside it", async () => existsSync(join(here, "film (2).bin")));
    expect(await readFile(join(here, "film.bin"), "utf8")).toBe("Anna's work of tonight\n");
    await open(FILES);
  });

  test("live on while they are looked at: a change, their owner gone and back, a folder deleted, and shared no more", { timeout: 60_000 }, async () => {
    const look = () => page().evaluate(() => void dispatchEvent(new Event("focus")));
    await mkdir(join(files, "Under me"));
    await look();
    await folder("Under me").waitFor();
    for (const end of ["stop", "kill"] as const) {
      await ben[end]();
      await page().getByText(`${BEN} isn't answering`).waitFor();
      await page().getByRole("heading", { name: FILES, level: 1 }).waitFor();
      expect(await folder("Under me").count(), "what was there is seen").toBe(1);
      ben = await Node.start(join(place.path, "ben"), BEN);
      await page().getByText("isn't answering").waitFor({ state: "detached" });
      await folder("Under me").getByRole("button", { name: "Download Under me" }).waitFor();
    }
    await page().getByRole("link", { name: "Under me" }).click();
    await page().getByText("This folder is empty.").waitFor();
    await rm(join(files, "Under me"), { recursive: true });
    await look();
    await page().getByText("This folder isn't there any more").waitFor();
    await page().getByRole("link", { name: "One folder up" }).click();
    await row("noise.bin").waitFor();
    await ben.ask("unshare", FILES);
    await page().getByText(`“${FILES}” isn't shared with this computer any more`).waitFor();
  });

  test("of a hundred thousand scroll without a hitch", { timeout: 120_000 }, async () => {
    const drive = (await anna.node.ask<Nearby>("nearby")).drives.find((drive) => drive.name === MANY)!;
    const begun = Date.now();
    await page().goto(`${new URL(page().url()).origin}/#/drive/${encodeURIComponent(drive.id)}`);
    await row("file 1.dat").waitFor();
    const first = Date.now() - begun;
    await page().getByText("100,000 entries").waitFor({ timeout: 100_000 });
    const all = Date.now() - begun;
    const frames = await page().evaluate(async () => {
      const took: number[] = [];
      const height = document.documentElement.scrollHeight;
      let before = performance.now();
      for (let i = 0; i < 90; i++) {
        scrollTo(0, (height * i) / 90);
        const now = await new Promise<number>((done) => requestAnimationFrame(done));
        took.push(now - before);
        before = now;
      }
      took.sort((a, b) => a - b);
      return { median: took[45]!, slowest: took.at(-1)! };
    });
    const here = await page().getByRole("row").count();
    console.info(`100,000 entries: first row after ${first} ms, all after ${all} ms; a frame while scrolling ${frames.median.toFixed(1)} ms, the slowest ${frames.slowest.toFixed(1)} ms; ${here} rows in the page`);
    expect(here).toBeLessThan(60);
    await page().locator("[data-at]").first().focus();
    await page().keyboard.press("End");
    await row("file 100000.dat").waitFor();
    await page().keyboard.press("Home");
    await row("file 1.dat").waitFor();
  });

  test("complained about nothing", () => {
    // An answer that a player breaks off when it jumps is told as an error by the browser.
    expect(anna.problems.filter((problem) => !problem.includes("/media/"))).toEqual([]);
  });
});
