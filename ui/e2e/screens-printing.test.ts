// Every screen about printing, with a node that is played: the print dialog with its preview, printers and what they
// lack, jobs and what can be done with them, the owner's rules. Working, empty and failing, in both themes, narrow and
// in German.

import { beforeEach, describe, expect, test } from "vitest";
import type { Locator } from "playwright-core";
import type { ApiError, Job, Preview, Request, Response } from "../src/api";
import { ask, BEN, household, PI } from "../test/household";
import { color, jobs, plain, printers, printShop } from "../test/printers";
import { accessible, inspect, overflows } from "./chromium";
import { pdf } from "./documents";
import { preview } from "./paper";
import { onePage, type Screens } from "./screens";

let screens: Screens;
/** What a preview says and when, unless a test has it otherwise. */
let pictured: (wanted: Extract<Request, { do: "preview" }>) => Response | ApiError | Promise<Response | ApiError>;

const HALL = printers[0]!.id;
const PHOTO = printers[1]!.id;
const made = (value: Preview): Response => ({ is: "preview", value });
const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));

onePage(printShop, (opened) => (screens = opened));

beforeEach(async () => {
  const { stage } = screens;
  stage.asked = [];
  pictured = (wanted) => made(preview(wanted, { pages: 5, printsColor: wanted.printer !== HALL }));
  stage.answers = {
    networks: () => ({ is: "networks", value: household().status.networks }),
    capabilities: ({ printer }) => ({ is: "capabilities", value: printer === HALL ? { ...color, color: false } : printer === PHOTO ? color : plain }),
    preview: (wanted) => pictured(wanted),
  };
  await screens.page.setViewportSize({ width: 1120, height: 800 });
});

const card = (name: string): Locator =>
  screens.page.getByRole("listitem").filter({ has: screens.page.getByRole("heading", { name, exact: true }) });
const row = (title: string): Locator => screens.page.getByRole("listitem").filter({ hasText: title });

/** Opens the print dialog for a printer and chooses files in it. */
async function open(printer: string, ...names: string[]) {
  await card(printer).getByRole("button", { name: /^(Print…|Drucken…)/ }).click();
  const choose = screens.dialog.getByRole("button", { name: /^(Choose files…|Dateien wählen…)/ });
  const [chooser] = await Promise.all([screens.page.waitForEvent("filechooser"), choose.click()]);
  await chooser.setFiles(names.map((name) => ({ name, mimeType: "application/pdf", buffer: pdf("one", "two", "three") })));
}

const picture = () => screens.dialog.getByRole("img");
const asked = () => screens.requests("preview");
const printButton = () => screens.dialog.getByRole("button", { name: /^(Print|Drucken)$/ });

/** The picture that belongs to the newest choices is there. */
async function settled() {
  await screens.dialog.locator("[aria-busy=false] img").waitFor();
}

/** Whether all of it can be seen without scrolling, above the dialog's buttons. */
async function inSight(what: Locator): Promise<boolean> {
  const [box, buttons] = [await what.boundingBox(), await printButton().boundingBox()];
  return box !== null && buttons !== null && box.y >= 0 && box.y + box.height <= buttons.y;
}

describe.sequential("the print dialog", () => {
  test("shows the sides as they will be on paper, one after the other, by mouse and by keyboard", async () => {
    await screens.show(printShop(), "nearby");
    await open("Canon TS5350", "Quarterly report.pdf");
    await settled();
    await inspect(screens.page, "print-preview");
    expect(asked()[0]).toMatchObject({ printer: PHOTO, side: 1, document: { from: "upload", id: "1", name: "Quarterly report.pdf" } });
    await screens.dialog.getByText("Page 1 of 5 · Sheet 1, front").waitFor();
    await screens.press("Forward");
    await screens.dialog.getByText("Page 2 of 5 · Sheet 1, back").waitFor();
    await screens.page.keyboard.press("End");
    await screens.dialog.getByText("Page 5 of 5 · Sheet 3, front").waitFor();
    await settled();
    expect(await screens.dialog.getByRole("button", { name: "Forward" }).isDisabled()).toBe(true);
    const before = asked().length;
    await screens.page.keyboard.press("Home").catch(() => {});
    await screens.dialog.getByRole("button", { name: "Back" }).focus();
    await screens.page.keyboard.press("Home");
    await screens.dialog.getByText("Page 1 of 5").waitFor();
    await settled();
    expect(asked().length, "what was seen is still there").toBe(before);
    expect(screens.stage.uploads, "the file was sent once").toEqual(["Quarterly report.pdf"]);
  });

  test("follows what is chosen: pages per side, grey, booklet, with the sheets it takes", async () => {
    await screens.show(printShop(), "nearby");
    await open("Canon TS5350", "Quarterly report.pdf");
    await settled();
    await screens.dialog.getByText("3 sheets of paper.").waitFor();
    await screens.dialog.getByText("Grey", { exact: true }).click();
    await screens.dialog.getByText("More options").click();
    await screens.dialog.getByLabel("Pages per side").selectOption("2");
    await screens.dialog.getByText("Side 1 of 3 · Sheet 1, front").waitFor();
    await settled();
    await screens.dialog.getByText("Grey. 2 sheets of paper.").or(screens.dialog.getByText("2 pages on each side. Grey. 2 sheets of paper.")).waitFor();
    await inspect(screens.page, "print-two-up-grey");
    expect(asked().at(-1)!.options).toMatchObject({ color: "monochrome", number_up: 2 });
    await screens.dialog.getByRole("switch", { name: "Booklet" }).click();
    await screens.dialog.getByText("As a booklet.").waitFor();
    await screens.dialog.getByText("Side 1 of 4").waitFor();
    expect(asked().at(-1)!.options).toMatchObject({ booklet: true, number_up: null, sides: null });
    await screens.dialog.getByLabel("Size").selectOption("fill");
    await screens.dialog.getByText("Not all of it can be as you chose:").waitFor();
    await screens.dialog.getByText("This printer makes at most 99 copies of a job.").waitFor();
    await screens.dialog.getByText("Draft", { exact: true }).click();
    await screens.dialog.getByLabel("Tray").selectOption({ label: "Tray 1" });
    await screens.dialog.getByLabel("Kind of paper").selectOption({ label: "Photo, glossy" });
    await screens.dialog.getByText("Quality: Draft. From: Tray 1. Kind of paper: Photo, glossy.").waitFor();
    await settled();
    await screens.dialog.getByText("Kind of paper", { exact: true }).scrollIntoViewIfNeeded();
    await inspect(screens.page, "print-all-options");
  });

  test("asks once for many quick choices, and what was overtaken is never shown", async () => {
    await screens.show(printShop(), "nearby");
    const answers: ((said: Response) => void)[] = [];
    pictured = () => new Promise((answer) => answers.push(answer));
    await open("Canon TS5350", "Quarterly report.pdf");
    await expect.poll(() => asked().length).toBe(1);
    await screens.dialog.getByText("Making the preview…").waitFor({ state: "attached" });
    await inspect(screens.page, "print-waiting");
    for (const media of ["na_letter_8.5x11in", "iso_a5_148x210mm", "na_5x7_5x7in"]) await screens.dialog.getByLabel("Paper", { exact: true }).selectOption(media);
    await wait(400);
    expect(asked().length, "the first is still being made").toBe(1);
    answers[0]!(made({ ...preview(asked()[0]!, { pages: 9, printsColor: true }) }));
    await expect.poll(() => asked().length).toBe(2);
    expect(asked()[1]!.options.media).toBe("na_5x7_5x7in");
    expect(await picture().count(), "an answer to what is no longer wanted").toBe(0);
    answers[1]!(made(preview(asked()[1]!, { pages: 5, printsColor: true })));
    await screens.dialog.getByText("Page 1 of 5").waitFor();
  });

  test("takes a range of pages only when the document has them", async () => {
    await screens.show(printShop(), "nearby");
    await open("Canon TS5350", "Quarterly report.pdf");
    await settled();
    await screens.dialog.getByText("Some", { exact: true }).click();
    const which = screens.dialog.getByLabel("Which pages");
    await expect.poll(() => which.evaluate((field) => field === document.activeElement), { message: "the field is where one types" }).toBe(true);
    await which.fill("3-1");
    expect(await printButton().isDisabled()).toBe(true);
    await which.fill("2, 4-9");
    await screens.dialog.getByText("There are only 5 pages.").waitFor();
    expect(await printButton().isDisabled()).toBe(true);
    await inspect(screens.page, "print-pages-wrong");
    await which.fill("2, 4-5");
    await screens.dialog.getByText("Only pages 2, 4-5.").waitFor();
    await screens.dialog.getByText("Side 1 of 3").waitFor();
    await screens.dialog.getByText("All", { exact: true }).click();
    await screens.dialog.getByText("Page 1 of 5").waitFor();
    expect(await printButton().isDisabled()).toBe(false);
  });

  test("prints all the same when there is no preview, and sends anew what the node no longer has", async () => {
    await screens.show(printShop(), "nearby");
    pictured = () => ({ code: "unreadable", detail: "The document is protected with a password." });
    await open("Canon TS5350", "Locked.pdf");
    await screens.dialog.getByText("This file can't be looked into").waitFor();
    await inspect(screens.page, "print-no-preview");
    let tries = 0;
    const uploads = screens.stage.uploads.length;
    screens.stage.answers.print = ({ document }) => {
      tries += 1;
      if (tries === 1) return { code: "not_found", detail: "This upload is not there any more." };
      expect(document, "sent once more").toMatchObject({ id: String(uploads + 1) });
      return { is: "job", value: { ...jobs[0]!, id: "locked", title: "Locked.pdf" } };
    };
    await printButton().click();
    await screens.dialog.waitFor({ state: "detached" });
    expect(tries).toBe(2);
    expect(screens.requests("print")[1]).toMatchObject({ printer: PHOTO, options: { copies: null, booklet: false } });
  });

  test("shows only what the printer can do", async () => {
    await screens.show(printShop(), "nearby");
    await open("Office LaserJet of the second floor", "Quarterly report.pdf");
    await settled();
    await screens.dialog.getByText("Black and white only. 5 sheets of paper.").waitFor();
    for (const gone of ["Sides", "Colour"]) expect(await screens.dialog.getByRole("group", { name: gone }).count(), gone).toBe(0);
    await screens.dialog.getByText("More options").click();
    for (const gone of ["Booklet", "Quality", "Tray", "Kind of paper"]) expect(await screens.dialog.getByText(gone, { exact: true }).count(), gone).toBe(0);
    await inspect(screens.page, "print-plain");
  });

  test("several files are shown one at a time, and each goes to the printer", async () => {
    await screens.show(printShop(), "nearby");
    await open("Canon TS5350", "Letter.pdf", "Ticket.pdf", "Map.pdf");
    await settled();
    await screens.press("Ticket.pdf");
    await settled();
    await expect.poll(() => asked().at(-1)!.document).toMatchObject({ name: "Ticket.pdf" });
    await screens.press("Leave out Letter.pdf");
    await inspect(screens.page, "print-several");
    const sent: string[] = [];
    screens.stage.answers.print = ({ document }) => {
      const name = document.from === "upload" ? document.name : "";
      if (name === "Map.pdf") return { code: "must_ask", detail: "Ben's desktop wants to be asked" };
      sent.push(name);
      return { is: "job", value: { ...jobs[0]!, id: name, title: name } };
    };
    await printButton().click();
    await screens.dialog.getByText("Its owner wants to be asked first").waitFor();
    expect(sent).toEqual(["Ticket.pdf"]);
    await expect.poll(() => inSight(screens.dialog.getByRole("alert")), { message: "what went wrong is in sight" }).toBe(true);
    await screens.dialog.getByRole("heading", { name: "Print Map.pdf" }).waitFor();
    await inspect(screens.page, "print-must-ask");
  });

  test("without a printer it shows the document, and says what is missing", async () => {
    const nobody = printShop();
    nobody.nearby = { ...nobody.nearby, printers: nobody.nearby.printers.filter((printer) => printer.id === HALL) };
    await screens.show(nobody, "nearby");
    await open("Brother HL-L2350", "Quarterly report.pdf");
    await settled();
    screens.stage.tell({ what: "nearby", value: { ...nobody.nearby, printers: [] } });
    await screens.dialog.getByText("No printer nearby").or(screens.dialog.getByText("This printer has left")).first().waitFor({ state: "attached" });
    expect(await printButton().isDisabled()).toBe(true);
    await inspect(screens.page, "print-printer-left");
  });

  test("the job is followed to its end, and can be cancelled on the way", async () => {
    await screens.show({ ...printShop(), jobs: [] }, "nearby");
    await open("Canon TS5350", "Quarterly report.pdf");
    await settled();
    const job: Job = { ...jobs[0]!, id: "followed", title: "Quarterly report.pdf", printer: "Canon TS5350", state: "sending", pages: 10, pages_done: null, actions: ["cancel", "hold"] };
    screens.stage.answers.print = () => ({ is: "job", value: job });
    await printButton().click();
    await screens.dialog.waitFor({ state: "detached" });
    const at = async (more: Partial<Job>, words: string) => {
      screens.stage.tell({ what: "job", value: { ...job, ...more } });
      await screens.notes.getByText(words).waitFor();
    };
    await at({ state: "waiting" }, "Waiting to print");
    await at({ state: "printing", pages_done: 2 }, "Printing page 3 of 10");
    await inspect(screens.page, "print-followed");
    await at({ state: "stopped", reason: "media-empty", pages_done: 2 }, "Stopped: Needs paper");
    await inspect(screens.page, "print-followed-stopped");
    screens.stage.answers.cancel_job = () => ({ is: "job", value: job });
    await screens.press("Cancel Quarterly report.pdf on Canon TS5350");
    await expect.poll(() => screens.requests("cancel_job")).toEqual([{ do: "cancel_job", job: "followed" }]);
    await at({ state: "done", actions: [] }, "Printed · 10 pages");
    await expect.poll(() => screens.notes.getByRole("button", { name: /^Cancel/ }).count()).toBe(0);
  });
});

describe.sequential("printers nearby", () => {
  test("say what they do, lack and have, and in which ways they are reached", async () => {
    await screens.show(printShop(), "nearby");
    await card("Canon TS5350").getByText("Needs paper · 1 waiting").waitFor();
    await card("Canon TS5350").getByText("8%, low").waitFor();
    await card("Brother HL-L2350").getByText("also through Kitchen Pi and straight over the network").waitFor();
    await card("Attic").getByText("Not answering").waitFor();
    await inspect(screens.page, "printers");
    await card("Canon TS5350").getByRole("button", { name: "Details Canon TS5350" }).click();
    await screens.dialog.getByText("Ink or toner is running low").waitFor();
    await inspect(screens.page, "printer-details-trouble");
    await screens.page.keyboard.press("Escape");
    await card("Brother HL-L2350").getByRole("button", { name: "Details Brother HL-L2350" }).click();
    await screens.dialog.getByText("Through Ben's desktop").waitFor();
    await inspect(screens.page, "printer-details-added");
  });

  test("are added to this computer's own print dialog in one click, and taken out again", async () => {
    await screens.show(printShop(), "nearby");
    screens.stage.answers.add_printer = screens.stage.answers.remove_printer = () => ({ is: "nearby", value: printShop().nearby });
    await screens.press("Add to this computer Canon TS5350");
    await screens.notes.getByText("Canon TS5350 is now in the print dialog of every program.").waitFor();
    expect(screens.requests("add_printer")).toEqual([{ do: "add_printer", printer: PHOTO }]);
    expect(await screens.dialog.count(), "the card's own click is another").toBe(0);
    await screens.press("Remove Brother HL-L2350");
    await screens.notes.getByText("Brother HL-L2350 was taken out").waitFor();
    await inspect(screens.page, "printer-removed");
    await screens.press("Undo");
    await expect.poll(() => screens.requests("add_printer").at(-1)).toEqual({ do: "add_printer", printer: HALL });
  });

  test("that could not be added say what was tried, why not, and what to do", async () => {
    await screens.show(printShop(), "nearby");
    screens.stage.answers.add_printer = () => ({ code: "printer_failed", detail: "CUPS answered client-error-forbidden." });
    await screens.press("Add to this computer Canon TS5350");
    await screens.notes.getByText("Canon TS5350 couldn't be added to this computer").waitFor();
    await screens.notes.getByText("This computer's print service refused it.").waitFor();
    await inspect(screens.page, "printer-add-failed");
  });
});

describe.sequential("jobs", () => {
  test("say where they are in plain words, with what can be done about each", async () => {
    await screens.show(printShop(), "activity");
    await row("Shopping list.pdf").getByText("Waiting to print").waitFor();
    await row("Thesis.pdf").getByText("Printing page 38 of 120").waitFor();
    await row("Poster.pdf").getByText("Held: quiet hours").waitFor();
    await row("Recipe.pdf").getByText("Held: until its owner lets it go").waitFor();
    await row("Letter.pdf").getByText("sent by cora").waitFor();
    await row("Invoice.pdf").getByText("Stopped: Needs paper").waitFor();
    const buttons = (title: string) => row(title).getByRole("button").allTextContents();
    expect(await buttons("Shopping list.pdf")).toEqual(["Hold", "Move…", "Cancel"]);
    expect(await buttons("Poster.pdf")).toEqual(["Let it print", "Move…", "Cancel"]);
    expect(await buttons("Report.pdf")).toEqual(["Print again"]);
    await screens.page.setViewportSize({ width: 1120, height: 1500 });
    await inspect(screens.page, "jobs");
  });

  test("are held and let go, each with a way back", async () => {
    await screens.show(printShop(), "activity");
    screens.stage.answers.hold_job = screens.stage.answers.release_job = () => ({ is: "job", value: jobs[0]! });
    await screens.press("Hold Shopping list.pdf");
    await screens.notes.getByText("Shopping list.pdf is held.").waitFor();
    await screens.press("Undo");
    await expect.poll(() => screens.requests("release_job")).toEqual([{ do: "release_job", job: "Shopping-list" }]);
    await screens.press("Let it print Recipe.pdf");
    await screens.notes.getByText("Recipe.pdf goes on.").waitFor();
    await screens.press("Undo");
    await expect.poll(() => screens.requests("hold_job").at(-1)).toEqual({ do: "hold_job", job: "Recipe" });
  });

  test("what becomes of them is told to whoever listens", async () => {
    await screens.show(printShop(), "activity");
    await row("Thesis.pdf").waitFor();
    const thesis = jobs.find((job) => job.id === "Thesis")!;
    screens.stage.tell({ what: "job", value: { ...thesis, pages_done: 61 } });
    await screens.page.getByRole("status", { name: "News" }).getByText("Thesis.pdf. Printing page 62 of 120").waitFor({ state: "attached" });
    screens.stage.tell({ what: "job", value: { ...thesis, state: "stopped", reason: "media-jam" } });
    await screens.page.getByRole("status", { name: "News" }).getByText("Thesis.pdf. Stopped: Paper is jammed").waitFor({ state: "attached" });
  });

  test("go to another printer, and back", async () => {
    await screens.show(printShop(), "activity");
    screens.stage.answers.move_job = ({ printer }) =>
      printer === PHOTO ? { is: "job", value: { ...jobs[0]!, id: "moved" } } : { code: "peer_unreachable", detail: "Kitchen Pi does not answer" };
    await screens.press("Move… Shopping list.pdf");
    await screens.dialog.getByText("Canon TS5350").waitFor();
    expect(await screens.dialog.getByText("Brother HL-L2350").count(), "it is there already").toBe(0);
    await screens.dialog.getByText("Attic", { exact: true }).click();
    await screens.press("Print there");
    await screens.dialog.getByText("The other device isn't answering").waitFor();
    await inspect(screens.page, "job-move-failed");
    await screens.dialog.getByText("Canon TS5350").click();
    await screens.press("Print there");
    await screens.notes.getByText("Shopping list.pdf goes to Canon TS5350 now.").waitFor();
    await screens.press("Undo");
    await expect.poll(() => screens.requests("move_job").at(-1)).toEqual({ do: "move_job", job: "moved", printer: HALL });
  });

  test("have nowhere to go without another printer, and say so", async () => {
    const one = printShop();
    one.nearby = { ...one.nearby, printers: [printers[0]!] };
    await screens.show(one, "activity");
    await screens.press("Move… Shopping list.pdf");
    await screens.dialog.getByText("No other printer is nearby.").waitFor();
    await accessible(screens.page, "no other printer");
  });

  test("are printed again, cancelled and tried again", async () => {
    await screens.show(printShop(), "activity");
    screens.stage.answers.reprint = ({ job }) => ({ is: "job", value: { ...jobs[0]!, id: `${job} again` } });
    screens.stage.answers.cancel_job = screens.stage.answers.retry_job = () => ({ is: "job", value: jobs[0]! });
    await screens.press("Print again Report.pdf");
    await screens.press("Cancel Invoice.pdf");
    await screens.press("Try again Photos.pdf");
    await screens.notes.getByText("Invoice.pdf was cancelled.").waitFor();
    await expect.poll(() => screens.requests("retry_job")).toEqual([{ do: "retry_job", job: "Photos" }]);
    expect(screens.requests("reprint")).toEqual([{ do: "reprint", job: "Report" }]);
    expect(screens.requests("cancel_job")).toEqual([{ do: "cancel_job", job: "Invoice" }]);
  });

  test("are none at first, which is said", async () => {
    await screens.show({ ...printShop(), jobs: [] }, "activity");
    await screens.page.getByText("Nothing has been printed or copied yet").waitFor();
    await inspect(screens.page, "jobs-none");
  });
});

describe.sequential("the owner's printers", () => {
  test("are paused and go on, and tell what they lack", async () => {
    await screens.show(printShop(), "sharing");
    await screens.page.getByText("Paused; jobs wait").waitFor();
    await screens.page.getByText("50 pages a day · grey only · quiet 22:00–07:00").waitFor();
    await screens.page.getByText("A cover is open").waitFor();
    await inspect(screens.page, "sharing-printers");
    screens.stage.answers.pause_queue = screens.stage.answers.resume_queue = () => ({ is: "queues", value: printShop().queues });
    await screens.press("Pause Laser");
    await screens.notes.getByText("Laser is paused. Jobs wait.").waitFor();
    await screens.press("Undo");
    await expect.poll(() => screens.requests("resume_queue")).toEqual([{ do: "resume_queue", queue: "Laser" }]);
    await screens.press("Resume Attic");
    await expect.poll(() => screens.requests("resume_queue").at(-1)).toEqual({ do: "resume_queue", queue: "Attic" });
  });

  test("have rules: how much, in grey, not at night, and who is free of them", async () => {
    await screens.show(printShop(), "sharing");
    screens.stage.answers.change_share = () => ({ is: "share", value: printShop().shares[0]! });
    await screens.press(/^Who: .*Laser$/);
    await screens.dialog.getByLabel("Pages a day per device").fill("20");
    await screens.dialog.getByLabel("Jobs a day per device").fill("5");
    await screens.dialog.getByLabel("From", { exact: true }).fill("23:30");
    await screens.dialog.getByLabel("To", { exact: true }).fill("23:30");
    await screens.dialog.getByText("Beginning and end must differ.").waitFor();
    expect(await screens.dialog.getByRole("button", { name: "Save" }).isDisabled()).toBe(true);
    await screens.dialog.getByLabel("To", { exact: true }).fill("06:15");
    await screens.dialog.getByLabel("Ben's desktop").check();
    await screens.dialog.getByLabel("Rules for Ben's desktop").selectOption("No rules");
    await screens.dialog.getByLabel("Jobs a day").scrollIntoViewIfNeeded();
    await inspect(screens.page, "rules");
    await screens.dialog.getByRole("button", { name: "Save" }).click();
    await screens.dialog.waitFor({ state: "detached" });
    const ruled = { max_jobs: 5, max_pages: 20, no_color: true, quiet: { from: 23 * 60 + 30, to: 6 * 60 + 15 } };
    expect(screens.requests("change_share")[0]!.audience).toMatchObject([
      { who: "device", id: BEN, max_jobs: null, max_pages: null, no_color: false, quiet: null },
      { who: "home", ...ruled },
      { who: "network", ask: true, ...ruled },
    ]);
  });

  test("ask before a stranger prints: what, how much, who, and that the job is held", async () => {
    await screens.show({ ...printShop(), asks: [ask] }, "activity");
    await screens.page.getByText("wants to print “letter.pdf” (3 pages) on Laser").first().waitFor();
    await screens.page.getByText("Until you answer, the job is held and nothing is printed.").waitFor();
    await inspect(screens.page, "ask-to-print");
  });
});

describe.sequential("on a phone and in German", () => {
  const inside = () => screens.dialog.evaluate((element) => element.scrollWidth <= element.clientWidth);

  for (const language of ["en", "de"] as const) {
    test(`nothing of it reaches beyond the side of a window of 320 pixels (${language})`, async () => {
      await screens.as(language, 320);
      for (const place of ["nearby", "sharing", "activity"]) {
        await screens.show({ ...printShop(), asks: [ask] }, place);
        expect(await overflows(screens.page), place).toBe(false);
        await screens.page.setViewportSize({ width: 320, height: 2400 });
        await inspect(screens.page, `printing-narrow-${language}-${place}`);
        await screens.page.setViewportSize({ width: 320, height: 700 });
      }
      await screens.show(printShop(), "nearby");
      await open("Canon TS5350", "Quarterly report of the garden association.pdf");
      await settled();
      expect(await inside(), "the print dialog").toBe(true);
      await inspect(screens.page, `printing-narrow-${language}-dialog`);
      await screens.dialog.locator("details summary").last().click();
      await screens.page.setViewportSize({ width: 320, height: 1500 });
      expect(await inside(), "all of it").toBe(true);
      await inspect(screens.page, `printing-narrow-${language}-dialog-all`);
      await screens.page.keyboard.press("Escape");
      await screens.page.setViewportSize({ width: 320, height: 700 });
      await card("Canon TS5350").getByRole("button").last().click();
      expect(await inside(), "a printer").toBe(true);
      await inspect(screens.page, `printing-narrow-${language}-printer`);
      await screens.show(printShop(), "sharing");
      await screens.page.getByRole("button", { name: /(Who|Wer): .*Laser$/ }).click();
      expect(await inside(), "rules").toBe(true);
      await screens.page.setViewportSize({ width: 320, height: 1500 });
      await inspect(screens.page, `printing-narrow-${language}-rules`);
    });
  }

  test("in German at full width, and with forced colours", async () => {
    await screens.as("de", 1120);
    await screens.show(printShop(), "nearby");
    await inspect(screens.page, "printing-de-nearby");
    await open("Canon TS5350", "Quartalsbericht.pdf");
    await settled();
    await screens.dialog.locator("details summary").last().click();
    await inspect(screens.page, "printing-de-dialog");
    await screens.page.emulateMedia({ forcedColors: "active" });
    await inspect(screens.page, "printing-forced-dialog");
    await screens.page.keyboard.press("Escape");
    await inspect(screens.page, "printing-forced-nearby");
    await screens.page.emulateMedia({ forcedColors: "none" });
    await screens.show(printShop(), "activity");
    await screens.page.setViewportSize({ width: 1120, height: 1500 });
    await inspect(screens.page, "printing-de-activity");
    await screens.show(printShop(), "sharing");
    await inspect(screens.page, "printing-de-sharing");
    await screens.as("en", 1120);
  });

  test("is whole on a very wide window", async () => {
    await screens.page.setViewportSize({ width: 2560, height: 1300 });
    await screens.show(printShop(), "nearby");
    await open("Canon TS5350", "Quarterly report.pdf");
    await settled();
    await inspect(screens.page, "print-wide");
  });
});

test("the pages made no complaint while all this happened", () => expect(screens.problems).toEqual([]));
