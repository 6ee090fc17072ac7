// The content of one folder as it comes: the first rows at once, the rest in the background, in the order that was chosen.

import type { ApiError, Entry, ErrorCode, Listing } from "../api";
import { asApiError } from "../platform";
import { ask } from "./app.svelte";
import { comparison, type Order } from "./entries";

/** More entries than this are not held by a page: a search finds the others. */
export const MOST_ENTRIES = 200_000;

/** A folder with more is listed again by itself only when it says that names came or went. */
const LISTED_ANEW = 2_000;
/** What is told of a look that nobody asked for. Whatever else fails may be well the next time. */
const TOLD: ReadonlySet<ErrorCode> = new Set(["peer_unreachable", "away", "not_found", "not_allowed", "must_ask"]);

/** Where it comes from: a page of a folder, and the folder itself. */
export interface Source {
  page(drive: string, path: string, after: string | null): Promise<Listing>;
  entry(drive: string, path: string): Promise<Entry>;
}

const NODE: Source = {
  page: (drive, path, after) => ask({ do: "list", drive, path, after }, "listing"),
  entry: (drive, path) => ask({ do: "entry", drive, path }, "entry"),
};

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
  #compare = comparison("name", false, "en");
  #source: Source;
  /** When the folder itself was changed, as it said before it was listed; none while it was not asked. */
  #changed: number | null = null;
  #looking = false;
  #lookAgain = false;

  constructor(source: Source = NODE) {
    this.#source = source;
  }

  /** Shows another folder, from its beginning. */
  open(drive: string, path: string): Promise<void> {
    this.entries = this.#all = [];
    this.count = 0;
    this.#changed = null;
    return this.#load(drive, path);
  }

  /** Loads the same folder again; what is shown stays until that is done. */
  again(drive: string, path: string): Promise<void> {
    return this.#load(drive, path);
  }

  /** Looks whether anything is otherwise by now, and shows only that: no word meanwhile, nor of a passing failure. */
  async refresh(drive: string, path: string): Promise<void> {
    if (this.loading) return;
    if (this.#looking) {
      this.#lookAgain = true;
      return;
    }
    this.#looking = true;
    const mine = this.#asked;
    try {
      // Asked first: it is a word, where a listing of a device that is asleep would wake it.
      const { modified } = await this.#source.entry(drive, path);
      if (mine !== this.#asked) return;
      const known = this.#changed !== null && this.#changed === modified && this.error === null;
      this.#changed = modified;
      if (!known || this.#all.length <= LISTED_ANEW) await this.#load(drive, path, true);
    } catch (thrown) {
      if (mine === this.#asked) this.#tell(asApiError(thrown));
    } finally {
      this.#looking = false;
      if (this.#lookAgain) {
        this.#lookAgain = false;
        if (mine === this.#asked) void this.refresh(drive, path);
      }
    }
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

  async #load(drive: string, path: string, quietly = false) {
    const mine = quietly ? this.#asked : ++this.#asked;
    const fresh = this.#all.length === 0;
    let found: Entry[] = [];
    let pending: Entry[] = [];
    let cut = false;
    if (!quietly) {
      this.loading = true;
      this.cut = false;
      this.error = null;
    }
    try {
      let after: string | null = null;
      do {
        const page: Listing = await this.#source.page(drive, path, after);
        if (mine !== this.#asked) return;
        // So that the next look need not list all of it again.
        if (after === null && page.next !== null && !quietly) void this.#mark(mine, drive, path);
        after = page.next;
        pending.push(...page.entries);
        const here = found.length + pending.length;
        if (here >= MOST_ENTRIES && after !== null) {
          cut = true;
          after = null;
        }
        // Merged in steps that grow: sorting a folder of a hundred thousand again for each page would take minutes.
        if (after === null || pending.length * 3 >= found.length) {
          found = [...found, ...pending].sort(this.#compare);
          pending = [];
          if (fresh || after === null) this.#show(found);
        }
        if (fresh || after === null) this.count = here;
      } while (after !== null);
      this.cut = cut;
      this.error = null;
    } catch (thrown) {
      if (mine !== this.#asked) return;
      if (quietly) this.#tell(asApiError(thrown));
      else this.error = asApiError(thrown);
    } finally {
      if (mine === this.#asked && !quietly) this.loading = false;
    }
  }

  /** When a long folder was changed, as it says while it is listed. */
  async #mark(mine: number, drive: string, path: string) {
    const folder = await this.#source.entry(drive, path).catch(() => null);
    if (mine === this.#asked) this.#changed = folder?.modified ?? null;
  }

  /** What is the same stays the very same: nothing on the page moves then. */
  #show(found: Entry[]) {
    if (!same(this.#all, found)) this.entries = this.#all = found;
  }

  /** A failure of a look that nobody asked for. */
  #tell(error: ApiError) {
    if (this.error === null ? TOLD.has(error.code) : this.error.code !== error.code) this.error = error;
  }
}

const same = (before: readonly Entry[], after: readonly Entry[]) =>
  before.length === after.length &&
  before.every((one, i) => {
    const other = after[i]!;
    return one.name === other.name && one.kind === other.kind && one.size === other.size && one.modified === other.modified && one.etag === other.etag;
  });
