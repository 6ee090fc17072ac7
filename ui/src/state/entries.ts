// What is in a folder, for a screen: order, kinds, and which rows are in sight. Pure.

import type { Entry } from "../api";

export const ORDERS = ["name", "size", "date", "kind"] as const;
export type Order = (typeof ORDERS)[number];

/** What a person can do with a file, told by its name alone: what it is turns out when it is opened. */
export type Kind = "folder" | "picture" | "document" | "text" | "sound" | "film" | "program" | "file" | "other";

const ENDINGS: Record<Exclude<Kind, "folder" | "file" | "other">, string> = {
  picture: "jpg jpeg png webp tif tiff",
  document: "pdf",
  text: "txt md csv log json xml yml yaml toml ini cfg conf html htm css js ts rs py c h cpp java sh tex srt",
  sound: "mp3 m4a aac flac wav ogg oga opus weba",
  film: "mp4 m4v mov webm ogv mkv mpg mpeg",
  program: "exe msi com bat cmd ps1 vbs scr jar app dmg pkg deb rpm appimage desktop run bin apk",
};
const BY_ENDING = new Map(
  Object.entries(ENDINGS).flatMap(([kind, endings]) => endings.split(" ").map((ending) => [ending, kind as Kind] as const)),
);

export function kindOf(entry: Entry): Kind {
  // What cannot be opened because of its name is drawn as what it is.
  const kind = entry.misnamed ?? entry.kind;
  if (kind !== "file") return kind;
  return BY_ENDING.get(ending(entry.name)) ?? "file";
}

/** Whether it has a size that means something. */
export const hasSize = ({ kind, misnamed }: Entry) => kind === "file" || misnamed === "file";

/** Whether a small picture can be had of it. */
export function hasPicture(entry: Entry): boolean {
  const kind = kindOf(entry);
  return entry.kind === "file" && (kind === "picture" || kind === "document") && entry.size > 0 && entry.size <= LARGEST_PICTURE;
}
/** The node fetches nothing larger only to look at it. */
const LARGEST_PICTURE = 32 * 1024 * 1024;

export function ending(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(dot + 1).toLowerCase() : "";
}

const collators = new Map<string, Intl.Collator>();
function collator(language: string): Intl.Collator {
  let known = collators.get(language);
  if (!known) collators.set(language, (known = new Intl.Collator(language, { numeric: true })));
  return known;
}

/** Compares as people sort: folders first, then as chosen, then by name, with numbers by their value. */
export function comparison(order: Order, descending: boolean, language: string): (a: Entry, b: Entry) => number {
  const names = collator(language);
  const byName = (a: Entry, b: Entry) => names.compare(a.name, b.name) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  const by: Record<Order, (a: Entry, b: Entry) => number> = {
    name: () => 0,
    size: (a, b) => a.size - b.size,
    date: (a, b) => (a.modified ?? -Infinity) - (b.modified ?? -Infinity) || 0,
    kind: (a, b) => names.compare(ending(a.name), ending(b.name)),
  };
  const sign = descending ? -1 : 1;
  const chosen = by[order];
  return (a, b) => {
    const folders = Number(b.kind === "folder") - Number(a.kind === "folder");
    if (folders !== 0) return folders;
    return sign * (chosen(a, b) || byName(a, b));
  };
}

/** The first name after `from` that begins like this, around the end; -1 when none does. */
export function beginning(entries: readonly Entry[], typed: string, from: number, language: string): number {
  const wanted = typed.toLocaleLowerCase(language);
  for (let step = 0; step < entries.length; step += 1) {
    const at = (from + step) % entries.length;
    if (entries[at]!.name.toLocaleLowerCase(language).startsWith(wanted)) return at;
  }
  return -1;
}

/** Where the one that stood there stands in another list of the same folder; -1 when it is gone. */
export function placeNow(before: readonly Entry[], now: readonly Entry[], at: number): number {
  const name = before[at]?.name;
  return now[at]?.name === name ? at : now.findIndex((entry) => entry.name === name);
}

export interface Sight {
  first: number;
  /** One after the last. */
  end: number;
}

/** The rows between two heights, with some more at each side so that a turn of the wheel finds them there. */
export function inSight(top: number, bottom: number, rowHeight: number, rows: number, more = 8): Sight {
  const first = Math.min(Math.max(0, Math.floor(top / rowHeight) - more), Math.max(0, rows - 1));
  const end = Math.min(rows, Math.max(first, Math.ceil(bottom / rowHeight) + more));
  return { first: rows === 0 ? 0 : first, end };
}

/** A path below a folder. */
export const below = (folder: string, name: string) => (folder === "" ? name : `${folder}/${name}`);

/** The folder that holds a path. */
export const parent = (path: string) => path.split("/").slice(0, -1).join("/");
