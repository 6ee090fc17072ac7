import { describe, expect, test, vi } from "vitest";
import { differenceWords, mediaTypeWords, sourceWords, sumUp } from "../src/choice-words";
import { allReasons, otherRoutes, printerState, queueState, reasonWords, routesOf, supplyLeft } from "../src/printer-words";
import { defaults } from "../src/printing";
import { jobSentence } from "../src/sentences";
import { color, plain, printers, printShop } from "./printers";
import { job } from "./samples";

vi.stubGlobal("navigator", { languages: ["en"] });

const state = (state: Parameters<typeof printerState>[0]["state"], ...reasons: string[]) => printerState({ state, reasons }).words;

describe("what a printer says of itself", () => {
  test.each([
    ["media-empty", "Needs paper"],
    ["media-empty-error", "Needs paper"],
    ["media-jam-report", "Paper is jammed"],
    ["marker-supply-low-warning", "Ink or toner is running low"],
    ["offline-report", "Switched off or not connected"],
    ["spool-area-full", "No room for more jobs"],
    ["vendor.made-up", "Needs attention"],
    ["none", "Needs attention"],
  ])("%s is “%s”", (reason, words) => expect(reasonWords(reason)).toBe(words));

  test("begins with what must be seen to first", () => {
    expect(state("stopped", "paused", "toner-low-warning", "cover-open-error")).toBe("A cover is open");
    expect(state("stopped", "toner-low", "paused")).toBe("Paused by its owner");
    expect(state("stopped", "vendor.made-up", "door-open")).toBe("A door is open");
    expect(state("stopped")).toBe("Needs attention");
  });

  test("does not worry anybody with keywords that mean nothing to people while it works", () => {
    expect(state("ready", "cups-waiting-for-job-completed")).toBe("Ready");
    expect(state("ready", "none")).toBe("Ready");
    expect(state("ready", "toner-low-warning")).toBe("Ready · Toner is running low");
    expect(printerState({ state: "ready", reasons: ["toner-low"] }).tone, "not by the word alone").toBe("warn");
    expect(state("busy", "media-low")).toBe("Busy · Paper is running low");
  });

  test("tells what a busy printer waits for when only a person can help", () => {
    const busy = { state: "busy", reasons: ["cups-waiting-for-job-completed", "media-empty"], waiting: 2 } as const;
    expect(printerState({ ...busy, reasons: [...busy.reasons] })).toEqual({ tone: "warn", words: "Busy · Needs paper · 2 waiting" });
    expect(printerState({ state: "busy", reasons: ["connecting-to-device"] })).toEqual({ tone: "accent", words: "Busy" });
  });

  test("says how many wait, except where nobody can know", () => {
    expect(printerState({ state: "stopped", reasons: ["media-jam"], waiting: 3 }).words).toBe("Paper is jammed · 3 waiting");
    expect(printerState({ state: "unreachable", reasons: [], waiting: 3 }).words).toBe("Not answering · may be asleep");
  });

  test("is all listed once in its details, the worst first", () => {
    expect(allReasons(["toner-low", "media-empty-error", "media-needed", "vendor.x"])).toEqual(["Needs paper", "Toner is running low"]);
  });

  test("is no reason to look at the printer when its owner paused it", () => {
    expect(queueState({ ...printShop().queues[0]!, paused: true, state: "stopped", reasons: ["paused"] }).words).toBe("Paused; jobs wait");
  });
});

describe("supplies", () => {
  const supply = { name: "Black", color: null, level: 42, low: false };
  test.each([
    [supply, "42%"],
    [{ ...supply, level: 7, low: true }, "7%, low"],
    [{ ...supply, level: 0, low: true }, "empty"],
    [{ ...supply, level: null }, "some left"],
    [{ ...supply, level: null, low: true }, "some left, low"],
  ])("%j are “%s”", (given, words) => expect(supplyLeft(given)).toBe(words));
});

describe("the ways to a printer", () => {
  const { nearby } = printShop();
  const hall = printers[0]!;

  test("are named after the devices, and straight for its own", () => {
    expect(routesOf(hall, nearby)).toEqual(["through Ben's desktop", "through Kitchen Pi", "straight over the network"]);
    expect(otherRoutes(hall, nearby)).toBe("also through Kitchen Pi and straight over the network");
  });

  test("are not worth a word when there is one", () => {
    expect(otherRoutes({ ...hall, routes: [hall.id] }, nearby)).toBeNull();
    expect(otherRoutes({ ...hall, routes: [] }, nearby)).toBeNull();
  });

  test("that go through a device which has left are still told", () => {
    expect(otherRoutes({ ...hall, routes: [hall.id, "hall@gone"] }, nearby)).toBe("also through Another device");
  });

  test("of a standard printer whose name holds an @ are straight", () => {
    expect(routesOf({ ...hall, routes: ["dnssd:Hall @ attic._ipp._tcp.local"] }, nearby)).toEqual(["straight over the network"]);
  });
});

describe("what was chosen, on one line", () => {
  const usual = defaults(color);

  test("is the printer's usual when nothing differs, with the paper it takes once that is known", () => {
    expect(sumUp(usual, color, null)).toBe("The printer's usual settings.");
    expect(sumUp(usual, color, 5)).toBe("The printer's usual settings. 3 sheets of paper.");
    expect(sumUp(defaults(plain), plain, 1)).toBe("Black and white only. 1 sheet of paper.");
  });

  test("names each thing that differs", () => {
    const choices = { ...usual, copies: 2, pages: "1-3", sides: "one-sided", color: "monochrome", numberUp: 2, quality: "high", source: "rear" } as const;
    expect(sumUp(choices, color, 2)).toBe(
      "2 copies. Only pages 1-3. One side only. 2 pages on each side. Grey. Quality: High. From: Rear tray. 4 sheets of paper.",
    );
  });

  test("says nothing of sides and pages per side that a booklet decides", () => {
    expect(sumUp({ ...usual, booklet: true, numberUp: 4, sides: "one-sided" }, color, 4)).toBe("As a booklet. 2 sheets of paper.");
  });

  test("calls trays and paper what people call them, and else what the printer does", () => {
    expect(sourceWords("tray-3")).toBe("Tray 3");
    expect(sourceWords("by-pass-tray")).toBe("Multi-purpose tray");
    expect(sourceWords("com.vendor-magic")).toBe("Com.vendor magic");
    expect(mediaTypeWords("photographic-matte")).toBe("Photo, matte");
    expect(mediaTypeWords("stone")).toBe("Stone");
  });
});

describe("what comes out otherwise than it was chosen", () => {
  test("is said with what it is about", () => {
    expect(differenceWords({ what: "copies", most: 9 })).toBe("This printer makes at most 9 copies of a job.");
    expect(differenceWords({ what: "media", media: "iso_a3_297x420mm" })).toBe("This printer has no paper A3.");
    expect(differenceWords({ what: "grey" })).toBe("This printer has no colour: it will be grey.");
  });
});

describe("a job that is held", () => {
  const held = (reason: string | null, direction: "incoming" | "outgoing") => jobSentence({ ...job("a", 1, "held"), reason, direction }).words;

  test("says who lets it go, from where the reader sits", () => {
    expect(held("owner", "outgoing")).toBe("Held: until its owner lets it go");
    expect(held("owner", "incoming")).toBe("Held: until you let it print");
    expect(held("job-hold-until-specified", "outgoing")).toBe("Held: until you let it print");
    expect(held("job-hold-until-specified", "incoming")).toBe("Held: until its sender lets it go");
    expect(held("quiet_hours", "incoming")).toBe("Held: quiet hours");
    expect(held(null, "outgoing")).toBe("Held: until it is let go");
  });

  test("for an answer says whose", () => {
    expect(held("must_ask", "outgoing")).toBe("Ben's desktop was asked. It prints as soon as they say yes.");
    expect(held("must_ask", "incoming")).toBe("Waits for your answer");
  });
});
