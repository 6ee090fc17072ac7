// What is dragged out of the page, into the file manager or another program. The window drags paths of a drive that is
// mounted; a browser drags a link, which it or the file manager fetches once it is let go of. Where neither can be, nothing is dragged, and
// Download does the same: a file of a drive that is not mounted would have to be here, whole, before the drag begins.
//
// WebKitGTK passes the address of a file on as a file manager does, so the window needs no code of the system's for it.
// The crate `drag` would do it for Windows and macOS as well; on Linux it passes names on as they are, which loses those
// with `%` or `#` in them, and nobody here can try it on the other two.

import type { Entry } from "../api";
import { ask, node, platform } from "./app.svelte";
import { below } from "./entries";
import { mountedAt } from "./opening.svelte";

/** A link that was made for a file when a button was pressed on it. */
let ready: { drive: string; path: string; link: string } | null = null;
/** Something of this page hangs on the mouse: it is no file that is brought here. */
let dragged = false;

export const isDragged = () => dragged;

/** Whether something can be dragged out of the page. */
export function canDrag(drive: string, entry: Entry): boolean {
  const out = platform().dragsOut;
  if (out === "paths") return entry.kind !== "other" && mountedAt(drive, node.model) !== null;
  return out === "links" && entry.kind === "file";
}

/** A link takes a moment to be made, and has to be there when the drag begins. */
export async function prepareDrag(drive: string, folder: string, entry: Entry) {
  if (platform().dragsOut !== "links" || !canDrag(drive, entry)) return;
  const path = below(folder, entry.name);
  if (ready?.drive === drive && ready.path === path) return;
  try {
    const link = await ask({ do: "fetch_link", drive, path }, "link");
    ready = { drive, path, link: platform().playerLink(link) };
  } catch {
    ready = null; // nothing is dragged; a click tells what is wrong
  }
}

/** Gives what is dragged to the system, or drags nothing. */
export function beginDrag(event: DragEvent, drive: string, folder: string, entry: Entry) {
  const given = event.dataTransfer;
  const path = below(folder, entry.name);
  const mounted = platform().dragsOut === "paths" ? mountedAt(drive, node.model) : null;
  if (given && mounted !== null) {
    given.setData("text/uri-list", fileUri(`${mounted}/${path}`));
  } else if (given && ready?.drive === drive && ready.path === path) {
    const link = new URL(ready.link, location.href).href;
    const name = entry.name.replaceAll(":", "_"); // what follows a colon is taken for the link
    given.setData("DownloadURL", `application/octet-stream:${name}:${link}`);
    // Chromium fetches what is dragged on Windows and macOS only; on Linux the file manager does, by the link itself.
    if (/Linux/.test(navigator.userAgent)) given.setData("text/uri-list", link);
    ready = null;
  } else {
    event.preventDefault();
    return;
  }
  // A copy, whatever keys are held: nothing is taken away from somebody else's computer by a drag.
  given.effectAllowed = "copy";
  dragged = true;
}

export function endDrag() {
  dragged = false;
}

/** A path of this computer as file managers pass it on (RFC 8089). */
export const fileUri = (path: string) => `file://${path.split("/").map(encodeURIComponent).join("/")}`;
