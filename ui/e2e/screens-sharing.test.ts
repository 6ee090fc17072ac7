// Every screen about copies, sending, mounts and the jobs that somebody manages, with a node that is played: what it
// shows in each state, what a click asks for, and that it is accessible in both themes, on a phone and in German.

import type { Page } from "playwright-core";
import { beforeEach, describe, expect, test } from "vitest";
import type { Job, Request, Snapshot } from "../src/api";
import { copy, copying, mount, notes, nothing, sending, wish } from "../test/copies";
import { BEN, household } from "../test/household";
import { job } from "../test/samples";
import { inspect, overflows } from "./chromium";
import { onePage, type Screens } from "./screens";
import type { Stage } from "./stage";

let screens: Screens;
let stage: Stage;
let page: Page;

onePage(nothing, (opened) => ({ stage, page } = screens = opened));

beforeEach(async () => {
  stage.asked = [];
  stage.answers = {
    networks: () => ({ is: "networks", value: household().status.networks }),
    transfer_limit: () => ({ is: "transfer_limit", value: null }),
  };
});

const show = (snapshot: Snapshot, place: string) => screens.show(snapshot, place);
const dialog = () => screens.dialog;
const notesOnScreen = () => screens.notes;
const requests = <Do extends Request["do"]>(what: Do) => screens.requests(what);
/** The row or card of something. */
const row = (name: string) => page.getByRole("listitem").filter({ has: page.getByText(name, { exact: true }) });
const press = (name: string, what: string) => row(name).getByRole("button", { name: what }).click();

/** Both themes, a phone, and German on a phone: as wide as the window is and no wider. */
async function everywhere(name: string, ready: () => Promise<unknown>) {
  await inspect(page, name);
  await page.setViewportSize({ width: 320, height: 640 });
  await inspect(page, `${name}-320`);
  expect(await overflows(page), `${name} at 320`).toBe(false);
  await screens.as("de", 320);
  await page.reload();
  await ready();
  await inspect(page, `${name}-320-de`);
  expect(await overflows(page), `${name} at 320 in German`).toBe(false);
  await screens.as("en", 1120);
  await page.reload();
}

describe.sequential("copies", () => {
  test("each says in one sentence how far it is, how fast it goes and from how many it comes", async () => {
    await show(copying(), "activity");
    await row("film.mkv").getByText("1 GB of 4 GB · 50 MB per second · from 3 devices · 60 seconds left").waitFor();
    await row("Photos").getByText("600 MB of 9.4 GB · 12 of 340 files · 8 MB per second · 18 minutes left").waitFor();
    await row("paused.mkv").getByText("Paused · 1 GB copied").waitFor();
    await row("away.mkv").getByText("Waiting for Kitchen Pi · goes on by itself").waitFor();
    await row("letter.pdf").getByText("Waiting until Ben's desktop accepts it").waitFor();
    await row("full.mkv").getByText("This computer's disk is full. The rest needs 3 GB: make room, then go on").waitFor();
    await row("slides.odp").getByText("Ben's desktop did not accept it").waitFor();
    await row("done.mkv").getByText("Checked: identical to the original").waitFor();
    await row("Letters").getByText("1 file or folder of 340 could not be copied").waitFor();
    await row("recipe.pdf").getByText("Here · checked: identical to the original").waitFor();
    await page.screenshot({ path: "../target/screenshots/copies-long.png", fullPage: true });
    await everywhere("copies", () => page.getByText("film.mkv").waitFor());
  });

  test("each has the buttons that make sense where it is, and pausing and cancelling can be taken back", async () => {
    await show(copying(), "activity");
    const whole = copying().transfers[0]!;
    stage.answers.pause_transfer = () => ({ is: "transfer", value: { ...whole, state: "paused" } });
    stage.answers.retry_transfer = () => ({ is: "transfer", value: whole });
    stage.answers.cancel_transfer = () => ({ is: "transfer", value: { ...whole, state: "cancelled" } });
    await press("film.mkv", "Pause");
    await notesOnScreen().getByText("“film.mkv” is paused.").waitFor();
    await notesOnScreen().getByRole("button", { name: "Undo" }).click();
    await expect.poll(() => requests("retry_transfer")).toEqual([{ do: "retry_transfer", transfer: "film" }]);
    await press("paused.mkv", "Resume");
    await press("full.mkv", "Go on");
    await press("film.mkv", "Cancel");
    await notesOnScreen().getByText("“film.mkv” is cancelled.").waitFor();
    expect(requests("pause_transfer")).toEqual([{ do: "pause_transfer", transfer: "film" }]);
    await press("full.mkv", "Discard");
    await notesOnScreen().getByText("“full.mkv” was given up. Nothing half-copied is left of it.").waitFor();
    expect(requests("cancel_transfer").map(({ transfer }) => transfer)).toEqual(["film", "full"]);
    await expect.poll(() => requests("retry_transfer").map(({ transfer }) => transfer)).toEqual(["film", "paused", "full"]);
    expect(await row("done.mkv").getByRole("button").count(), "what is done needs nothing").toBe(0);
  });

  test("one of several that wait for their turn can be put before the others", async () => {
    const waiting = (id: string, more: object = {}) => copy(id, { state: "waiting", bytes_done: 0, rate: 0, ...more });
    await show({ ...nothing(), transfers: [copy("film"), waiting("one"), waiting("two"), waiting("alone", { device: "c".repeat(52), device_name: "Kitchen Pi" })] }, "activity");
    stage.answers.next_transfer = () => ({ is: "transfer", value: waiting("two") });
    await row("two.mkv").getByText("Waiting to begin").waitFor();
    expect(await row("alone.mkv").getByRole("button", { name: "Copy next" }).count(), "nothing else waits for that device").toBe(0);
    expect(await row("film.mkv").getByRole("button", { name: "Copy next" }).count(), "it moves already").toBe(0);
    await everywhere("copies-waiting", () => page.getByText("two.mkv").waitFor());
    await press("two.mkv", "Copy next");
    await notesOnScreen().getByText("“two.mkv” is next.").waitFor();
    expect(requests("next_transfer")).toEqual([{ do: "next_transfer", transfer: "two" }]);
  });

  test("what did not come of a folder, and what is called otherwise, is told file by file", async () => {
    stage.answers.transfer_notes = () => ({ is: "transfer_notes", value: notes });
    const open = async () => {
      await page.getByRole("button", { name: /What is different…|Was anders ist…/ }).click();
      await dialog().getByText("2024/broken.raw", { exact: true }).waitFor();
    };
    await show(copying(), "activity");
    await open();
    await dialog().getByText("The file can't be read.").waitFor();
    await dialog().getByText("2024/a:b.txt is called 2024/a%3Ab.txt").waitFor();
    await everywhere("copy-notes", open);
    stage.answers.transfer_notes = () => ({ code: "internal", detail: "the store does not answer" });
    await page.getByRole("button", { name: "What is different…" }).click();
    await dialog().getByText("Something in Lanyard failed").waitFor();
    await inspect(page, "copy-notes-failing");
    await page.keyboard.press("Escape");
  });

  test("how fast all of them go is set where they are watched", async () => {
    let limit: number | null = null;
    stage.answers.transfer_limit = () => ({ is: "transfer_limit", value: limit });
    stage.answers.limit_transfers = ({ rate }) => ({ is: "transfer_limit", value: (limit = rate) });
    await show(copying(), "activity");
    const open = async () => {
      await page.getByRole("button", { name: /^(Speed of copies|Tempo der Kopien)$/ }).click();
      await dialog().getByRole("combobox").waitFor();
    };
    await open();
    await everywhere("copies-speed", open);
    await open();
    await dialog().getByRole("combobox").selectOption("1000000");
    await expect.poll(() => requests("limit_transfers").at(-1)).toEqual({ do: "limit_transfers", transfer: null, rate: 1_000_000 });
    await page.keyboard.press("Escape");
  });

  test("while there is nothing, the place says what it is for", async () => {
    await show(nothing(), "activity");
    await page.getByText("Nothing has been printed or copied yet").waitFor();
  });
});

describe.sequential("sending", () => {
  test("whoever wants to send something is named, with what, how much and where it goes, and waits for a click", async () => {
    await show({ ...nothing(), asks: [wish] }, "nearby");
    const card = page.getByRole("region", { name: "Questions for you" });
    await card.getByText("Ben's desktop wants to send you 3 things").waitFor();
    await card.getByText("A device of your home · 800 MB").waitFor();
    await card.getByText("It goes into /downloads/Lanyard.").waitFor();
    await everywhere("send-asks", () => page.getByText("Letter to grandmother.odt").first().waitFor());
    stage.answers.answer_ask = () => ({ is: "asks", value: [] });
    stage.answers.forget_sender = () => ({ is: "inbox", value: nothing().inbox });
    await card.getByRole("button", { name: "Always from this device" }).click();
    await notesOnScreen().getByText("Whatever Ben's desktop sends is accepted from now on.").waitFor();
    expect(requests("answer_ask")).toEqual([{ do: "answer_ask", ask: wish.id, answer: "always" }]);
    await notesOnScreen().getByRole("button", { name: "Undo" }).click();
    await expect.poll(() => requests("forget_sender")).toEqual([{ do: "forget_sender", device: BEN }]);
  });

  test("what was accepted is followed to its end, and can be stopped", async () => {
    await show({ ...nothing(), asks: [wish] }, "nearby");
    stage.answers.answer_ask = () => ({ is: "asks", value: [] });
    await page.getByRole("button", { name: "Accept", exact: true }).click();
    const told = (more: Parameters<typeof sending>[1]) =>
      stage.tell({ what: "inbox", value: { ...nothing().inbox, sendings: [sending(wish.id, more)] } });
    told({});
    await notesOnScreen().getByText("200 MB of 800 MB here").waitFor();
    await inspect(page, "send-receives");
    stage.answers.stop_sending = () => ({ is: "inbox", value: nothing().inbox });
    await page.getByRole("navigation", { name: "Places" }).getByRole("link", { name: "Activity" }).click();
    await press("Holiday photos + 2", "Stop");
    await expect.poll(() => requests("stop_sending")).toEqual([{ do: "stop_sending", sending: wish.id }]);
    told({ state: "refused", names: ["Holiday photos"] });
    await row("Holiday photos + 2").getByText("Stopped here · what is whole stays").waitFor();
    told({ state: "withdrawn" });
    await row("Holiday photos + 2").getByText("Ben's desktop stopped sending").waitFor();
    told({ state: "done", bytes_done: 800_000_000, names: ["Holiday photos"] });
    await row("Holiday photos + 2").getByText("Here · checked: identical to the original").waitFor();
  });

  test("files are sent from a device's card or page, and only to devices of the home", async () => {
    await show(nothing(), "nearby");
    stage.answers.send = () => ({ is: "transfers", value: [copy("letter", { direction: "upload", name: "letter.pdf", inbox: true, state: "waiting", reason: "must_ask" })] });
    const chosen = page.waitForEvent("filechooser");
    const card = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: "Ben's desktop" }) });
    await inspect(page, "send-cards");
    await card.getByRole("button", { name: "Send files…" }).click();
    const earlier = stage.uploads.length;
    await (await chosen).setFiles({ name: "letter.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF") });
    await expect.poll(() => requests("send")).toEqual([
      { do: "send", files: [{ from: "upload", id: String(earlier + 1), name: "letter.pdf" }], device: BEN },
    ]);
    const stranger = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: "Office PC" }) });
    expect(await stranger.getByRole("button", { name: "Send files…" }).count()).toBe(0);
    await card.getByRole("button", { name: /^About/ }).click();
    await dialog().getByRole("heading", { name: "Send" }).waitFor();
    await inspect(page, "send-device");
    await page.keyboard.press("Escape");
  });

  test("where received files go is chosen in Settings, and whose come without a question is forgotten there", async () => {
    await show({ ...copying(), inbox: { ...copying().inbox, sendings: [] } }, "settings");
    stage.answers.set_inbox_folder = ({ folder }) =>
      folder === "/nowhere"
        ? { code: "not_found", detail: "There is no folder /nowhere." }
        : { is: "inbox", value: { ...nothing().inbox, folder: folder ?? "/downloads/Lanyard", chosen: folder !== null } };
    stage.answers.forget_sender = () => ({ is: "inbox", value: nothing().inbox });
    await page.getByRole("button", { name: "Choose…" }).click();
    await page.getByLabel("Folder", { exact: true }).fill("/nowhere");
    await page.getByRole("button", { name: "Use this folder" }).click();
    await page.getByText("That isn't there any more").waitFor();
    await page.getByText("Where received files go").scrollIntoViewIfNeeded();
    await inspect(page, "settings-inbox-failing");
    await page.getByLabel("Folder", { exact: true }).fill("/srv/received");
    await page.getByRole("button", { name: "Use this folder" }).click();
    await notesOnScreen().getByText("Received files go to /srv/received from now on.").waitFor();
    await page.getByRole("button", { name: "Ask again before files of Kitchen Pi are accepted" }).click();
    await expect.poll(() => requests("forget_sender").length).toBe(1);
    await show({ ...copying(), inbox: { ...copying().inbox, sendings: [], chosen: true, usable: false, folder: "/media/stick/received" } }, "settings");
    await page.getByText("This folder is not there now").waitFor();
    await everywhere("settings-inbox", () => page.getByText("/media/stick/received").waitFor());
  });

  test("how fast copies may go is a choice that tells what holds now", async () => {
    stage.answers.transfer_limit = () => ({ is: "transfer_limit", value: 3_000_000 });
    stage.answers.limit_transfers = ({ rate }) => ({ is: "transfer_limit", value: rate });
    await show(nothing(), "settings");
    const choice = page.getByLabel("All copies together");
    await expect.poll(() => choice.inputValue(), { message: "what the command line set stays" }).toBe("3000000");
    await choice.selectOption({ label: "At most 10 MB per second" });
    await choice.selectOption({ label: "As fast as possible" });
    await expect.poll(() => requests("limit_transfers")).toEqual([
      { do: "limit_transfers", transfer: null, rate: 10_000_000 },
      { do: "limit_transfers", transfer: null, rate: null },
    ]);
  });
});

describe.sequential("mounts", () => {
  test("a drive becomes a folder of this computer, where a person says and for as long as they say", async () => {
    await show(nothing(), "nearby");
    const open = async () => {
      await page.getByRole("button", { name: /^(As a folder…|Als Ordner…) Family photos/ }).click();
      await dialog().getByRole("switch").waitFor();
    };
    await open();
    await everywhere("mount", open);
    await open();
    stage.answers.mount = () => ({ code: "no_fuse", detail: "fusermount3 is missing. Install it, for example with: sudo apt install fuse3" });
    await dialog().getByRole("button", { name: "Show as a folder" }).click();
    await dialog().getByText("This computer can't show drives as folders yet").waitFor();
    await inspect(page, "mount-no-fuse");
    stage.answers.mount = () => ({ is: "mount", value: mount() });
    await dialog().getByRole("switch", { name: "Also after a restart" }).click();
    await dialog().getByLabel("Where").fill("/home/anna/Photos");
    await dialog().getByRole("button", { name: "Show as a folder" }).click();
    await notesOnScreen().getByText("Family photos is at /home/anna/Films on Ben's desktop now.").waitFor();
    expect(requests("mount").at(-1)).toEqual({ do: "mount", drive: "photos@ben", dir: "/home/anna/Photos", at_start: false });
  });

  test("from inside a drive it is one click away", async () => {
    stage.answers.list = ({ path }) => ({ is: "listing", value: { path, entries: [], next: null } });
    const snapshot = nothing();
    const drives = snapshot.nearby.drives.map((drive) => ({ ...drive, writable: true }));
    await show({ ...snapshot, nearby: { ...snapshot.nearby, drives } }, "drive/photos@ben");
    await page.getByText("This folder is empty.").waitFor();
    await everywhere("mount-from-folder", () => page.getByText("Dieser Ordner ist leer.").waitFor());
    await page.getByRole("button", { name: "As a folder…" }).click();
    await dialog().getByRole("switch").waitFor();
    await page.keyboard.press("Escape");
    stage.tell({ what: "mounts", value: [mount({ drive_id: "photos@ben" })] });
    await page.getByRole("button", { name: "As a folder…" }).waitFor({ state: "detached" });
    // Where it was made, it is opened and taken away: in a browser the path helps.
    await page.getByRole("button", { name: "Copy the path" }).waitFor();
    await page.getByRole("button", { name: "Take away" }).waitFor();
    await inspect(page, "mounted-in-folder");
  });

  test("the list says which are there, and one in use is not taken away without a question", async () => {
    const mounts = [
      mount(),
      mount({ dir: "/home/anna/Recipes", drive: "Recipes", drive_id: "r@pi", device: "c".repeat(52), device_name: "Kitchen Pi", at_start: false }),
      mount({ dir: "/home/anna/Old", drive: "Old", mounted: false, note: { is: "failed", code: "invalid" }, detail: "/home/anna/Old is not empty; what is in it would be hidden." }),
    ];
    await show({ ...nothing(), mounts }, "nearby");
    await row("Films").getByText("There", { exact: true }).waitFor();
    await row("Recipes").getByText("Kitchen Pi is away · comes back by itself").waitFor();
    await row("Old").getByText("Not there", { exact: true }).waitFor();
    await row("Old").getByText("The folder can't be used").waitFor();
    await page.getByText("Folders of others on this computer").scrollIntoViewIfNeeded();
    await everywhere("mounts", () => page.getByText("Recipes").first().waitFor());
    stage.answers.unmount = ({ careful }) => (careful ? { code: "busy", detail: "Programs have 2 files open." } : { is: "done" });
    await page.getByRole("button", { name: "Take away Films" }).click();
    await dialog().getByText("Programs have files open there.").waitFor();
    await inspect(page, "mount-busy");
    await dialog().getByRole("button", { name: "Take away all the same" }).click();
    await notesOnScreen().getByText("Films is no folder of this computer any more.").waitFor();
    expect(requests("unmount").map(({ careful }) => careful)).toEqual([true, false]);
  });
});

describe.sequential("without Lanyard", () => {
  const fingerprint = Array.from({ length: 32 }, (_, i) => (i * 7).toString(16).toUpperCase().padStart(2, "0")).join(":");

  test("a folder's address is shown with who gets in, or how somebody could", async () => {
    stage.answers.folder_address = () => ({ code: "not_allowed", detail: "Neither everyone nor a guest may look into Music." });
    await show(nothing(), "sharing");
    const open = () => page.getByRole("button", { name: /^(Without Lanyard…|Ohne Lanyard…) Music/ }).click();
    await open();
    await dialog().getByText("Nobody gets in that way yet").waitFor();
    await inspect(page, "address-nobody");
    await page.keyboard.press("Escape");
    stage.answers.folder_address = () => ({
      is: "folder_address",
      value: { url: "https://192.168.1.7:7717/dav/Music/", qr: Array.from({ length: 25 }, (_, y) => "10".repeat(13).slice(y % 2, 25 + (y % 2))), open: true, guests: true, fingerprint },
    });
    await open();
    await dialog().getByText("https://192.168.1.7:7717/dav/Music/").waitFor();
    await everywhere("address", async () => {
      await open();
      await dialog().getByText("https://192.168.1.7:7717/dav/Music/").waitFor();
    });
  });
});

describe.sequential("jobs that somebody manages", () => {
  const theirs = (id: string, more: Partial<Job> = {}): Job => ({ ...job(id, Date.now() - 1000, "waiting"), direction: "incoming", actions: ["cancel", "hold"], device_name: "Kitchen Pi", pages: 4, ...more });

  test("a manager sees everybody's jobs on the printer's page and holds, releases and cancels them", async () => {
    let jobs = [theirs("menu"), theirs("poster", { state: "held", reason: "job-hold-until-specified", actions: ["cancel", "release"] }), theirs("old", { state: "done", actions: [] })];
    stage.answers.printer_jobs = () => ({ is: "jobs", value: jobs });
    stage.answers.manage_job = ({ job, action }) => {
      const value = { ...jobs.find(({ id }) => id === job)!, state: action === "hold" ? ("held" as const) : ("waiting" as const), actions: ["cancel" as const, "release" as const] };
      jobs = jobs.map((other) => (other.id === job ? value : other));
      return { is: "job", value };
    };
    await show(nothing(), "nearby");
    const open = () => page.getByRole("button", { name: /^(Details|Mehr dazu|Einzelheiten).* Brother/ }).click();
    await open();
    await dialog().getByText("menu.pdf").waitFor();
    expect(await dialog().getByText("old.pdf").count(), "what is over needs nobody").toBe(0);
    await inspect(page, "manage");
    await dialog().getByRole("button", { name: "Hold menu.pdf" }).click();
    await expect.poll(() => requests("manage_job")).toEqual([{ do: "manage_job", printer: "hall@ben", job: "menu", action: "hold" }]);
    await dialog().getByRole("button", { name: "Let it print menu.pdf" }).waitFor();
    await page.keyboard.press("Escape");
  });

  test("whoever may not see to them sees nothing of them", async () => {
    stage.answers.printer_jobs = () => ({ code: "not_allowed", detail: "Its owner has not allowed it." });
    await show(nothing(), "nearby");
    await page.getByRole("button", { name: /^Details.* Brother/ }).click();
    await expect.poll(() => requests("printer_jobs").length).toBe(1);
    expect(await dialog().getByText("Jobs on this printer").count()).toBe(0);
    expect(await dialog().getByRole("alert").count()).toBe(0);
    await page.keyboard.press("Escape");
  });
});

test("nothing complained meanwhile", () => {
  expect(screens.problems).toEqual([]);
});
