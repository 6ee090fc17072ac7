// Files dragged over the page: the thing under them lights up and says what will happen.

import type { Attachment } from "svelte/attachments";
import type { LocalFile, Platform } from "../platform";
import { isDragged } from "./dragging.svelte";

export interface DropTarget {
  /** Files hang over it (how many, 0 when not known), or no longer do. */
  lit(count: number | null): void;
  dropped(files: LocalFile[]): void;
}

const targets = new WeakMap<Element, DropTarget>();
const MARK = "data-drop";

/** Makes an element take files. */
export function dropTarget(target: DropTarget): Attachment {
  return (element) => {
    targets.set(element, target);
    element.setAttribute(MARK, "");
    return () => {
      targets.delete(element);
      element.removeAttribute(MARK);
    };
  };
}

/** Hands drops to the innermost target under them. */
export function listenToDrops(platform: Platform): () => void {
  let lit: DropTarget | null = null;

  function light(target: DropTarget | null, count: number) {
    if (lit !== target) lit?.lit(null);
    lit = target;
    lit?.lit(count);
  }

  return platform.onDrop((event) => {
    // What comes from this very page is on its way out.
    if (event.what === "leave" || isDragged()) return light(null, 0);
    const element = document.elementFromPoint(event.x, event.y)?.closest(`[${MARK}]`);
    const target = (element && targets.get(element)) ?? null;
    if (event.what === "over") return light(target, event.count);
    light(null, 0);
    if (event.files.length > 0) target?.dropped(event.files);
  });
}
