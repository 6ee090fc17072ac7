// Every screen about belonging together, with a node that is played: what it shows in each state, what a click asks
// for, and that it is accessible in both themes and on a phone.

import type { Page } from "playwright-core";
import { beforeEach, describe, expect, test } from "vitest";
import type { Change, HomeState, Invite, Request, Snapshot } from "../src/api";
import { alone, ask, BEN, checks, household, invite, newPass, PI, RECOVERY } from "../test/household";
import { accessible, inspect, overflows } from "./chromium";
import { onePage, type Screens } from "./screens";
import type { Stage } from "./stage";

let screens: Screens;
let stage: Stage;
let page: Page;

onePage(household, (opened) => ({ stage, page } = screens = opened));

beforeEach(() => {
  stage.asked = [];
  stage.answers = { networks: () => ({ is: "networks", value: household().status.networks }) };
});

const show = (snapshot: Snapshot, place: string) => screens.show(snapshot, place);
const dialog = () => screens.dialog;
const press = (name: string | RegExp) => screens.press(name);
const told = (value: Partial<HomeState>): Change => ({ what: "home", value: { ...stage.snapshot.home, ...value } });
const requests = <Do extends Request["do"]>(what: Do) => screens.requests(what);

describe.sequential("my home", () => {
  test("without one: a home is started in one click, and its recovery code cannot be passed over", async () => {
    await show({ ...alone(), home: { ...alone().home, windows: [{ discriminator: "42", label: "Ben's desktop" }] } }, "home");
    await page.getByRole("heading", { name: "Join a home" }).waitFor();
    await inspect(page, "home-none");
    stage.answers.create_home = () => ({ is: "founded", value: { state: household().home, recovery: RECOVERY } });
    await press("Start a home");
    await dialog().getByText("RSTV").waitFor();
    expect(stage.asked.find((request) => request.do === "create_home")).toEqual({ do: "create_home", name: "Our home" });
    await inspect(page, "home-recovery");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await page.waitForTimeout(200);
    await dialog().getByText("RSTV").waitFor();
    const [saved] = await Promise.all([page.waitForEvent("download"), press("Save as a file")]);
    expect(saved.suggestedFilename()).toBe("Lanyard recovery code.txt");
    await press("I have kept it");
    await dialog().waitFor({ state: "detached" });
  });

  test("on paper there is the code, and nothing of the page around it", async () => {
    stage.answers.create_home = () => ({ is: "founded", value: { state: household().home, recovery: RECOVERY } });
    await show(alone(), "home");
    await press("Start a home");
    await dialog().getByText("RSTV").waitFor();
    await page.evaluate(() => (window.print = () => {}));
    await press("Print");
    await page.emulateMedia({ media: "print" });
    expect(await page.getByText("Recovery code of “Smith home”").isVisible()).toBe(true);
    const visible = (selector: string) => page.locator(selector).first().evaluate((element) => getComputedStyle(element).visibility);
    expect(await visible("nav")).toBe("hidden");
    expect(await visible("dialog .btn")).toBe("hidden");
    expect(await visible("dialog .paper .code")).toBe("visible");
    await page.emulateMedia({ media: "screen" });
    await page.evaluate(() => window.dispatchEvent(new Event("afterprint")));
  });

  test("a home is joined by its code: a device nearby gives the first two digits, the rest is typed", async () => {
    await show({ ...alone(), home: { ...alone().home, windows: [{ discriminator: "42", label: "Ben's desktop" }] } }, "home");
    stage.answers.type_code = () => ({ code: "wrong_code", detail: "no device nearby shows this code" });
    await press(/^Ben's desktop/);
    await page.locator("input:focus").waitFor();
    await page.keyboard.type("493117");
    expect(await page.getByLabel("Code", { exact: true }).inputValue()).toBe("42-493-117");
    await press("Join");
    await page.getByText("This code isn't right").waitFor();
    await inspect(page, "home-join-wrong");
    stage.answers.type_code = () => ({ is: "home", value: household().home });
    await press("Join");
    await page.getByRole("region", { name: "What was just begun" }).getByText("This computer is in the home now").waitFor();
    expect(requests("type_code").at(-1)).toEqual({ do: "type_code", code: "42-493-117", purpose: "join_home", address: null });
  });

  test("a device is added: the code, its time, wrong tries, and who came in", async () => {
    await show(household(), "home");
    await page.getByRole("button", { name: "Kitchen Pi" }).waitFor();
    await inspect(page, "home");
    const open = () => ({ is: "invite" as const, value: invite });
    stage.answers.open_invite = open;
    stage.answers.close_invite = () => ({ is: "done" });
    stage.answers.answer_invite = () => ({ is: "done" });
    await press("Add a device");
    const at = async (value: Partial<Invite>) => stage.tell(told({ invite: { ...invite, ...value } }));
    await dialog().getByText("42-493-117").waitFor();
    await at({ failed: 1 });
    await dialog().getByText("1 wrong code so far").waitFor();
    await dialog().getByText("9 more minutes").waitFor();
    await inspect(page, "home-add");
    await at({ state: "asking", device: { name: "Office PC", os: "linux" } });
    await dialog().getByText("Add Office PC?").waitFor();
    await inspect(page, "home-add-asking");
    await dialog().getByRole("button", { name: "Add", exact: true }).click();
    expect(requests("answer_invite")).toEqual([{ do: "answer_invite", accept: true }]);
    await at({ state: "used", device: { name: "Office PC", os: "linux" } });
    await dialog().getByText("Office PC came in").waitFor();
    await inspect(page, "home-add-used");
    await dialog().getByRole("button", { name: "Done" }).click();
    await dialog().waitFor({ state: "detached" });
  });

  test("a code that somebody guessed at is ended, and a new one is a click away", async () => {
    await show(household(), "home");
    stage.answers.open_invite = () => ({ is: "invite", value: invite });
    stage.answers.close_invite = () => ({ is: "done" });
    await press("Add a device");
    await dialog().getByText("42-493-117").waitFor();
    stage.tell(told({ invite: { ...invite, state: "burned", failed: 3 } }));
    await dialog().getByText("Someone tried a wrong code 3 times").waitFor();
    await inspect(page, "home-add-burned");
    stage.answers.open_invite = () => ({ is: "invite", value: { ...invite, code: "17-620-553" } });
    await press("Make a new one");
    await dialog().getByText("17-620-553").waitFor();
    await dialog().getByRole("button", { name: "Close" }).click();
    await expect.poll(() => requests("close_invite").length, { message: "who looks away from a code ends it" }).toBe(1);
  });

  test("other rights need another code", async () => {
    await show(household(), "home");
    stage.answers.open_invite = () => ({ is: "invite", value: invite });
    await press("Add a device");
    await dialog().getByText("42-493-117").waitFor();
    await dialog().getByText("More", { exact: true }).click();
    await dialog().getByRole("switch", { name: "It may manage the home" }).click();
    await expect.poll(() => requests("open_invite")).toEqual([
      { do: "open_invite", purpose: "add_device", role: "member", confirm: false },
      { do: "open_invite", purpose: "add_device", role: "keeper", confirm: false },
    ]);
  });

  test("the other device may show the code instead, and what came of it is said when the dialog is gone", async () => {
    await show(household(), "home");
    stage.answers.open_invite = () => ({ is: "invite", value: invite });
    stage.answers.close_invite = () => ({ is: "done" });
    stage.answers.type_code = () => ({ is: "home", value: household().home });
    await press("Add a device");
    await dialog().getByText("42-493-117").waitFor();
    await dialog().getByText("More", { exact: true }).click();
    await press("The other device shows the code instead");
    await dialog().getByText("The new device shows a code.").waitFor();
    await dialog().getByLabel("Code", { exact: true }).fill("17-620-553");
    await dialog().getByRole("button", { name: "Add", exact: true }).click();
    await dialog().waitFor({ state: "detached" });
    await page.getByRole("region", { name: "What was just begun" }).getByText("The device is in your home now").waitFor();
    expect(requests("type_code")).toEqual([{ do: "type_code", code: "17-620-553", purpose: "add_device", address: null }]);
  });

  test("a device's page: words and pictures to compare, its rights, waking, and putting it out with a warning", async () => {
    await show(household(), "home");
    await press("Kitchen Pi");
    await dialog().getByText("Turtle").waitFor();
    await dialog().getByText("Plans for the garden and the shed").waitFor();
    await inspect(page, "home-device");
    stage.answers.wake = () => ({ is: "done" });
    await press("Wake");
    await dialog().getByText("Woken").waitFor();
    stage.answers.remove_member = () => ({ is: "home", value: household().home });
    await press("Remove from the home");
    await dialog().getByText("This can't be undone").waitFor();
    await inspect(page, "home-remove");
    await press("Remove");
    await dialog().waitFor({ state: "detached" });
    expect(requests("remove_member")).toEqual([{ do: "remove_member", device: PI }]);
  });

  test("a lost device is put out with the recovery code, typed as people type", async () => {
    await show(household(), "home");
    stage.answers.recover = () => ({ is: "home", value: household().home });
    await press("Use the recovery code");
    await page.getByLabel("Recovery code", { exact: true }).fill("o123 4567 89ab cdef ghjk mnpq rstv");
    await page.getByLabel("Put out a lost device").selectOption("Ben's desktop");
    await inspect(page, "home-recover");
    await press("Use the code");
    await dialog().waitFor({ state: "detached" });
    expect(requests("recover")).toEqual([{ do: "recover", code: RECOVERY, remove: BEN }]);
  });

  test("leaving says what it means, and that nobody would manage the home any more", async () => {
    const last = household();
    last.home.home = { ...last.home.home!, members: last.home.home!.members.map((member) => (member.this_device ? member : { ...member, role: "member" as const })) };
    await show(last, "home");
    stage.answers.leave_home = () => ({ is: "home", value: alone().home });
    await press("Leave the home");
    await dialog().getByText("No other device manages the home.").waitFor();
    expect(await page.evaluate(() => document.activeElement?.textContent), "Enter does not leave by mistake").toBe("Cancel");
    await press("Leave");
    await dialog().waitFor({ state: "detached" });
    expect(requests("leave_home").length).toBe(1);
  });

  test("a device that is put out is told so wherever it is, and once more where its home was", async () => {
    await show(household(), "nearby");
    await page.getByRole("heading", { name: "Nearby", level: 1 }).waitFor();
    stage.tell(told({ home: null, put_out_of: "Smith home" }));
    await page.getByRole("region", { name: "What was just begun" }).getByText("This computer was put out of Smith home.").waitFor();
    await show({ ...alone(), home: { ...alone().home, put_out_of: "Smith home" } }, "home");
    await page.getByText("This computer was put out of Smith home. It uses nothing of that home any more.").waitFor();
    await inspect(page, "home-put-out");
  });

  test("a member that does not manage the home is told which devices do", async () => {
    const theirs = household();
    theirs.home.home = { ...theirs.home.home!, role: "member", heard: Date.now() - 3 * 86_400_000 };
    await show(theirs, "home");
    await page.getByText("Devices are added and removed on").waitFor();
    await page.getByText("Last heard from the rest of the home 3 days ago").waitFor();
    expect(await page.getByRole("button", { name: "Add a device" }).count()).toBe(0);
  });
});

describe.sequential("questions and answers", () => {
  test("a question stands above every place until it is answered, with how much is proven", async () => {
    for (const place of ["nearby", "sharing", "activity", "settings"]) {
      await show({ ...household(), asks: [ask] }, place);
      await page.getByText("wants to print “letter.pdf” (3 pages) on Laser").first().waitFor();
    }
    await page.getByText("Its name is not proven").first().waitFor();
    await show({ ...household(), asks: [ask, { ...ask, id: "q2", device_name: "Ben's desktop", known: true, share_kind: "folder", share_name: "Music", title: null, pages: null }] }, "nearby");
    await page.getByText("Ben's desktop wants to open Music").first().waitFor();
    await inspect(page, "asks");
    stage.answers.answer_ask = () => ({ is: "asks", value: [] });
    await page.getByRole("button", { name: "Always allow" }).first().click();
    await expect.poll(() => requests("answer_ask")).toEqual([{ do: "answer_ask", ask: "q1", answer: "always" }]);
    stage.tell({ what: "asks", value: [] });
    await page.getByRole("region", { name: "Questions for you" }).waitFor({ state: "detached" });
  });

  test("what needs its owner's yes is asked for on its card, and the answer is told", async () => {
    await show(household(), "nearby");
    stage.answers.ask_owner = () => ({ is: "done" });
    await inspect(page, "nearby-access");
    await page.getByRole("button", { name: "Ask Label printer" }).click();
    await expect.poll(() => requests("ask_owner")).toEqual([{ do: "ask_owner", what: "office@pc" }]);
    const nearby = household().nearby;
    nearby.printers = nearby.printers.map((printer) => ({ ...printer, access: "allowed" as const }));
    stage.tell({ what: "nearby", value: nearby });
    await page.getByRole("region", { name: "What was just begun" }).getByText("You may use Canon TS5350 on Office PC now.").waitFor();
    await page.getByRole("button", { name: "Print… Label printer" }).waitFor();
  });

  test("a folder whose owner must be asked says so with a button", async () => {
    stage.answers.list = () => ({ code: "must_ask", detail: "Office PC wants to be asked" });
    stage.answers.ask_owner = () => ({ is: "done" });
    await show(household(), "drive/project%40pc");
    await page.getByText("Its owner wants to be asked first").waitFor();
    await press("Ask");
    await page.getByText("Asked. The answer comes by itself.").waitFor();
    await accessible(page, "a folder whose owner must be asked");
  });
});

describe.sequential("my sharing", () => {
  test("who may what is one line on each share and one dialog behind it", async () => {
    await show(household(), "sharing");
    await page.getByText("Who: Everyone at home · others may ask").waitFor();
    await page.getByText("Who: Ben's desktop and Kitchen Pi").waitFor();
    await page.getByText("Who: Anyone on this network · only put files in").waitFor();
    await inspect(page, "sharing-who");
    stage.answers.change_share = () => ({ is: "share", value: household().shares[1]! });
    await page.getByRole("button", { name: /^Who: .*Music$/ }).click();
    await inspect(page, "who-home");
    await dialog().getByText("People I choose").click();
    expect(await dialog().getByRole("button", { name: "Save" }).isDisabled(), "nobody is chosen yet").toBe(true);
    await dialog().getByLabel("Ben's desktop").check();
    await dialog().getByLabel("What Ben's desktop may do").selectOption("write");
    await inspect(page, "who-chosen");
    await dialog().getByRole("button", { name: "Save" }).click();
    await dialog().waitFor({ state: "detached" });
    expect(requests("change_share")[0]).toMatchObject({ share: "music", write: false, until: 0, audience: [{ who: "device", id: BEN, write: true, ask: false }] });
  });

  test("a guest is let in with a code that is shown once, and put out with a click", async () => {
    await show(household(), "sharing");
    stage.answers.create_pass = () => ({ is: "new_pass", value: newPass });
    stage.answers.end_pass = () => ({ is: "passes", value: [] });
    await page.getByRole("button", { name: /^Let a guest in Music/ }).click();
    await inspect(page, "guest");
    await dialog().getByText("Put files in").click();
    await dialog().getByRole("button", { name: "Make a code" }).click();
    await dialog().getByText("4930 1172").waitFor();
    await inspect(page, "guest-made");
    const made = requests("create_pass")[0]!;
    expect(made).toMatchObject({ share: "music", action: "add" });
    expect(made.until - Date.now()).toBeGreaterThan(119 * 60_000);
    await dialog().getByRole("button", { name: "Done" }).click();
    await press("End the pass for Grandma's tablet");
    await expect.poll(() => requests("end_pass")).toEqual([{ do: "end_pass", pass: "p1" }]);
  });

  test("everything is stopped in two clicks and goes on in one", async () => {
    await show(household(), "sharing");
    stage.answers.pause = stage.answers.unpause = () => ({ is: "status", value: household().status });
    await press("Pause sharing");
    await inspect(page, "pause");
    await press(/^Until tomorrow/);
    await dialog().waitFor({ state: "detached" });
    const until = requests("pause")[0]!.until!;
    expect(new Date(until).getHours()).toBe(7);
    stage.tell({ what: "status", value: { ...household().status, sharing: "paused", paused_until: until } });
    await page.getByText("Sharing is paused until").waitFor();
    await inspect(page, "paused");
    await press("Resume");
    await expect.poll(() => requests("unpause").length).toBe(1);
  });

  test("a folder is shared as a drop box with one more click", async () => {
    await show(household(), "sharing");
    stage.answers.share_folder = () => ({ is: "share", value: household().shares[2]! });
    await press("Share a folder");
    await dialog().getByLabel("Folder", { exact: true }).fill("/home/anna/Inbox");
    await dialog().getByText("Only put files in").click();
    await inspect(page, "share-folder");
    await dialog().getByRole("button", { name: "Share", exact: true }).click();
    await dialog().waitFor({ state: "detached" });
    expect(requests("share_folder")[0]).toMatchObject({ path: "/home/anna/Inbox", audience: [{ who: "home", add_only: true, write: false }] });
  });
});

describe.sequential("when something is not as it should be", () => {
  test("the self-check names what fails, with the commands to copy and what a click can do", async () => {
    await show(household(), "help");
    stage.answers.doctor = () => ({ is: "checks", value: checks });
    stage.answers.support_bundle = () => ({ is: "bundle", value: "all that helps" });
    await press("Check now");
    await page.getByText("1 thing keeps devices from each other.").first().waitFor();
    await page.getByText("sudo ufw allow 7717/tcp").first().waitFor();
    await page.getByText("Ben's desktop and Kitchen Pi cannot connect to port 7717 of this device").waitFor();
    await inspect(page, "self-check");
    const [saved] = await Promise.all([page.waitForEvent("download"), press("Save as a file")]);
    expect(saved.suggestedFilename()).toBe("Lanyard support.txt");
  });

  test("a device that is not found by itself is reached by its address", async () => {
    await show(alone(), "nearby");
    await page.getByText("No other devices yet").waitFor();
    stage.answers.connect = () => ({ code: "peer_unreachable", detail: "192.168.1.99:7717 does not answer" });
    await press("Connect by address");
    await page.getByLabel("Address of the other device").fill("192.168.1.99");
    await press("Connect");
    await dialog().getByText("The other device isn't answering").waitFor();
    await inspect(page, "connect-failed");
  });

  test("a copied disk blocks everything until a person has said which it is", async () => {
    const moved = household();
    moved.status.moved = true;
    await show(moved, "nearby");
    await page.getByRole("heading", { name: "This disk was copied or moved" }).waitFor();
    expect(await page.getByRole("navigation").count()).toBe(0);
    await inspect(page, "moved");
    stage.answers.settle_move = () => ({ is: "status", value: household().status });
    await press("It is a new device");
    await expect.poll(() => requests("settle_move")).toEqual([{ do: "settle_move", new_device: true }]);
  });

  test("a network on which the home is gets suggested, and the name can be kept from strangers", async () => {
    const strange = household().status.networks.map((network) => ({ ...network, profile: "public" as const, suggested: true }));
    stage.answers.networks = () => ({ is: "networks", value: strange });
    stage.answers.show_name = () => ({ is: "status", value: household().status });
    const hidden = household();
    hidden.status = { ...hidden.status, sharing: "hidden", networks: strange };
    await show(hidden, "settings");
    await page.getByText("Devices of your home are here.").waitFor();
    await inspect(page, "settings-suggested");
    await page.getByRole("switch", { name: "Show this name to others" }).click();
    await expect.poll(() => requests("show_name")).toEqual([{ do: "show_name", show: false }]);
  });
});

describe.sequential("the first start", () => {
  const first = (): Snapshot => {
    const begin = alone();
    begin.status = { ...begin.status, first_run: true, sharing: "hidden", networks: begin.status.networks.map((network) => ({ ...network, profile: "public" as const })) };
    return begin;
  };

  test("with a home begun takes four clicks, its recovery code in sight", async () => {
    await show(first(), "nearby");
    let clicks = 0;
    const click = async (name: string) => {
      clicks += 1;
      await press(name);
    };
    stage.answers.set_network = () => ({ is: "networks", value: [] });
    stage.answers.create_home = () => ({ is: "founded", value: { state: household().home, recovery: RECOVERY } });
    stage.answers.finish_first_run = () => ({ is: "done" });
    await click("Continue");
    await click("Mark as my own");
    await page.getByRole("heading", { name: "Bring your devices together" }).waitFor();
    await inspect(page, "first-run-home-played");
    await click("Start a home");
    await page.getByText("RSTV").waitFor();
    await inspect(page, "first-run-founded");
    await click("I have kept the code · Finish");
    await expect.poll(() => requests("finish_first_run").length).toBe(1);
    expect(clicks).toBeLessThanOrEqual(4);
  });

  test("with a home joined by a code takes four clicks", async () => {
    await show(first(), "nearby");
    stage.answers.set_network = () => ({ is: "networks", value: [] });
    stage.answers.type_code = () => ({ is: "home", value: household().home });
    await press("Continue");
    await press("Mark as my own");
    stage.tell(told({ windows: [{ discriminator: "42", label: "Ben's desktop" }] }));
    await page.getByLabel("Code", { exact: true }).fill("42 493 117");
    await press("Join");
    await page.getByRole("heading", { name: "What do you want to share?" }).waitFor();
    await page.getByRole("button", { name: "Finish", exact: true }).waitFor();
  });
});

describe.sequential("on a phone and in German", () => {
  test("nothing reaches beyond the side of a window of 320 pixels", async () => {
    await page.setViewportSize({ width: 320, height: 700 });
    const asked = { ...household(), asks: [ask] };
    for (const language of ["en", "de"]) {
      await page.evaluate((language) => localStorage.setItem("lanyard.language", language), language);
      for (const [name, snapshot] of [["asked", asked], ["alone", alone()]] as const) {
        for (const place of ["nearby", "sharing", "activity", "home", "settings", "help"]) {
          await show(snapshot, place);
          await page.waitForTimeout(100);
          expect(await overflows(page), `${place}, ${name}, ${language}`).toBe(false);
          await inspect(page, `narrow-${language}-${place}-${name}`);
        }
      }
    }
  });

  test("neither do the dialogs", async () => {
    stage.answers.open_invite = () => ({ is: "invite", value: invite });
    stage.answers.close_invite = () => ({ is: "done" });
    stage.answers.create_pass = () => ({ is: "new_pass", value: newPass });
    const inside = () => dialog().evaluate((element) => element.scrollWidth <= element.clientWidth);
    const check = async (name: string) => {
      expect(await inside(), name).toBe(true);
      await inspect(page, `narrow-de-${name}`);
      await page.keyboard.press("Escape");
      await dialog().waitFor({ state: "detached" });
    };
    await show(household(), "home");
    await press("Gerät hinzufügen");
    await dialog().getByText("42-493-117").waitFor();
    await check("add");
    await press("Kitchen Pi");
    await check("device");
    await show(household(), "sharing");
    await page.getByRole("button", { name: /^Wer: .*Plans/ }).click();
    await check("who");
    await page.getByRole("button", { name: /Laser$/ }).filter({ hasText: "Gast" }).click();
    await press("Code erzeugen");
    await dialog().getByText("4930 1172").waitFor();
    await check("guest");
    await page.setViewportSize({ width: 1120, height: 800 });
    await page.evaluate(() => localStorage.removeItem("lanyard.language"));
  });

  test("with forced colours everything is still there", async () => {
    await page.emulateMedia({ forcedColors: "active" });
    await show({ ...household(), asks: [ask] }, "home");
    await inspect(page, "home-forced-colours");
    await page.emulateMedia({ forcedColors: "none" });
  });
});

test("the pages made no complaint while all this happened", () => expect(screens.problems).toEqual([]));
