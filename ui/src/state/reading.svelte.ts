// Files that are still being read from the browser: until the node has them, a page that goes away takes them along.

import type { Document } from "../api";
import type { LocalFile } from "../platform";
import { platform } from "./app.svelte";

/** A file that the node does not have yet. */
export interface Read {
  id: number;
  name: string;
  size: number;
  /** Where it goes, in words. */
  to: string;
  at: number;
}

class Reading {
  files = $state.raw<Read[]>([]);
  #last = 0;

  /** Files of the browser that are about to be handed over; the desktop window only tells where its files are. */
  begin(files: readonly LocalFile[], to: string): Hands {
    const at = Date.now();
    const reads = new Map<LocalFile, number>();
    for (const file of files) if (file.blob) reads.set(file, (this.#last += 1));
    const now = [...reads].map(([{ name, size }, id]) => ({ id, name, size, to, at }));
    this.files = [...this.files, ...now];
    const over = (...ids: number[]) => {
      this.files = this.files.filter(({ id }) => !ids.includes(id));
    };
    return {
      hand: async (file) => {
        try {
          return await platform().uploadDocument(file);
        } finally {
          over(reads.get(file) ?? 0);
        }
      },
      end: () => over(...reads.values()),
    };
  }
}

export interface Hands {
  /** Hands one of them to the node. Throws an `ApiError`. */
  hand: (file: LocalFile) => Promise<Document>;
  /** Nothing more is read of any of them. */
  end: () => void;
}

export const reading = new Reading();
