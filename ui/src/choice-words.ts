// What was chosen for a print job, in words.

import type { Difference, PrinterCapabilities } from "./api";
import { defaults, mediaName, normalPages, pagesWrong, sheets, spoken, type Choices } from "./printing";
import { n, t } from "./state/say";
import { isKey } from "./words";

/** A tray, as people call it. */
export function sourceWords(source: string): string {
  const number = /^tray-(\d+)$/.exec(source)?.[1];
  if (number !== undefined) return t("source.tray", { number });
  return wordsOr(`source.${source}`, source);
}

/** A kind of paper, as people call it. */
export const mediaTypeWords = (type: string) => wordsOr(`media_type.${type}`, type);

/** What has no words of its own is called what the printer calls it. */
const wordsOr = (key: string, keyword: string) => (isKey(key) ? t(key) : spoken(keyword));

/** Something that comes out otherwise than it was chosen. */
export function differenceWords(difference: Difference): string {
  switch (difference.what) {
    case "media":
      return t("differs.media", { media: mediaName(difference.media) });
    case "copies":
      return t("differs.copies", { most: difference.most });
    default:
      return t(`differs.${difference.what}`);
  }
}

/** One line on what comes out and how it differs from what the printer does by itself. */
export function sumUp(choices: Choices, can: PrinterCapabilities, sides: number | null): string {
  const usual = defaults(can);
  const parts: string[] = [];
  if (choices.copies > 1) parts.push(n("print.sum_copies", choices.copies));
  const pages = normalPages(choices.pages);
  if (pages !== "" && pagesWrong(pages) === null) parts.push(t("print.sum_pages", { pages: pages.replaceAll(",", ", ") }));
  if (choices.booklet) parts.push(t("print.sum_booklet"));
  else {
    if (choices.sides !== usual.sides) parts.push(t(choices.sides === "one-sided" ? "print.sum_one_side" : "print.sum_both_sides"));
    if (choices.numberUp > 1) parts.push(t("print.sum_number_up", { count: choices.numberUp }));
  }
  if (!can.color) parts.push(t("print.sum_no_color"));
  else if (choices.color !== usual.color) parts.push(t("print.sum_gray"));
  if (choices.media !== usual.media) parts.push(t("print.sum_media", { media: mediaName(choices.media) }));
  if (choices.quality !== null && choices.quality !== usual.quality) {
    parts.push(t("print.sum_quality", { quality: t(`quality.${choices.quality}`) }));
  }
  if (choices.source !== null && choices.source !== usual.source) {
    parts.push(t("print.sum_source", { source: sourceWords(choices.source) }));
  }
  if (choices.mediaType !== null && choices.mediaType !== usual.mediaType) {
    parts.push(t("print.sum_media_type", { type: mediaTypeWords(choices.mediaType) }));
  }
  if (choices.scaling !== usual.scaling) parts.push(t("print.sum_scaling", { scaling: t(`scaling.${choices.scaling}`) }));
  if (choices.orientation !== null) parts.push(t("print.sum_orientation", { orientation: t(`orientation.${choices.orientation}`) }));
  if (parts.length === 0) parts.push(t("print.sum_usual"));
  if (sides !== null) parts.push(n("print.sum_sheets", sheets(sides, choices)));
  return parts.join(" ");
}
