// The page in a browser, with a node that is played: what tests that look at screens have in common.

import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import type { Request, Snapshot } from "../src/api";
import { launch } from "./chromium";
import { Stage } from "./stage";

export class Screens {
  /** What the pages complained about. */
  readonly problems: string[] = [];

  private constructor(
    readonly stage: Stage,
    readonly page: Page,
    private readonly browser: Browser,
    readonly context: BrowserContext,
  ) {
    page.setDefaultTimeout(10_000);
    page.on("pageerror", (error) => this.problems.push(error.message));
    page.on("console", (message) => message.type() === "error" && this.problems.push(message.text()));
  }

  static async open(snapshot: Snapshot): Promise<Screens> {
    const stage = await Stage.open(snapshot);
    const browser = await launch();
    const context = await browser.newContext({ viewport: { width: 1120, height: 800 }, locale: "en-GB", permissions: ["clipboard-write"] });
    return new Screens(stage, await context.newPage(), browser, context);
  }

  async close() {
    await this.browser.close();
    await this.stage.close();
  }

  /** Starts anew with a snapshot, at a place. */
  async show(snapshot: Snapshot, place: string) {
    this.stage.snapshot = snapshot;
    await this.page.goto("about:blank");
    const listens = this.stage.listens();
    await this.page.goto(`${this.stage.url}#/${place}`);
    await listens;
    await this.page.getByRole("heading", { level: 1 }).first().waitFor();
  }

  /** In this language, in a window this wide. */
  async as(language: "en" | "de", width: number) {
    await this.page.setViewportSize({ width, height: width < 760 ? 700 : 800 });
    await this.page.evaluate((language) => localStorage.setItem("lanyard.language", language), language);
  }

  get dialog(): Locator {
    return this.page.getByRole("dialog");
  }

  get notes(): Locator {
    return this.page.getByRole("region", { name: /What was just begun|Gerade begonnen/ });
  }

  press(name: string | RegExp) {
    return this.page.getByRole("button", { name, exact: typeof name === "string" }).click();
  }

  /** What the page asked for, of one kind. */
  requests<Do extends Request["do"]>(what: Do): Extract<Request, { do: Do }>[] {
    return this.stage.asked.filter((request): request is Extract<Request, { do: Do }> => request.do === what);
  }
}

/** One page for all tests of a file: opened before them and given to `begin`, closed after them. */
export function onePage(snapshot: () => Snapshot, begin: (screens: Screens) => void) {
  let screens: Screens | undefined;
  beforeAll(async () => begin((screens = await Screens.open(snapshot()))));
  afterAll(() => screens?.close());
}
