import { describe, expect, test } from "vitest";
import type { PrinterCapabilities } from "../src/api";
import { arePages, carryOver, defaults, mediaName, mostCopies, normalPages, toOptions } from "../src/printing";

const duplex: PrinterCapabilities = {
  formats: ["application/pdf"],
  color: true,
  sides: ["two-sided-long-edge", "one-sided", "two-sided-short-edge"],
  media: ["iso_a4_210x297mm", "na_letter_8.5x11in"],
  media_default: "iso_a4_210x297mm",
  max_copies: 9999,
};
const plain: PrinterCapabilities = {
  formats: ["application/pdf"],
  color: false,
  sides: ["one-sided"],
  media: ["na_letter_8.5x11in"],
  media_default: null,
  max_copies: 5,
};

describe("what is sent with a job", () => {
  test("is nothing when a person changed nothing", () => {
    expect(toOptions(defaults(duplex), duplex)).toEqual({ copies: null, pages: null, sides: null, color: null, media: null });
  });

  test("is exactly what differs from the printer's own defaults", () => {
    const choices = { copies: 2, pages: " 1 – 3; 5 ", sides: "one-sided", color: "monochrome", media: "na_letter_8.5x11in" } as const;
    expect(toOptions(choices, duplex)).toEqual({
      copies: 2,
      pages: "1-3,5",
      sides: "one-sided",
      color: "monochrome",
      media: "na_letter_8.5x11in",
    });
  });

  test("is nothing that another printer, chosen later, cannot do", () => {
    const choices = { copies: 20, pages: "2", sides: "two-sided-short-edge", color: "color", media: "iso_a4_210x297mm" } as const;
    expect(carryOver(choices, plain)).toEqual({
      copies: 5,
      pages: "2",
      sides: "one-sided",
      color: "monochrome",
      media: "na_letter_8.5x11in",
    });
  });

  test("is at least one copy and at most what both the printer and Lanyard take", () => {
    expect(mostCopies(duplex)).toBe(999);
    expect(mostCopies({ ...plain, max_copies: 0 })).toBe(1);
  });
});

describe("pages", () => {
  test.each(["", " ", "1", "1-3", "1-3,5", "1 - 3, 5", "1–3;5", "2 4 6"])("%j is understood", (typed) => {
    expect(arePages(typed)).toBe(true);
  });

  test.each(["0", "3-1", "a", "1-", "-3", "1,,2", "1.5", "1-2-3", "99999999"])("%j is not", (typed) => {
    expect(arePages(typed)).toBe(false);
  });

  test("are sent without what people type for the eye", () => expect(normalPages("1 – 3 ; 5")).toBe("1-3,5"));
});

describe("names of paper", () => {
  test.each([
    ["iso_a4_210x297mm", "A4"],
    ["na_letter_8.5x11in", "Letter"],
    ["na_legal_8.5x14in", "Legal"],
    ["na_number-10_4.125x9.5in", "Envelope 10"],
    ["om_small-photo_100x150mm", "Small photo (100 × 150 mm)"],
    ["custom_tape_62x100mm", "Tape (62 × 100 mm)"],
    ["A4", "A4"],
  ])("%s is %s", (media, name) => expect(mediaName(media)).toBe(name));
});
