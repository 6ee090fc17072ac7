// A small W3C WebDriver client, as much of it as the window's test needs, and the programs around it.

import { execFile, spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { AXE, SCREENSHOTS } from "./chromium";
import { until } from "./nodes";

const run = promisify(execFile);

/** The key under which WebDriver hands out elements (W3C WebDriver §12). */
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

/** Longer than any command takes on a slow machine. */
const DEADLINE = 20_000;

export class Window {
  private constructor(
    private readonly base: string,
    private readonly session: string,
  ) {}

  /** Starts the app through the driver. */
  static async open(driver: string, binary: string, args: string[]): Promise<Window> {
    const capabilities = { alwaysMatch: { "webkitgtk:browserOptions": { binary, args } } };
    const { sessionId } = await call<{ sessionId: string }>("POST", `${driver}/session`, { capabilities });
    return new Window(driver, sessionId);
  }

  close() {
    return this.#do("DELETE", "");
  }

  /** Runs a function's body in the page. */
  script<T>(body: string, ...args: unknown[]): Promise<T> {
    return this.#do<T>("POST", "/execute/sync", { script: body, args });
  }

  /** Waits for an element whose own words contain `words`, and gives it back. */
  find(selector: string, words = "", seconds = 20): Promise<unknown> {
    return until(
      `${selector} with “${words}”`,
      () =>
        this.script<unknown>(
          `const [selector, words] = arguments;
           const labels = (element) => (element.getAttribute("aria-labelledby") ?? "").split(" ").map(
             (id) => document.getElementById(id)?.textContent.trim() ?? "").join(" ");
           return [...document.querySelectorAll(selector)].find((element) =>
             element.getClientRects().length > 0 &&
             [element.getAttribute("aria-label") ?? "", labels(element), element.textContent].some((name) =>
               name.includes(words))) ?? null;`,
          selector,
          words,
        ),
      seconds,
    );
  }

  /** Clicks like a person: the element must be in sight and nothing may lie over it. */
  async click(selector: string, words = "") {
    const element = (await this.find(selector, words)) as Record<string, string>;
    await this.#do("POST", `/element/${element[ELEMENT]}/click`, {});
  }

  async type(selector: string, text: string) {
    const element = (await this.find(selector)) as Record<string, string>;
    await this.#do("POST", `/element/${element[ELEMENT]}/clear`, {});
    await this.#do("POST", `/element/${element[ELEMENT]}/value`, { text });
  }

  /** Takes a picture and tells what breaks the accessibility rules. */
  async inspect(name: string): Promise<string[]> {
    // WebKitGTK answers with the next frame it paints, and a page that stands still paints none.
    await this.script(
      `const dot = document.body.appendChild(document.createElement("i"));
       dot.style.cssText = "position:fixed;inline-size:1px;block-size:1px;background:currentColor";
       let on = false;
       const moving = setInterval(() => (dot.style.opacity = (on = !on) ? "0.01" : "0"), 30);
       setTimeout(() => { clearInterval(moving); dot.remove(); }, 1500);`,
    );
    const picture = await this.#do<string>("GET", "/screenshot");
    await mkdir(SCREENSHOTS, { recursive: true });
    await writeFile(`${SCREENSHOTS}${name}.png`, Buffer.from(picture, "base64"));
    // Begun in one call and asked for in others: a rule that throws must not leave the driver waiting.
    await this.script(
      `${AXE};
       window.found = null;
       window.axe.run(document).then(
         (result) => (window.found = result.violations.map(
           ({ id, nodes }) => id + ": " + nodes.map((node) => node.target.join(" ")).join("; "))),
         (error) => (window.found = [String(error)]));
       return null;`,
    );
    return until("the accessibility rules", () => this.script<string[] | null>("return window.found"));
  }

  #do<T>(method: string, path: string, body?: object): Promise<T> {
    return call<T>(method, `${this.base}/session/${this.session}${path}`, body);
  }
}

async function call<T>(method: string, url: string, body?: object): Promise<T> {
  const signal = AbortSignal.timeout(DEADLINE);
  const sent = JSON.stringify(body);
  const answer = await fetch(url, { method, signal, ...(body && { body: sent }) }).catch((error: unknown) => {
    throw new Error(`${method} ${url} ${sent?.slice(0, 80) ?? ""}: ${String(error)}`);
  });
  const { value } = (await answer.json()) as { value: T & { error?: string; message?: string } };
  if (!answer.ok) throw new Error(`${method} ${url}: ${value.error} ${value.message}`);
  return value;
}

/** Programs that run until they are ended, in reverse order. */
export class Programs {
  #running: ChildProcess[] = [];

  start(command: string, args: string[], env: NodeJS.ProcessEnv): ChildProcess {
    const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    child.on("error", (error) => console.error(`${command}: ${error.message}`));
    child.stderr?.on("data", (bytes: Buffer) => process.env["E2E_VERBOSE"] && process.stderr.write(bytes));
    child.stdout?.on("data", (bytes: Buffer) => process.env["E2E_VERBOSE"] && process.stderr.write(bytes));
    this.#running.push(child);
    return child;
  }

  async stop() {
    for (const child of this.#running.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) continue;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
    }
  }
}

/** A screen that nobody sees. */
export async function screen(programs: Programs): Promise<string> {
  for (let number = 90; number < 120; number++) {
    if (existsSync(`/tmp/.X${number}-lock`) || existsSync(`/tmp/.X11-unix/X${number}`)) continue;
    const display = `:${number}`;
    const child = programs.start("Xvfb", [display, "-screen", "0", "1280x800x24", "-nolisten", "tcp"], process.env);
    await until("Xvfb", async () => existsSync(`/tmp/.X11-unix/X${number}`) || child.exitCode !== null);
    if (child.exitCode === null) return display;
  }
  throw new Error("no free display number for Xvfb");
}

/** Drags files from another program into the middle of the window, looks while they hang there, and lets them go. */
export async function dragOnto(programs: Programs, env: NodeJS.ProcessEnv, paths: string[], look: () => Promise<unknown>) {
  const [x, y] = [1190, 10];
  const source = programs.start("/usr/bin/python3", [fileURLToPath(new URL("drag-source.py", import.meta.url)), String(x), String(y), ...paths], env);
  let said = "";
  source.stdout?.on("data", (bytes: Buffer) => (said += bytes.toString()));
  await until("something to drag", async () => said.includes("ready"));
  const mouse = (...words: (string | number)[]) => run("xdotool", words.map(String), { env });
  await mouse("mousemove", x + 40, y + 40, "mousedown", 1);
  // A drag begins with the first few pixels, and is heard of while the mouse moves.
  for (let step = 1; step <= 20; step++) await mouse("mousemove", x + 40 - step * 30, y + 40 + step * 18, "sleep", 0.03);
  await look();
  await mouse("mousemove_relative", 1, 1, "mouseup", 1);
  // It stays: what was let go is fetched from it afterwards.
}

/** What was let go in another program. */
export interface LetGo {
  uris: string[];
  /** What that program may do with it. */
  actions: string[];
}

/** Drags from a place of the screen out of the window and lets go over another program: what that one gets. */
export async function dragOut(programs: Programs, env: NodeJS.ProcessEnv, from: { x: number; y: number }): Promise<LetGo> {
  const [x, y] = [1190, 710];
  const target = programs.start("/usr/bin/python3", [fileURLToPath(new URL("drag-target.py", import.meta.url)), String(x), String(y)], env);
  let said = "";
  target.stdout?.on("data", (bytes: Buffer) => (said += bytes.toString()));
  await until("something to let go over", async () => said.includes("ready"));
  const mouse = (...words: (string | number)[]) => run("xdotool", words.map(String), { env });
  await mouse("mousemove", from.x, from.y, "mousedown", 1);
  for (let step = 1; step <= 20; step++) {
    const at = (begin: number, end: number) => Math.round(begin + ((end - begin) * step) / 20);
    await mouse("mousemove", at(from.x, x + 40), at(from.y, y + 40), "sleep", 0.03);
  }
  await mouse("mousemove_relative", 1, 1, "sleep", 0.1, "mouseup", 1);
  return JSON.parse(await until("what was let go", async () => /^\{.*\}$/m.exec(said)?.[0])) as LetGo;
}

/** A session bus, over which a second start finds the first. */
export async function sessionBus(programs: Programs): Promise<string> {
  const child = programs.start("dbus-daemon", ["--session", "--nofork", "--print-address=1"], process.env);
  let said = "";
  child.stdout?.on("data", (bytes: Buffer) => (said += bytes.toString()));
  await until("the session bus", async () => said.includes("\n"));
  return said.trim();
}

export async function driver(programs: Programs, env: NodeJS.ProcessEnv): Promise<string> {
  const port = await freePort();
  programs.start("WebKitWebDriver", [`--port=${port}`, "--host=127.0.0.1"], {
    ...env,
    TAURI_AUTOMATION: "true",
    TAURI_WEBVIEW_AUTOMATION: "true",
  });
  const base = `http://127.0.0.1:${port}`;
  await until("WebKitWebDriver", () =>
    fetch(`${base}/status`).then(
      (answer) => answer.ok,
      () => false,
    ),
  );
  return base;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (typeof address === "object" && address ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}
