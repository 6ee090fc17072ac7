// A device as a person has it before them: its own node, and the node's page in Chromium. Every step is a click.

import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { expect } from "vitest";
import { pdf } from "./documents";
import { Node } from "./nodes";

/** One device: its node, its page, and how often somebody clicked there. */
export class Screen {
  clicks = 0;
  readonly problems: string[] = [];

  private constructor(
    readonly name: string,
    readonly node: Node,
    readonly context: BrowserContext,
    readonly page: Page,
  ) {}

  static async open(browser: Browser, data: string, name: string | undefined, environment?: Record<string, string>): Promise<Screen> {
    const node = await Node.start(data, name, environment);
    const context = await browser.newContext({
      viewport: { width: 1120, height: 760 },
      locale: "en-GB",
      permissions: ["clipboard-read", "clipboard-write"],
    });
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    const screen = new Screen(name ?? data, node, context, page);
    page.on("pageerror", (error) => screen.problems.push(error.message));
    page.on("console", (message) => message.type() === "error" && screen.problems.push(message.text()));
    await page.goto(await node.ask<string>("browser"));
    return screen;
  }

  /** First run, without sharing anything. */
  async lookAround() {
    await this.click("Continue");
    await this.click("Just look around");
    await this.click("Finish");
    await this.page.getByRole("heading", { name: "Nearby", level: 1 }).waitFor();
  }

  /** Starts a home and lets another device in. */
  async foundHomeWith(other: Screen) {
    await this.go("My home");
    await this.click("Start a home");
    await this.click("I have kept it");
    await this.click("Add a device");
    const code = await this.shown();
    await other.go("My home");
    await other.page.getByRole("button", { name: `${this.name} ${code.slice(0, 2)}-…` }).waitFor();
    await other.type(code);
    await other.click("Join");
    await this.dialog.getByText(`${other.name} came in`).waitFor();
    await this.click("Done");
  }

  async close() {
    await this.context.close();
    await this.node.stop();
  }

  get dialog(): Locator {
    return this.page.getByRole("dialog");
  }

  get notes(): Locator {
    return this.page.getByRole("region", { name: "What was just begun" });
  }

  get questions(): Locator {
    return this.page.getByRole("region", { name: "Questions for you" });
  }

  async click(what: string | RegExp | Locator) {
    this.clicks += 1;
    const button = typeof what === "string" || what instanceof RegExp ? this.page.getByRole("button", { name: what, exact: typeof what === "string" }) : what;
    await button.click();
  }

  /** Clicks made in there. */
  async count(steps: () => Promise<void>): Promise<number> {
    const before = this.clicks;
    await steps();
    return this.clicks - before;
  }

  /** A place of the sidebar; going there is a click as well. */
  async go(place: string) {
    await this.click(this.page.getByRole("navigation", { name: "Places" }).getByRole("link", { name: place }));
    await this.page.getByRole("heading", { name: place, level: 1 }).waitFor();
  }

  card(name: string): Locator {
    return this.page.getByRole("listitem").filter({ has: this.page.getByRole("heading", { name, exact: true }) });
  }

  code(): Locator {
    return this.page.getByLabel("Code", { exact: true });
  }

  /** Typed as people type: without the dashes, which come by themselves. */
  async type(code: string) {
    await this.code().fill("");
    await this.code().pressSequentially(code.replaceAll("-", ""));
    expect(await this.code().inputValue()).toBe(code);
  }

  /** The code that this screen shows. */
  async shown(): Promise<string> {
    const code = await this.dialog.getByText(/^\d\d-\d{3}-\d{3}$/).textContent();
    return code!.trim();
  }

  /** Drops a document on a printer, which opens the print dialog. */
  async drop(printer: string, title: string, document = pdf("one", "two")) {
    const data = await this.page.evaluateHandle(([title, text]) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(text, (letter) => letter.charCodeAt(0))], title, { type: "application/pdf" }));
      return data;
    }, [title, document.toString("latin1")] as const);
    const box = (await this.card(printer).boundingBox())!;
    const at = { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2, dataTransfer: data };
    await this.card(printer).dispatchEvent("dragover", at);
    await this.card(printer).dispatchEvent("drop", at);
    await this.dialog.getByText(title).first().waitFor();
  }
}
