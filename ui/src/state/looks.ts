// Small pictures of files, for a grid: two at a time, those in sight first, kept for a while.

import type { Entry, Look } from "../api";
import { ask } from "./app.svelte";
import { below } from "./entries";
import { turns } from "./turns";

/** Pixels of the longer edge. */
const SMALL = 256;
/** Pictures that are kept; the oldest goes first. */
const MOST_KEPT = 400;

const waiting = turns(2);
const kept = new Map<string, string | null>();

/** The address of a picture for `<img>`, or none when there is nothing to see; told when it is there. */
export function smallPicture(drive: string, folder: string, entry: Entry, show: (picture: string | null) => void): () => void {
  const path = below(folder, entry.name);
  const key = `${drive}|${path}|${entry.etag ?? entry.modified}`;
  const known = kept.get(key);
  if (known !== undefined) {
    show(known);
    return () => {};
  }
  let wanted = true;
  const takeBack = waiting.want(async () => {
    if (!wanted) return;
    const look = await ask({ do: "look", drive, path, page: 1, size: SMALL }, "look");
    const picture = address(look);
    kept.set(key, picture);
    const oldest = kept.keys().next();
    if (kept.size > MOST_KEPT && !oldest.done) kept.delete(oldest.value);
    if (wanted) show(picture);
  });
  return () => {
    wanted = false;
    takeBack();
  };
}

export const address = (look: Look): string | null => (look.shows === "picture" ? `data:image/png;base64,${look.png}` : null);
