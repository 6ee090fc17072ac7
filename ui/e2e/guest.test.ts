// A guest's phone: nothing but a browser, with scripts and without, on the page that a link or a PIN opens.

import { readFile, readdir } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { mkdir, writeFile } from "node:fs/promises";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Job, NewPass, NodeStatus, Pass } from "../src/api";
import { accessible, inspect, launch, overflows } from "./chromium";
import { pdf } from "./documents";
import { Node, scratch, unique, until } from "./nodes";

const EVIL = '<img src=x onerror="alert(1)">';

let place: Awaited<ReturnType<typeof scratch>>;
let host: Node;
let browser: Browser;
const contexts: BrowserContext[] = [];

beforeAll(async () => {
  place = await scratch();
  const photos = join(place.path, "photos");
  await mkdir(join(photos, "2019 Summer"), { recursive: true });
  await mkdir(join(place.path, "inbox"));
  await writeFile(join(photos, "2019 Summer", "Beach & 100% sun.jpg"), Buffer.alloc(2_500_000, 7));
  await writeFile(join(photos, "read me.txt"), "Hello\n");
  await writeFile(join(photos, `${EVIL}.txt`), "evil\n");
  await writeFile(join(place.path, "letter.pdf"), pdf("Dear aunt", "Yours"));
  await writeFile(join(place.path, "program.exe"), Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0xff, 0xfe, 0x00]));
  host = await Node.start(join(place.path, "host"), unique("Anna's laptop"));
  await host.ask("share", "printer", "save-as-pdf", "--name", "Hall printer");
  await host.ask("share", "folder", photos, "--name", "Family photos");
  await host.ask("share", "folder", join(place.path, "inbox"), "--name", "Inbox");
  browser = await launch();
});

afterAll(async () => {
  for (const context of contexts) await context.close();
  await browser?.close();
  await host?.stop();
  await place?.[Symbol.asyncDispose]();
});

/** A phone that takes the certificate, as a person does who was told to. Any dialog or error of its page is a failure. */
async function phone(options: { script?: boolean; width?: number; locale?: string } = {}): Promise<Page> {
  const { script = true, width = 390, locale = "en-GB" } = options;
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    javaScriptEnabled: script,
    locale,
    viewport: { width, height: 720 },
  });
  contexts.push(context);
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on("dialog", (dialog) => {
    throw new Error(`a dialog: ${dialog.message()}`);
  });
  return page;
}

const made = (...words: string[]) => host.ask<NewPass>("guest", ...words);

async function printed(): Promise<string[]> {
  const { downloads_dir } = await host.ask<NodeStatus>("status");
  return readdir(join(downloads_dir, "Printed")).catch(() => []);
}

/** In both themes, on a narrow screen too, with nothing beyond the side. */
async function look(page: Page, name: string) {
  await inspect(page, `guest-${name}`);
  await page.setViewportSize({ width: 320, height: 640 });
  expect(await overflows(page), `${name} at 320 px`).toBe(false);
  await inspect(page, `guest-${name}-320`);
  await page.setViewportSize({ width: 390, height: 720 });
}

describe.sequential("a guest with a phone", () => {
  test("opens the link, prints a file and sees it done", async () => {
    const pass = await made("Hall printer", "--label", "Aunt");
    const page = await phone();
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    await page.goto(pass.link);
    await page.getByRole("heading", { name: "Hall printer" }).waitFor();
    expect(page.url(), "the secret has left the address bar").toBe(`${new URL(pass.link).origin}/g/`);
    await look(page, "print");
    await page.getByLabel("Copies").fill("1");
    await page.getByLabel("File").setInputFiles(join(place.path, "letter.pdf"));
    await page.getByRole("button", { name: "Print" }).click();
    await page.getByText("Printed", { exact: true }).waitFor();
    expect(new URL(page.url()).pathname).toMatch(/^\/g\/job\//);
    await look(page, "printed");
    const [name] = await until("the printed file", async () => ((await printed()).length > 0 ? printed() : null));
    const { downloads_dir } = await host.ask<NodeStatus>("status");
    const paper = await readFile(join(downloads_dir, "Printed", name ?? ""));
    expect(paper.equals(await readFile(join(place.path, "letter.pdf")))).toBe(true);
    const [job] = await host.ask<Job[]>("jobs");
    expect(job).toMatchObject({ title: "letter.pdf", device_name: "Aunt", state: "done" });

    await page.getByRole("link", { name: "Print another file" }).click();
    await page.getByLabel("File").setInputFiles(join(place.path, "program.exe"));
    await page.getByRole("button", { name: "Print" }).click();
    await page.getByRole("alert").filter({ hasText: "this kind of file can't be printed" }).waitFor();
    await look(page, "refused");
    // The refusal itself is a 422, which the console notes; nothing else may be there.
    expect(problems.filter((problem) => !problem.includes("422"))).toEqual([]);
    await host.ask("guest", "end", pass.pass.id);
  });

  test("prints without any script, with the PIN", async () => {
    const pass = await made("Hall printer", "--print");
    const before = (await printed()).length;
    const page = await phone({ script: false });
    await page.goto(pass.page);
    await page.getByLabel("PIN").fill(`${pass.pin.slice(0, 4)} ${pass.pin.slice(4)}`);
    await page.getByRole("button", { name: "Go in" }).click();
    await page.getByLabel("File").setInputFiles(join(place.path, "letter.pdf"));
    await page.getByRole("button", { name: "Print" }).click();
    await page.getByText("Printed", { exact: true }).waitFor();
    expect((await printed()).length).toBe(before + 1);
    await page.getByRole("link", { name: "Print another file" }).click();
    await page.getByRole("button", { name: "I'm done here" }).click();
    await page.getByLabel("PIN").waitFor();
    await page.getByLabel("Number").fill(pass.page.slice(-2));
    await page.getByLabel("PIN").fill("31415926");
    await page.getByRole("button", { name: "Go in" }).click();
    await page.getByRole("alert").waitFor();
    // The accessibility rules are a script themselves: the same pages in a browser that runs them.
    const seen = await phone();
    await seen.goto(pass.page);
    await look(seen, "door");
    await seen.getByLabel("PIN").fill("31415926");
    await seen.getByRole("button", { name: "Go in" }).click();
    await seen.getByRole("alert").waitFor();
    await look(seen, "wrong-pin");
    await host.ask("guest", "end", pass.pass.id);
  });

  test("looks through a folder and downloads from it", async () => {
    const pass = await made("Family photos");
    const page = await phone();
    await page.goto(pass.link);
    await page.getByText(`${EVIL}.txt`).waitFor();
    await look(page, "folder");
    await page.getByRole("link", { name: "2019 Summer" }).click();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Beach & 100% sun.jpg" }).click(),
    ]);
    expect(download.suggestedFilename()).toBe("Beach & 100% sun.jpg");
    expect((await readFile(await download.path())).equals(Buffer.alloc(2_500_000, 7))).toBe(true);
    await page.getByRole("link", { name: "Up" }).click();
    await page.getByText("read me.txt").waitFor();
    await host.ask("guest", "end", pass.pass.id);
    // With the last pass the door is shut, or there is nothing behind it any more: printing clients may still come in.
    const left = await page.goto(pass.page).catch(() => null);
    expect(left === null || left.status() === 404, "no page for guests is left").toBe(true);
  });

  test.each([true, false])("puts files into a folder, with scripts: %s", async (script) => {
    const pass = await made("Inbox", "--add", "--until", "1h");
    const page = await phone({ script, locale: "de-DE" });
    if (script) await page.goto(pass.link);
    else {
      await page.goto(pass.page);
      await page.getByLabel("PIN").fill(pass.pin);
      await page.getByRole("button", { name: "Weiter" }).click();
    }
    await page.getByLabel("Dateien").setInputFiles(["letter.pdf", "program.exe"].map((name) => join(place.path, name)));
    await page.getByRole("button", { name: "Senden" }).click();
    await page.getByText("Angekommen").nth(1).waitFor();
    if (script) await look(page, "added");
    const number = script ? "" : " (2)";
    const name = `letter${number}.pdf`;
    const got = await readFile(join(place.path, "inbox", name));
    expect(got.equals(await readFile(join(place.path, "letter.pdf"))), name).toBe(true);
    await host.ask("guest", "end", pass.pass.id);
  });

  test("is told when the pass has ended", async () => {
    const pass = await made("Inbox", "--add");
    const other = await made("Inbox", "--add");
    const page = await phone();
    await page.goto(pass.link);
    await page.getByRole("button", { name: "Send" }).waitFor();
    await host.ask("guest", "end", pass.pass.id);
    await page.getByLabel("Files").setInputFiles(join(place.path, "letter.pdf"));
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByRole("alert").filter({ hasText: "This has ended" }).waitFor();
    await page.goto(pass.link);
    await page.getByRole("alert").filter({ hasText: "This has ended" }).waitFor();
    await accessible(page, "a pass that has ended");
    await host.ask("guest", "end", other.pass.id);
    expect(await host.ask<Pass[]>("guests")).toEqual([]);
  });
});

describe("a page elsewhere in the guest's browser", () => {
  let server: Server;
  afterAll(() => server?.close());

  /** A page of another site. */
  async function elsewhere(html: string): Promise<string> {
    server?.close();
    server = createServer((_, answer) => answer.setHeader("content-type", "text/html").end(html));
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return `http://localhost:${(server.address() as AddressInfo).port}/`;
  }

  test("leads to the pass with a link, and cannot show it in a frame of its own", async () => {
    const pass = await made("Hall printer");
    const page = await phone();
    await page.goto(await elsewhere(`<!doctype html><a href="${pass.link}">Your pass</a><iframe src="${pass.link}"></iframe>`));
    const framed = page.frames().find((frame) => frame !== page.mainFrame());
    expect(await framed!.getByRole("heading").count(), "nothing of it is in the frame").toBe(0);
    await page.getByRole("link", { name: "Your pass" }).click();
    await page.getByRole("heading", { name: "Hall printer" }).waitFor();
    await page.getByLabel("File").setInputFiles(join(place.path, "letter.pdf"));
    await page.getByRole("button", { name: "Print" }).click();
    await page.getByText("Printed", { exact: true }).waitFor();
    await host.ask("guest", "end", pass.pass.id);
  });

  test("cannot print, put files in, or read", async () => {
    const pass = await made("Hall printer");
    const page = await phone();
    await page.goto(pass.link);
    await page.getByRole("heading", { name: "Hall printer" }).waitFor();
    const before = (await host.ask<Job[]>("jobs")).length;
    const target = `${new URL(pass.link).origin}/g/print`;
    const attack = `<!doctype html><form id="f" method="post" action="${target}" enctype="multipart/form-data" target="x">
      <input name="file" type="file"></form><iframe name="x"></iframe><img src="${target}"><script>
      const data = new FormData(); data.append("file", new File(["printed by a stranger"], "evil.txt"));
      const transfer = new DataTransfer(); transfer.items.add(new File(["printed by a stranger"], "evil.txt"));
      f.elements[0].files = transfer.files; f.submit();
      navigator.sendBeacon("${target}", data);
      const tries = ["no-cors", "cors"].map((mode) =>
        fetch("${target}", { method: "POST", mode, credentials: "include", body: data }).then((a) => a.text(), () => ""));
      Promise.all(tries).then((texts) => { document.title = "done:" + texts.join(""); });
      </script>`;
    const stranger = await page.context().newPage();
    await stranger.goto(await elsewhere(attack));
    await stranger.waitForFunction(() => document.title.startsWith("done:"));
    expect(await stranger.title(), "nothing could be read").toBe("done:");
    await new Promise((done) => setTimeout(done, 500));
    expect((await host.ask<Job[]>("jobs")).length, "nothing was printed").toBe(before);
    await page.reload();
    await page.getByRole("heading", { name: "Hall printer" }).waitFor();
    await host.ask("guest", "end", pass.pass.id);
  });
});
