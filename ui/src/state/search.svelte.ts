// A search by name: asked for after a short pause, followed until it is over, ended by the next one.

import type { ApiError, Hit, Search } from "../api";
import { asApiError } from "../platform";
import { ask } from "./app.svelte";

const PAUSE = 250;

export class SearchView {
  /** What was searched for; none while nothing is. */
  words = $state<string | null>(null);
  hits = $state.raw<Hit[]>([]);
  told = $state.raw<Search | null>(null);
  busy = $state(false);
  error = $state.raw<ApiError | null>(null);

  #turn = 0;
  #id: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Looks for these words on a drive below a folder, or everywhere; without words for nothing. */
  want(words: string, drive: string | null, path: string, pause = PAUSE) {
    clearTimeout(this.#timer);
    if (words.trim() === "") return this.stop();
    this.#timer = setTimeout(() => void this.#run(words.trim(), drive, path), pause);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#turn += 1;
    this.words = null;
    this.hits = [];
    this.told = this.error = null;
    this.busy = false;
    if (this.#id !== null) void ask({ do: "end_search", search: this.#id }, "done").catch(() => {});
    this.#id = null;
  }

  async #run(words: string, drive: string | null, path: string) {
    const mine = ++this.#turn;
    const before = this.#id;
    this.#id = null;
    this.words = words;
    this.hits = [];
    this.told = this.error = null;
    this.busy = true;
    try {
      let told = await ask({ do: "search", words, drive, path, instead_of: before }, "search");
      for (;;) {
        if (mine !== this.#turn) {
          void ask({ do: "end_search", search: told.id }, "done").catch(() => {});
          return;
        }
        this.#id = told.id;
        this.hits = [...this.hits, ...told.hits];
        this.told = told;
        if (told.done) break;
        told = await ask({ do: "search_more", search: told.id, after: told.count }, "search");
      }
    } catch (thrown) {
      if (mine === this.#turn) this.error = asApiError(thrown);
    } finally {
      if (mine === this.#turn) this.busy = false;
    }
  }
}
