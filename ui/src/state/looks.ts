// Small pictures of files, for a grid: two at a time, those in sight first, kept for a while.

import type { Entry, Look } from "../api";
import { ask } from "./app.svelte";
import { below } from "./entries";
import { turns } from "./turns";

/** Pixels of the longer edge. */
const SMALL = 256;
/** Pictures that are kept; the oldest goes first. */
const MOST_KEPT = 400;

/** Two windows of one node must not end each other's. */
const PAGE = Math.random().toString(36).slice(2);
let number = 0;
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
  /** While the node works on it. */
  let asked: string | null = null;
  const takeBack = waiting.want(async () => {
    if (!wanted) return;
    asked = `${PAGE}-${(number += 1)}`;
    const look = await ask({ do: "look", drive, path, page: 1, size: SMALL, name: asked }, "look").finally(() => (asked = null));
    const picture = address(look);
    kept.set(key, picture);
    const oldest = kept.keys().next();
    if (kept.size > MOST_KEPT && !oldest.done) kept.delete(oldest.value);
    if (wanted) show(picture);
  });
  return () => {
    wanted = false;
    takeBack();
    // What has scrolled away makes room for what is in sight.
    if (asked !== null) void ask({ do: "end_look", name: asked }, "done").catch(() => {});
  };
}

export const address = (look: Look): string | null => (look.shows === "picture" ? `data:image/png;base64,${look.png}` : null);
