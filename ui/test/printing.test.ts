import { describe, expect, test } from "vitest";
import type { PrinterCapabilities } from "../src/api";
import {
  carryOver,
  defaults,
  makesBooklets,
  mediaName,
  mostCopies,
  NO_OPTIONS,
  normalPages,
  pagesWrong,
  paperShape,
  sheetOf,
  sheets,
  spoken,
  toOptions,
} from "../src/printing";

const duplex: PrinterCapabilities = {
  formats: ["application/pdf"],
  color: true,
  sides: ["two-sided-long-edge", "one-sided", "two-sided-short-edge"],
  media: ["iso_a4_210x297mm", "na_letter_8.5x11in"],
  media_default: "iso_a4_210x297mm",
  max_copies: 9999,
  quality: ["normal", "draft", "high"],
  sources: ["auto", "tray-1"],
  media_types: ["stationery", "photographic"],
  number_up: [1, 2, 4, 6, 9, 16],
};
const plain: PrinterCapabilities = {
  formats: ["application/pdf"],
  color: false,
  sides: ["one-sided"],
  media: ["na_letter_8.5x11in"],
  media_default: null,
  max_copies: 5,
  quality: [],
  sources: [],
  media_types: [],
  number_up: [1],
};

describe("what is sent with a job", () => {
  test("is nothing when a person changed nothing", () => {
    expect(toOptions(defaults(duplex), duplex)).toEqual(NO_OPTIONS);
    expect(toOptions(defaults(plain), plain)).toEqual(NO_OPTIONS);
  });

  const chosen = {
    ...defaults(duplex),
    copies: 2,
    pages: " 1 – 3; 5 ",
    sides: "one-sided",
    color: "monochrome",
    media: "na_letter_8.5x11in",
    quality: "draft",
    source: "tray-1",
    mediaType: "photographic",
    numberUp: 4,
    scaling: "fit",
    orientation: "landscape",
  } as const;

  test("is exactly what differs from the printer's own defaults", () => {
    expect(toOptions(chosen, duplex)).toEqual({
      copies: 2,
      pages: "1-3,5",
      sides: "one-sided",
      color: "monochrome",
      media: "na_letter_8.5x11in",
      quality: "draft",
      source: "tray-1",
      media_type: "photographic",
      number_up: 4,
      scaling: "fit",
      orientation: "landscape",
      booklet: false,
    });
  });

  test("is nothing that another printer, chosen later, cannot do", () => {
    const before = { ...chosen, copies: 20, pages: "2", color: "color", sides: "two-sided-short-edge", booklet: true } as const;
    expect(carryOver(before, plain)).toEqual({
      ...defaults(plain),
      copies: 5,
      media: "na_letter_8.5x11in",
      pages: "2",
      scaling: "fit",
      orientation: "landscape",
    });
    expect(carryOver(before, duplex), "and everything that it can").toEqual(before);
  });

  test("says of a booklet only that it is one: its sides and pages follow from that", () => {
    expect(toOptions({ ...chosen, booklet: true }, duplex)).toMatchObject({ booklet: true, sides: null, number_up: null });
    expect(makesBooklets(duplex)).toBe(true);
    expect(makesBooklets(plain)).toBe(false);
  });

  test("is at least one copy and at most what both the printer and Lanyard take", () => {
    expect(mostCopies(duplex)).toBe(999);
    expect(mostCopies({ ...plain, max_copies: 0 })).toBe(1);
  });
});

describe("pages", () => {
  test.each(["", " ", "1", "1-3", "1-3,5", "1 - 3, 5", "1–3;5", "2 4 6"])("%j is understood", (typed) => {
    expect(pagesWrong(typed)).toBeNull();
  });

  test.each(["0", "3-1", "a", "1-", "-3", "1,,2", "1.5", "1-2-3", "99999999"])("%j is not", (typed) => {
    expect(pagesWrong(typed, 100)).toBe("form");
  });

  test("that a document does not have are told, once it is known how many it has", () => {
    expect(pagesWrong("2-9")).toBeNull();
    expect(pagesWrong("2-9", 8)).toBe("beyond");
    expect(pagesWrong("2-8", 8)).toBeNull();
    expect(pagesWrong("9", 8)).toBe("beyond");
    expect(pagesWrong("", 0)).toBeNull();
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

describe("paper", () => {
  test.each([
    ["iso_a4_210x297mm", 1.414],
    ["na_letter_8.5x11in", 1.294],
    ["om_square_100x100mm", 1],
    ["na_roll_2x900in", 1.414],
    ["A4", 1.414],
  ])("%s is %f times as long as wide", (media, shape) => expect(paperShape(media)).toBeCloseTo(shape, 2));

  test("is counted in sheets, all copies together", () => {
    const both = { ...defaults(duplex), copies: 3 };
    expect(sheets(5, both)).toBe(9);
    expect(sheets(5, { ...both, sides: "one-sided" })).toBe(15);
    expect(sheets(4, { ...both, sides: "one-sided", booklet: true })).toBe(6);
  });

  test("has a front and a back when both are printed on", () => {
    const both = defaults(duplex);
    expect(sheetOf(3, both)).toEqual({ sheet: 2, back: false });
    expect(sheetOf(4, both)).toEqual({ sheet: 2, back: true });
    expect(sheetOf(4, { ...both, sides: "one-sided" })).toEqual({ sheet: 4, back: false });
  });

  test("of a kind without words of its own is called what the printer calls it", () => {
    expect(spoken("photographic-matte")).toBe("Photographic matte");
  });
});
