// What a person may choose for a print job, and what of it differs from the printer's defaults. Pure.

import type { ColorMode, Orientation, PrinterCapabilities, PrintOptions, Quality, Scaling, Sides } from "./api";

/** The print dialog's fields, all with a value. */
export interface Choices {
  copies: number;
  /** As typed; empty means all. */
  pages: string;
  sides: Sides;
  color: ColorMode;
  /** Empty where the printer has no usual paper: then the document keeps its own. */
  media: string;
  /** None where the printer cannot be told. */
  quality: Quality | null;
  source: string | null;
  mediaType: string | null;
  /** Pages on one side of the paper. */
  numberUp: number;
  /** Laid out to be folded; it decides on both sides and two pages on each by itself. */
  booklet: boolean;
  scaling: Scaling;
  /** None means as the document has it. */
  orientation: Orientation | null;
}

export const MOST_COPIES = 999;
export const SCALINGS: Scaling[] = ["auto", "fit", "fill", "none"];

/** What is sent when nothing was chosen. */
export const NO_OPTIONS: PrintOptions = {
  copies: null,
  pages: null,
  sides: null,
  color: null,
  media: null,
  quality: null,
  source: null,
  media_type: null,
  number_up: null,
  scaling: null,
  orientation: null,
  booklet: false,
};

/** The printer's defaults. */
export function defaults(printer: PrinterCapabilities): Choices {
  return {
    copies: 1,
    pages: "",
    sides: printer.sides[0] ?? "one-sided",
    color: printer.color ? "color" : "monochrome",
    media: printer.media_default ?? "",
    quality: printer.quality[0] ?? null,
    source: printer.sources[0] ?? null,
    mediaType: printer.media_types[0] ?? null,
    numberUp: 1,
    booklet: false,
    scaling: "auto",
    orientation: null,
  };
}

/** The choices that are still possible when another printer is chosen. */
export function carryOver(choices: Choices, printer: PrinterCapabilities): Choices {
  const otherwise = defaults(printer);
  const still = <T>(able: T[], chosen: T | null, usual: T | null) => (chosen !== null && able.includes(chosen) ? chosen : usual);
  return {
    copies: Math.min(choices.copies, mostCopies(printer)),
    pages: choices.pages,
    sides: printer.sides.includes(choices.sides) ? choices.sides : otherwise.sides,
    color: printer.color ? choices.color : otherwise.color,
    media: printer.media.includes(choices.media) ? choices.media : otherwise.media,
    quality: still(printer.quality, choices.quality, otherwise.quality),
    source: still(printer.sources, choices.source, otherwise.source),
    mediaType: still(printer.media_types, choices.mediaType, otherwise.mediaType),
    numberUp: printer.number_up.includes(choices.numberUp) ? choices.numberUp : otherwise.numberUp,
    booklet: choices.booklet && makesBooklets(printer),
    scaling: choices.scaling,
    orientation: choices.orientation,
  };
}

/** Only what differs from the printer's defaults is sent: the rest is the printer's business. */
export function toOptions(choices: Choices, printer: PrinterCapabilities): PrintOptions {
  const usual = defaults(printer);
  const differing = <K extends keyof Choices>(key: K) => (choices[key] === usual[key] ? null : choices[key]);
  const pages = normalPages(choices.pages);
  return {
    copies: choices.copies === 1 ? null : choices.copies,
    pages: pages === "" ? null : pages,
    // A booklet is folded out of sheets with two pages on each of two sides: nothing else can be said about that.
    sides: choices.booklet ? null : differing("sides"),
    color: differing("color"),
    media: differing("media"),
    quality: differing("quality"),
    source: differing("source"),
    media_type: differing("mediaType"),
    number_up: choices.booklet ? null : differing("numberUp"),
    scaling: differing("scaling"),
    orientation: differing("orientation"),
    booklet: choices.booklet,
  };
}

export function mostCopies(printer: PrinterCapabilities): number {
  return Math.max(1, Math.min(printer.max_copies, MOST_COPIES));
}

/** A booklet needs both sides of the paper, turned either way. */
export function makesBooklets(printer: PrinterCapabilities): boolean {
  return printer.sides.some((sides) => sides !== "one-sided");
}

/** Whether both sides of a sheet are printed on. */
export const isTwoSided = (choices: Choices) => choices.booklet || choices.sides !== "one-sided";

/** Sheets of paper for that many sides, all copies together. */
export function sheets(sides: number, choices: Choices): number {
  return Math.ceil(sides / (isTwoSided(choices) ? 2 : 1)) * choices.copies;
}

/** Which sheet a side is on, from 1, and whether it is its back. */
export function sheetOf(side: number, choices: Choices): { sheet: number; back: boolean } {
  return isTwoSided(choices) ? { sheet: Math.ceil(side / 2), back: side % 2 === 0 } : { sheet: side, back: false };
}

/** `1 – 3; 5` as people type it becomes `1-3,5`. */
export function normalPages(typed: string): string {
  return typed
    .replace(/[–—]/g, "-")
    .replace(/;/g, ",")
    .replace(/\s*([-,])\s*/g, "$1")
    .trim()
    .replace(/\s+/g, ",");
}

/** What is wrong with the pages that were typed: no list of pages, or none that a document of `count` pages has. */
export function pagesWrong(typed: string, count: number | null = null): "form" | "beyond" | null {
  const pages = normalPages(typed);
  if (pages === "") return null;
  let most = 0;
  for (const part of pages.split(",")) {
    const range = /^([1-9]\d{0,5})(?:-([1-9]\d{0,5}))?$/.exec(part);
    if (range === null) return "form";
    const first = Number(range[1]);
    const last = Number(range[2] ?? first);
    if (last < first) return "form";
    most = Math.max(most, last);
  }
  return count !== null && most > count ? "beyond" : null;
}

/** How many pages of a document with `count` a range of them means; all of them when there is none. */
export function pagesChosen(pages: string | null, count: number): number {
  if (pages === null) return count;
  return normalPages(pages)
    .split(",")
    .reduce((sum, part) => {
      const [first = 1, last = first] = part.split("-").map(Number);
      return sum + Math.max(0, Math.min(last, count) - first + 1);
    }, 0);
}

/** Names that everybody knows; the others are told by their size. */
const KNOWN_MEDIA: Record<string, string> = {
  iso_a3_297x420mm: "A3",
  iso_a4_210x297mm: "A4",
  iso_a5_148x210mm: "A5",
  iso_a6_105x148mm: "A6",
  iso_b4_250x353mm: "B4",
  iso_b5_176x250mm: "B5",
  iso_c5_162x229mm: "C5",
  iso_dl_110x220mm: "DL",
  jis_b4_257x364mm: "JIS B4",
  jis_b5_182x257mm: "JIS B5",
  na_letter_8: "Letter",
  na_legal_8: "Legal",
  na_executive_7: "Executive",
  na_ledger_11x17in: "Tabloid",
  na_invoice_5: "Statement",
  "na_number-10_4": "Envelope 10",
  "na_index-4x6_4x6in": "10 × 15 cm (4 × 6 in)",
  "na_5x7_5x7in": "13 × 18 cm (5 × 7 in)",
};

/** A name for people behind a PWG 5101.1 media name (`iso_a4_210x297mm` → `A4`). */
export function mediaName(media: string): string {
  const known = KNOWN_MEDIA[media] ?? KNOWN_MEDIA[media.split(".")[0] ?? ""];
  if (known) return known;
  const parts = SELF_DESCRIBING.exec(media);
  if (!parts) return media;
  const [, name = "", width, height, unit] = parts;
  return `${spoken(name)} (${width} × ${height} ${unit})`;
}

/** How much longer than wide the paper is; A4 when its name does not say. */
export function paperShape(media: string): number {
  const parts = SELF_DESCRIBING.exec(media);
  const shape = parts ? Number(parts[3]) / Number(parts[2]) : NaN;
  return Number.isFinite(shape) && shape > 0.2 && shape < 5 ? shape : Math.SQRT2;
}

/** PWG 5101.1 §5: a class, a name, and the size itself. */
const SELF_DESCRIBING = /^(?:[a-z]+)_(.+)_([\d.]+)x([\d.]+)(mm|in)$/;

/** A keyword without words of its own, readable: `photographic-glossy` → `Photographic glossy`. */
export function spoken(keyword: string): string {
  return keyword.replaceAll("-", " ").replace(/^./, (first) => first.toUpperCase());
}
