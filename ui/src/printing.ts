// What a person may choose for a print job, and what of it differs from the printer's defaults. Pure.

import type { ColorMode, PrinterCapabilities, PrintOptions, Sides } from "./api";

/** The print dialog's fields, all with a value. */
export interface Choices {
  copies: number;
  /** As typed; empty means all. */
  pages: string;
  sides: Sides;
  color: ColorMode;
  media: string;
}

export const MOST_COPIES = 999;

/** The printer's defaults. */
export function defaults(printer: PrinterCapabilities): Choices {
  return {
    copies: 1,
    pages: "",
    sides: printer.sides[0] ?? "one-sided",
    color: printer.color ? "color" : "monochrome",
    media: printer.media_default ?? printer.media[0] ?? "",
  };
}

/** The choices that are still possible when another printer is chosen. */
export function carryOver(choices: Choices, printer: PrinterCapabilities): Choices {
  const otherwise = defaults(printer);
  return {
    copies: Math.min(choices.copies, mostCopies(printer)),
    pages: choices.pages,
    sides: printer.sides.includes(choices.sides) ? choices.sides : otherwise.sides,
    color: printer.color ? choices.color : otherwise.color,
    media: printer.media.includes(choices.media) ? choices.media : otherwise.media,
  };
}

/** Only what differs from the printer's defaults is sent: the rest is the printer's business. */
export function toOptions(choices: Choices, printer: PrinterCapabilities): PrintOptions {
  const usual = defaults(printer);
  const pages = normalPages(choices.pages);
  return {
    copies: choices.copies === 1 ? null : choices.copies,
    pages: pages === "" ? null : pages,
    sides: choices.sides === usual.sides ? null : choices.sides,
    color: choices.color === usual.color ? null : choices.color,
    media: choices.media === usual.media ? null : choices.media,
  };
}

export function mostCopies(printer: PrinterCapabilities): number {
  return Math.max(1, Math.min(printer.max_copies, MOST_COPIES));
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

/** Whether what was typed is empty or a list of pages like `1-3,5`. */
export function arePages(typed: string): boolean {
  const pages = normalPages(typed);
  if (pages === "") return true;
  return pages.split(",").every((part) => {
    const range = /^([1-9]\d{0,5})(?:-([1-9]\d{0,5}))?$/.exec(part);
    return range !== null && (range[2] === undefined || Number(range[1]) <= Number(range[2]));
  });
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
  const parts = /^(?:[a-z]+)_(.+)_([\d.]+)x([\d.]+)(mm|in)$/.exec(media);
  if (!parts) return media;
  const [, name = "", width, height, unit] = parts;
  const spoken = name.replaceAll("-", " ").replace(/^./, (first) => first.toUpperCase());
  return `${spoken} (${width} × ${height} ${unit})`;
}
