// The content of one folder as it comes: the first rows at once, the rest in the background, in the order that was chosen.

import type { ApiError, Entry, Listing } from "../api";
import { asApiError } from "../platform";
import { ask } from "./app.svelte";
import { comparison, type Order } from "./entries";

/** More entries than this are not held by a page: a search finds the others. */
export const MOST_ENTRIES = 200_000;

type Page = (drive: string, path: string, after: string | null) => Promise<Listing>;

const fromNode: Page = (drive, path, after) => ask({ do: "list", drive, path, after }, "listing");

export class FolderView {
  /** In order. While more come, some that are here may not be among them yet. */
  entries = $state.raw<Entry[]>([]);
  /** How many are here. */
  count = $state(0);
  loading = $state(false);
  /** There are more than are held. */
  cut = $state(false);
  error = $state.raw<ApiError | null>(null);

  #asked = 0;
  #all: Entry[] = [];
  #pending: Entry[] = [];
  #compare = comparison("name", false, "en");
  #page: Page;

  constructor(page: Page = fromNode) {
    this.#page = page;
  }

  /** Shows another folder, from its beginning. */
  open(drive: string, path: string): Promise<void> {
    this.entries = this.#all = [];
    this.count = 0;
    return this.#load(drive, path);
  }

  /** Loads the same folder again; what is shown stays until that is done. */
  again(drive: string, path: string): Promise<void> {
    return this.#load(drive, path);
  }

  sort(order: Order, descending: boolean, language: string) {
    this.#compare = comparison(order, descending, language);
    this.#all = [...this.#all].sort(this.#compare);
    this.entries = this.#all;
  }

  /** What was removed goes at once, however long the folder takes to load again. */
  without(names: ReadonlySet<string>) {
    this.entries = this.#all = this.#all.filter(({ name }) => !names.has(name));
    this.count = this.#all.length;
  }

  stop() {
    this.#asked += 1;
    this.loading = false;
  }

  async #load(drive: string, path: string) {
    const mine = ++this.#asked;
    const fresh = this.#all.length === 0;
    let found: Entry[] = [];
    this.loading = true;
    this.cut = false;
    this.error = null;
    this.#pending = [];
    try {
      let after: string | null = null;
      do {
        const page: Listing = await this.#page(drive, path, after);
        if (mine !== this.#asked) return;
        after = page.next;
        this.#pending.push(...page.entries);
        const here = found.length + this.#pending.length;
        if (here >= MOST_ENTRIES && after !== null) {
          this.cut = true;
          after = null;
        }
        // Merged in steps that grow: sorting a folder of a hundred thousand again for each page would take minutes.
        if (after === null || this.#pending.length * 3 >= found.length) {
          found = [...found, ...this.#pending].sort(this.#compare);
          this.#pending = [];
          if (fresh || after === null) this.entries = this.#all = found;
        }
        if (fresh || after === null) this.count = here;
      } while (after !== null);
    } catch (thrown) {
      if (mine === this.#asked) this.error = asApiError(thrown);
    } finally {
      if (mine === this.#asked) this.loading = false;
    }
  }
}
