// What is dragged out of the page, into the file manager or another program. The window drags paths of a drive that is
// mounted; a browser drags a link, which it or the file manager fetches once it is let go of. A file of a drive that is not
// mounted would have to be here, whole, before the drag begins: nothing is dragged then, and it is said what helps. Download
// does the same.
//
// WebKitGTK passes the address of a file on as a file manager does, so the window needs no code of the system's for it.
// The crate `drag` would do it for Windows and macOS as well; on Linux it passes names on as they are, which loses those
// with `%` or `#` in them, and nobody here can try it on the other two.

import type { Entry } from "../api";
import { ask, node, platform } from "./app.svelte";
import { above } from "./dialogs.svelte";
import { below } from "./entries";
import { mountActs } from "./mounting";
import { mountedAt } from "./opening.svelte";
import { t } from "./say";

/** A link that was made for a file when a button was pressed on it. */
let ready: { drive: string; path: string; link: string } | null = null;
/** Something of this page hangs on the mouse: it is no file that is brought here. */
let dragged = false;

export const isDragged = () => dragged;

/** Whether something can be dragged out of the page, or could be if its drive were a folder of this computer. */
export function canDrag(entry: Entry): boolean {
  const out = platform().dragsOut;
  return out === "paths" ? entry.kind !== "other" : out === "links" && entry.kind === "file";
}

/** A link takes a moment to be made, and has to be there when the drag begins. */
export async function prepareDrag(drive: string, folder: string, entry: Entry) {
  if (platform().dragsOut !== "links" || !canDrag(entry)) return;
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
    // Chromium fetches what is dragged on Windows and macOS only. On Linux it passes the link on, and the file manager
    // fetches it: those of KDE, LXQt, MATE and Cinnamon do; that of Xfce makes a link of it, that of GNOME a text.
    if (/Linux/.test(navigator.userAgent)) given.setData("text/uri-list", link);
    ready = null;
  } else {
    event.preventDefault();
    tellWhy(drive);
    return;
  }
  // A copy, whatever keys are held: nothing is taken away from somebody else's computer by a drag.
  given.effectAllowed = "copy";
  dragged = true;
}

/** Nobody sees by itself that a drive has to be a folder here before another program can have its files. */
function tellWhy(id: string) {
  const drive = node.model?.nearby.drives.find((drive) => drive.id === id);
  if (platform().dragsOut !== "paths" || !node.model || !drive || mountedAt(id, node.model) !== null) return;
  const [act] = mountActs(node.model, drive);
  if (act) above.say(t("folder.drag_as_folder", { name: drive.name, act: act.words }));
}

export function endDrag() {
  dragged = false;
}

/** A path of this computer as file managers pass it on (RFC 8089). */
export const fileUri = (path: string) => `file://${path.split("/").map(encodeURIComponent).join("/")}`;
