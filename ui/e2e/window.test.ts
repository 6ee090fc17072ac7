// The main job in the real window, WebKitGTK on a screen that nobody sees: Anna's app beside Ben's node.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Job, Nearby, NodeStatus } from "../src/api";
import { film, pdf, tone } from "./documents";
import { ask, LOOPBACK, Node, program, scratch, unique, until } from "./nodes";
import { dragOnto, dragOut, driver, Programs, screen, sessionBus, Window } from "./webdriver";

const BEN = unique("Ben's PC");
const ANNA = unique("Anna's window");
const HALL = unique("Hall");
const PHOTOS = unique("Photos");
const TAKES = unique("Takes files");

let place: Awaited<ReturnType<typeof scratch>>;
let ben: Node;
let app: Window;
let env: NodeJS.ProcessEnv;
let data: string;
const programs = new Programs();
const photo = randomBytes(2_000_000);

beforeAll(async () => {
  place = await scratch();
  data = join(place.path, "anna");
  await mkdir(join(place.path, "photos", "2019"), { recursive: true });
  await writeFile(join(place.path, "photos", "2019", "beach.jpg"), photo);
  await writeFile(join(place.path, "photos", "2019", "tone.wav"), tone(120));
  await film(join(place.path, "photos", "2019", "bars.webm"), 40);
  await writeFile(join(place.path, "Report.pdf"), pdf("one", "two"));
  await writeFile(join(place.path, "Letter.pdf"), pdf("dear"));
  await writeFile(join(place.path, "photos", "2019", "plan.txt"), "First the lake.\n");
  // What would ask the desktop for the program of a file only writes down what it was asked for.
  await mkdir(join(place.path, "bin"));
  await writeFile(join(place.path, "bin", "xdg-open"), `#!/bin/sh\nprintf '%s\\n' "$1" >> "${join(place.path, "opened")}"\n`, { mode: 0o755 });
  await mkdir(join(place.path, "takes"));
  // As many as make the list as high as the window.
  for (let i = 1; i <= 12; i++) await writeFile(join(place.path, "takes", `there ${i}.txt`), "there\n");
  await mkdir(join(place.path, "Album", "inner"), { recursive: true });
  await writeFile(join(place.path, "Album", "inner", "photo.jpg"), photo);
  await writeFile(join(place.path, "dropped.txt"), "dropped\n");
  ben = await Node.start(join(place.path, "ben"), BEN);
  await ben.ask("share", "printer", "save-as-pdf", "--name", HALL);
  await ben.ask("share", "folder", join(place.path, "photos"), "--name", PHOTOS);
  await ben.ask("share", "folder", join(place.path, "takes"), "--name", TAKES, "--write");

  env = {
    ...process.env,
    ...LOOPBACK,
    PATH: `${join(place.path, "bin")}:${process.env["PATH"]}`,
    DISPLAY: await screen(programs),
    DBUS_SESSION_BUS_ADDRESS: await sessionBus(programs),
    // Whoever runs this keeps their own settings and files.
    HOME: place.path,
    XDG_DATA_HOME: join(place.path, "share"),
    XDG_CONFIG_HOME: join(place.path, "config"),
    XDG_CACHE_HOME: join(place.path, "cache"),
    GDK_BACKEND: "x11",
    LC_ALL: "C.UTF-8",
  };
});

afterAll(async () => {
  await app?.close().catch(() => {});
  await programs.stop();
  await ben?.stop();
  await place?.[Symbol.asyncDispose]();
});

const desktop = () => program("LANYARD_DESKTOP_BIN", "lanyard-desktop");

async function printed(): Promise<string[]> {
  const { downloads_dir } = await ben.ask<NodeStatus>("status");
  const folder = join(downloads_dir, "Printed");
  return existsSync(folder) ? await readdir(folder) : [];
}

async function openFolder(name: string) {
  // A note may lie over the card.
  await app.script(
    '[...document.querySelectorAll("li.card")].find((card) => card.textContent.includes(arguments[0])).querySelector("a").click();',
    name,
  );
}

describe.sequential("the main job in the window", () => {
  test("the window has content soon after it was started", async () => {
    const began = Date.now();
    app = await Window.open(await driver(programs, env), desktop(), ["--data", data, join(place.path, "Report.pdf")]);
    await app.find("h1", "Welcome to Lanyard");
    console.info(`window with content after ${Date.now() - began} ms, driver included`);
    expect(await app.inspect("window-first-run")).toEqual([]);
  });

  test("first run: a name, a printer shared with its switch", async () => {
    await app.type("input.field", ANNA);
    await app.click("button", "Continue");
    await app.find("h1", "Bring your devices together");
    await app.click("button", "Just look around");
    await app.find("h1", "What do you want to share?");
    await app.click('input[role="switch"]');
    await app.find('input[role="switch"]:checked');
    await app.click("button", "Finish");
    await until("Ben to see Anna's printer", async () =>
      (await ben.ask<Nearby>("nearby")).printers.some((printer) => printer.device_name === ANNA),
    );
  });

  test("the file the app was started with waits to be printed, and reaches the neighbour", async () => {
    await app.find("dialog h1", "Print Report.pdf");
    const printers = await app.script<[string, string][]>(
      'return [...document.querySelectorAll("dialog select")[0].options].map((option) => [option.value, option.textContent]);',
    );
    const hall = printers.find(([, words]) => words.includes(HALL));
    expect(hall, printers.join()).toBeDefined();
    await app.script(
      `const select = document.querySelector("dialog select"); select.value = arguments[0];
       select.dispatchEvent(new Event("change", { bubbles: true }));`,
      hall![0],
    );
    await app.find("dialog label", "Copies");
    expect(await app.inspect("window-print")).toEqual([]);
    await app.click("dialog button.primary", "Print");
    await app.find(".notes", "Printed");
    await until("the pages in Ben's folder", async () => (await printed()).some((name) => name.includes("Report")));
  });

  test("the neighbour's things are there, in light and in dark", async () => {
    await app.find("li.card", HALL);
    await app.find("li.card", PHOTOS);
    expect(await app.inspect("window-nearby-light")).toEqual([]);
    await app.click("nav a", "Settings");
    await app.click("label", "Dark");
    await app.click("nav a", "Nearby");
    await app.find("li.card", HALL);
    expect(await app.script("return getComputedStyle(document.body).backgroundColor")).toBe("rgb(23, 24, 26)");
    expect(await app.inspect("window-nearby-dark")).toEqual([]);
  });

  test("a second start hands its file to the window that is open", async () => {
    const second = spawn(desktop(), ["--data", data, join(place.path, "Letter.pdf")], { env, stdio: "inherit" });
    const ended = await new Promise((resolve) => second.once("exit", (code, signal) => resolve({ code, signal })));
    expect(ended).toEqual({ code: 0, signal: null });
    await app.find("dialog h1", "Print Letter.pdf");
    await app.click("dialog button", "Close");
  });

  test("a folder opens, and a download is identical to the original", async () => {
    await openFolder(PHOTOS);
    await app.click("a[data-main]", "2019");
    await app.click('button[aria-label="Download beach.jpg"]');
    await app.find(".notes", "Checked: identical to the original");
    expect(await app.inspect("window-folder")).toEqual([]);
    const { downloads_dir } = await ask<NodeStatus>(data, "status");
    expect(photo.equals(await readFile(join(downloads_dir, "beach.jpg")))).toBe(true);
  });

  test("a sound plays from where somebody jumps to", async () => {
    await app.click("button[data-main]", "tone.wav");
    await app.find("dialog audio", "tone.wav");
    type Heard = { at: number; length: number; ready: number; error: string | null };
    const heard = () =>
      app.script<Heard | null>(
        `const audio = document.querySelector("dialog audio");
         return audio && { at: audio.currentTime, length: audio.duration, ready: audio.readyState, error: audio.error?.message ?? null };`,
      );
    const ready = await until("the sound to be known", async () => ((await heard())?.ready ?? 0) >= 1 && (await heard()));
    expect(Math.round(ready.length)).toBe(120);
    await app.script('const audio = document.querySelector("dialog audio"); audio.currentTime = 100; void audio.play();');
    await until("it to go on from there", async () => ((await heard())?.at ?? 0) >= 100);
    expect(await app.inspect("window-sound")).toEqual([]);
    await app.click("dialog button", "Close");
  });

  test("a film plays from where somebody jumps to", async () => {
    await app.click("button[data-main]", "bars.webm");
    await app.find("dialog video");
    type Seen = { at: number; length: number; ready: number; width: number; error: string | null };
    const seen = () =>
      app.script<Seen | null>(
        `const video = document.querySelector("dialog video");
         return video && { at: video.currentTime, length: video.duration, ready: video.readyState, width: video.videoWidth, error: video.error?.message ?? null };`,
      );
    const ready = await until("the film to be known", async () => {
      const film = await seen();
      return film !== null && film.ready >= 2 && film.width > 0 && film;
    });
    expect([Math.round(ready.length), ready.width]).toEqual([40, 160]);
    await app.script('const video = document.querySelector("dialog video"); video.currentTime = 30; void video.play();');
    await until("it to go on from there", async () => ((await seen())?.at ?? 0) >= 30.2);
    expect(await app.inspect("window-film")).toEqual([]);
    await app.click("dialog button", "Close");
  });

  test("a file opens with this computer's own program, from a copy of it", async () => {
    await app.click("button[data-main]", "plan.txt");
    await app.find("dialog pre", "First the lake.");
    await app.click("dialog button", "Open on this computer");
    const opened = await until("the program to be asked for", async () => {
      const told = join(place.path, "opened");
      return existsSync(told) && (await readFile(told, "utf8")).trim();
    });
    const { downloads_dir } = await ask<NodeStatus>(data, "status");
    expect(opened).toBe(join(downloads_dir, "plan.txt"));
    expect(await readFile(opened, "utf8")).toBe("First the lake.\n");
    await app.click("dialog button", "Close");
  });

  test("a file and a folder that are dragged here from another program are copied to the neighbour", async () => {
    await app.click("nav a", "Nearby");
    await app.find("li.card", TAKES);
    await openFolder(TAKES);
    await app.find(".list", "there 12.txt");
    await dragOnto(programs, env, [join(place.path, "Album"), join(place.path, "dropped.txt")], async () => {
      await app.find(".over", "Drop to copy 2 files here");
      await app.find(".list.lit", "there 12.txt");
      expect(await app.inspect("window-drop")).toEqual([]);
    });
    const there = join(place.path, "takes");
    await until("both to be there", async () => existsSync(join(there, "Album", "inner", "photo.jpg")) && existsSync(join(there, "dropped.txt")));
    expect(photo.equals(await readFile(join(there, "Album", "inner", "photo.jpg")))).toBe(true);
    expect(await readFile(join(there, "dropped.txt"), "utf8")).toBe("dropped\n");
    await app.find("a[data-main]", "Album");
  });

  test("a file of a drive that is a folder of this computer is dragged into another program, as a copy", async () => {
    await app.click("nav a", "Nearby");
    await app.find("li.card", PHOTOS);
    await openFolder(PHOTOS);
    await app.click("a[data-main]", "2019");
    await app.find("button[data-main]", "plan.txt");
    const begun = await app.script<boolean>(
      `const row = [...document.querySelectorAll("[data-at]")].find((row) => row.textContent.includes("plan.txt"));
       return row.dispatchEvent(new DragEvent("dragstart", { bubbles: true, cancelable: true }));`,
    );
    expect(begun, "nothing is here that another program could read").toBe(false);
    await app.find(".note", `once “${PHOTOS}” is a folder of this computer`);
    const mounted = join(place.path, "mounted");
    await ask(data, "mount", `${PHOTOS}@${BEN}`, mounted);
    try {
      await app.find("button", "Open as a folder");
      const from = await app.script<{ x: number; y: number }>(
        `const row = [...document.querySelectorAll("[data-at]")].find((row) => row.textContent.includes("plan.txt"));
         const { left, top, height } = row.querySelector("[data-main]").getBoundingClientRect();
         return { x: Math.round(screenX + left + 12), y: Math.round(screenY + top + height / 2) };`,
      );
      const { uris, actions } = await dragOut(programs, env, from);
      expect(uris).toEqual([`file://${mounted}/2019/plan.txt`]);
      expect(actions, "nothing is taken away from Ben").toEqual(["copy"]);
      expect(await readFile(join(mounted, "2019", "plan.txt"), "utf8")).toBe("First the lake.\n");
    } finally {
      await ask(data, "unmount", mounted);
    }
  });

  test("a job that waits for a sleeping device is cancelled", async () => {
    await app.click("nav a", "Nearby");
    await app.find("li.card", HALL);
    await ben.kill();
    await ask<Job>(data, "print", join(place.path, "Letter.pdf"), "--on", `${HALL}@${BEN}`);
    await app.click("nav a", "Activity");
    await app.find("li", "isn't answering");
    expect(await app.inspect("window-activity")).toEqual([]);
    await app.click("button", "Cancel Letter.pdf");
    await app.find("li", "Cancelled");
  });
});
