import { describe, expect, test, vi } from "vitest";
import {
  accessState,
  askerSentence,
  askSentence,
  checksSentence,
  isJobLost,
  jobProgress,
  jobSentence,
  minutesWords,
  networkName,
  rightSentence,
  sharingState,
  whoSentence,
} from "../src/sentences";
import { answered } from "../src/state/answers";
import { look } from "../src/state/look.svelte";
import { fromPolicy, NO_RULES } from "../src/who";
import { ask, BEN, checks, household } from "./household";
import { job, snapshot } from "./samples";

// Words are chosen by the languages of the reader, whom nobody stands in for here.
vi.stubGlobal("navigator", { languages: ["en"] });

describe("a job that is not where one thinks", () => {
  test("sends a person to the printer before it may come out twice", () => {
    const lost = { ...job("a", 1, "stopped"), reason: "maybe_printed" };
    expect(isJobLost(lost)).toBe(true);
    expect(jobSentence(lost)).toEqual({
      tone: "warn",
      words: "Perhaps printed already. Look at the printer before you try again.",
    });
  });

  test("is not taken for one that waits for paper", () => {
    const waiting = { ...job("a", 1, "stopped"), reason: "media-empty" };
    expect(isJobLost(waiting)).toBe(false);
    expect(jobSentence(waiting).words).toBe("Stopped: Needs paper");
  });

  test("is not sent elsewhere before its printer's device has given it back", () => {
    const moving = { ...job("a", 1, "sending"), reason: "moving" };
    expect(jobSentence(moving).words).toBe("Ben's desktop gives it back; then it goes to the other printer.");
  });

  test("is not called cancelled before its printer's device has heard of it", () => {
    const cancelled = { ...job("a", 1, "cancelled"), reason: "cancel_unconfirmed" };
    expect(jobSentence(cancelled).words).toBe("Cancelled here. Ben's desktop has not confirmed it yet.");
    expect(jobSentence({ ...cancelled, reason: null }).words).toBe("Cancelled");
  });
});

describe("how far a job is", () => {
  const some = { ...job("a", 1, "printing"), pages: 10, pages_done: 1, options: { ...job("a", 1, "printing").options, pages: "2-4, 9", copies: 2 } };

  test("counts the pages that were chosen, and the copies as the printer does", () => {
    expect(jobSentence(some).words).toBe("Printing page 2 of 8");
    expect(jobProgress(some)).toBe(1 / 8);
    expect(jobSentence({ ...some, state: "done", pages_done: 8 }).words).toBe("Printed · 4 pages");
    expect(jobSentence({ ...some, state: "done", options: { ...some.options, pages: "8-40" } }).words).toBe("Printed · 3 pages");
  });

  test("is not told in pages where nobody knows how the printer counts", () => {
    expect(jobSentence({ ...some, options: { ...some.options, number_up: 2 } }).words).toBe("Printing");
    expect(jobProgress({ ...some, options: { ...some.options, booklet: true } })).toBeNull();
  });

  test("never goes beyond its end", () => expect(jobProgress({ ...some, pages_done: 99 })).toBe(1));
});

describe("a question to the owner", () => {
  test("says who wants what on which printer, with as much as is known", () => {
    expect(askSentence({ ...ask, device_name: "Ben's laptop" })).toBe("Ben's laptop wants to print “letter.pdf” (3 pages) on Laser");
    expect(askSentence({ ...ask, pages: 1 })).toContain("(1 page)");
    expect(askSentence({ ...ask, pages: null })).toContain("(120 kB)");
    expect(askSentence({ ...ask, pages: null, bytes: null })).toContain("“letter.pdf” on Laser");
    expect(askSentence({ ...ask, title: null })).toContain("wants to print on Laser");
    expect(askSentence({ ...ask, share_kind: "folder", share_name: "Music" })).toContain("wants to open Music");
  });

  test("warns when the name is only a claim", () => {
    expect(askerSentence(ask)).toMatchObject({ tone: "warn" });
    expect(askerSentence({ ...ask, known: true })).toMatchObject({ tone: "quiet" });
  });

  test("never says that no minute is left while it still stands there", () => {
    expect(minutesWords(1000, 2000)).toBe("Without an answer it is a no in 1 minute.");
  });
});

describe("asking another owner", () => {
  test("is told on the card, and not at all when nothing is missing", () => {
    expect(accessState("allowed", "Office PC")).toBeNull();
    expect(accessState("waiting", "Office PC")?.words).toBe("Asked · waiting for Office PC");
    expect(accessState("refused", "Office PC")?.tone).toBe("warn");
  });

  test("has an answer when something that waited waits no longer, and none when it left", () => {
    const before = household().nearby;
    const now = (access: "allowed" | "refused" | "waiting") => ({
      ...before,
      printers: before.printers.map((printer) => (printer.id === "photo@pc" ? { ...printer, access } : printer)),
    });
    expect(answered(before, now("allowed"))).toEqual([{ name: "Canon TS5350", device: "Office PC", yes: true }]);
    expect(answered(before, now("refused"))).toEqual([{ name: "Canon TS5350", device: "Office PC", yes: false }]);
    expect(answered(before, now("waiting"))).toEqual([]);
    expect(answered(before, { ...before, printers: [] })).toEqual([]);
  });

  test("holds a job back in words, on both sides", () => {
    const held = { ...job("a", 1, "waiting"), reason: "must_ask" };
    expect(jobSentence(held).words).toBe("Ben's desktop was asked. It prints as soon as they say yes.");
    expect(jobSentence({ ...held, direction: "incoming" }).words).toBe("Waits for your answer");
    expect(jobSentence({ ...held, state: "failed" }).words).toBe("Not printed: its owner wants to be asked first");
  });
});

describe("who may use a share, on one line", () => {
  const name = (id: string) => (id === BEN ? "Ben's desktop" : "Kitchen Pi");
  const sentences = household().shares.map((share) => whoSentence(fromPolicy(share.policy, share.kind), share.kind, name));

  test("names the group, single devices and what is special", () => {
    expect(sentences).toEqual([
      "Everyone at home · others may ask",
      "Everyone at home",
      "Anyone on this network · only put files in",
      "Ben's desktop and Kitchen Pi",
    ]);
  });

  test("says when it is only after a question", () => {
    expect(rightSentence(household().shares[0]!, { right: "use", ask: true, rules: NO_RULES })).toBe("may print, after asking you");
  });

  test("says how much of it", () => {
    const rules = { ...NO_RULES, jobs: 1, pages: 20, gray: true, quiet: { from: 22 * 60, to: 7 * 60 + 5 } };
    expect(rightSentence(household().shares[0]!, { right: "use", ask: false, rules })).toBe(
      "may print · 1 job a day · 20 pages a day · grey only · quiet 22:00–07:05",
    );
  });
});

test("a pause is the truth about sharing, and one button ends it", () => {
  const { status, nearby } = snapshot(1);
  expect(sharingState({ ...status, sharing: "paused" }, nearby)).toEqual({ tone: "warn", words: "Sharing is paused", does: "resume" });
});

test("a self-check comes to one sentence, the worst first", () => {
  expect(checksSentence(checks)).toBe("1 thing keeps devices from each other.");
  expect(checksSentence(checks.filter((check) => check.outcome !== "failed"))).toBe("It works; 1 thing could be better.");
  expect(checksSentence([])).toBe("Nothing wrong was found.");
});

test("a network without a name is called by what it is, in the reader's language", () => {
  const called = (name: string) => networkName({ ...household().status.networks[0]!, name });
  look.setLanguage("de");
  expect(["This computer", "Network (eth0)", "Direct cable (en5)", "Home Wi-Fi", "Müller (2)"].map(called)).toEqual([
    "Dieser Computer",
    "Netzwerk (eth0)",
    "Direktes Kabel (en5)",
    "Home Wi-Fi",
    "Müller (2)",
  ]);
  look.setLanguage("system");
});
