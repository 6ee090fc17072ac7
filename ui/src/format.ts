// Sizes, times, rates and names as people read them.

import type { Language } from "./words";

/** Making one costs a hundred times what using it does, and a long list needs many. */
const numbers = new Map<string, Intl.NumberFormat>();
const dates = new Map<string, Intl.DateTimeFormat>();

/**
 * How dates and times are written: as where the reader is, when the system's or the browser's language is the page's. An
 * English page is read in London with 19:50 and in New York with 7:50 PM.
 */
export function region(language: Language, wanted: readonly string[] = globalThis.navigator?.languages ?? []): string {
  return wanted.find((tag) => tag.toLowerCase().split("-")[0] === language) ?? language;
}

function numberFormat(language: Language, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = language + JSON.stringify(options);
  let format = numbers.get(key);
  if (!format) numbers.set(key, (format = new Intl.NumberFormat(language, options)));
  return format;
}

function dateFormat(language: Language, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language + JSON.stringify(options);
  let format = dates.get(key);
  if (!format) dates.set(key, (format = new Intl.DateTimeFormat(region(language), options)));
  return format;
}

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"] as const;

/** `1.2 MB`: decimal units, as the file managers of all systems but one show them. */
export function bytes(language: Language, count: number): string {
  const step = count < 1000 ? 0 : Math.min(Math.floor(Math.log10(count) / 3), UNITS.length - 1);
  const value = count / 1000 ** step;
  return numberFormat(language, {
    style: "unit",
    unit: UNITS[step]!,
    unitDisplay: step === 0 ? "long" : "short",
    maximumFractionDigits: step === 0 || value >= 100 ? 0 : 1,
  }).format(value);
}

/** A time of today, a day of this year, or a day with its year. */
export function when(language: Language, millis: number, now = Date.now()): string {
  const date = new Date(millis);
  const today = new Date(now);
  if (date.toDateString() === today.toDateString()) {
    return dateFormat(language, { hour: "numeric", minute: "2-digit" }).format(date);
  }
  const year = date.getFullYear() === today.getFullYear() ? undefined : "numeric";
  return dateFormat(language, { day: "numeric", month: "short", year }).format(date);
}

/** A moment to come: a time, with its day when that is not today. */
export function until(language: Language, millis: number, now = Date.now()): string {
  const date = new Date(millis);
  const time: Intl.DateTimeFormatOptions = { hour: "numeric", minute: "2-digit" };
  const day = date.toDateString() === new Date(now).toDateString();
  const soon = millis - now < 6 * 24 * 3_600_000;
  return new Intl.DateTimeFormat(
    region(language),
    day ? time : soon ? { weekday: "long", ...time } : { day: "numeric", month: "short", ...time },
  ).format(date);
}

/** The full date and time, for details. */
export function exactly(language: Language, millis: number): string {
  return dateFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(millis));
}

/** How long ago: `3 days ago`. Less than a minute has no number, and the answer is none. */
export function ago(language: Language, millis: number, now = Date.now()): string | null {
  const minutes = Math.floor((now - millis) / 60_000);
  if (minutes < 1) return null;
  const [value, unit] =
    minutes < 60
      ? [minutes, "minute"]
      : minutes < 48 * 60
        ? [Math.floor(minutes / 60), "hour"]
        : [Math.floor(minutes / (24 * 60)), "day"];
  return new Intl.RelativeTimeFormat(language, { numeric: "always" }).format(
    -(value as number),
    unit as Intl.RelativeTimeFormatUnit,
  );
}

/** Seconds left at this rate, in one unit. */
export function timeLeft(language: Language, bytesLeft: number, rate: number): string | null {
  if (rate <= 0) return null;
  const seconds = Math.max(1, Math.round(bytesLeft / rate));
  const [value, unit] =
    seconds < 90
      ? [seconds, "second"]
      : seconds < 90 * 60
        ? [Math.round(seconds / 60), "minute"]
        : [Math.round(seconds / 3600), "hour"];
  return new Intl.NumberFormat(language, { style: "unit", unit: unit as string, unitDisplay: "long" }).format(
    value as number,
  );
}

/** What kind of file a name stands for: the last part of the name in capitals, or none. */
export function extension(name: string): string | null {
  const dot = name.lastIndexOf(".");
  const ending = name.slice(dot + 1);
  return dot > 0 && ending.length > 0 && ending.length <= 5 ? ending.toUpperCase() : null;
}

/** Characters that turn the direction of what follows, and show nothing themselves. */
const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const FIRST_STRONG = "\u2068";
const END = "\u2069";

/**
 * A name as it is shown: characters that would turn its parts round, and make another file of `evil.exe`, are seen as a
 * mark. What [`apart`] has put around a name inside a sentence stays.
 */
export function legible(name: string): string {
  if (name.search(TURNS) < 0) return name;
  const open: number[] = [];
  const ours = new Set<number>();
  for (let at = 0; at < name.length; at += 1) {
    if (name[at] === FIRST_STRONG) open.push(at);
    const begun = name[at] === END ? open.pop() : undefined;
    if (begun !== undefined) ours.add(begun).add(at);
  }
  return name.replace(TURNS, (turn, at: number) => (ours.has(at) ? turn : "\ufffd"));
}

/** The same name without such characters, to be typed on. */
export const straight = (name: string) => name.replace(TURNS, "");

/** Letters that are written from right to left. */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** A name in the middle of a sentence: one that is written from right to left does not carry the rest along. */
export function apart(name: string): string {
  const safe = legible(name);
  return RIGHT_TO_LEFT.test(safe) && !safe.startsWith(FIRST_STRONG) ? FIRST_STRONG + safe + END : safe;
}
