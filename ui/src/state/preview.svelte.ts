// The picture of what will be on paper: asked for after a short pause, kept while somebody leafs through it.

import type { ApiError, Preview, PrintOptions } from "../api";
import { asApiError, type LocalFile } from "../platform";
import { ask } from "./app.svelte";
import { withDocument } from "./documents";
import { newest } from "./newest";

/** Which side of which document, as which printer would print it. */
export interface Wish {
  file: LocalFile;
  printer: string | null;
  options: PrintOptions;
  side: number;
  /** The longer edge in pixels. */
  size: number;
}

/** Somebody typing or clicking through choices changes them faster than this. */
const PAUSE = 180;
/** Pictures that are kept to leaf back to; the oldest goes first. */
const MOST_KEPT = 16;

export class PreviewView {
  /** The last picture that was made. While `busy` it may be of what was wanted before. */
  picture = $state.raw<Preview | null>(null);
  /** Pages of the document that was last pictured; it stays when the next picture is still being made. */
  told = $state.raw<{ file: LocalFile; pages: number } | null>(null);
  error = $state.raw<ApiError | null>(null);
  busy = $state(false);

  #kept = new Map<string, Preview>();
  #files: LocalFile[] = [];
  #wish: Wish | null = null;
  #asking = newest<Wish, Preview>(
    ({ file, printer, options, side, size }) =>
      withDocument(file, (document) => ask({ do: "preview", printer, document, options, side, size }, "preview")),
    (wish, outcome) => {
      this.busy = false;
      if ("ok" in outcome) {
        this.#keep(this.#key(wish), outcome.ok);
        this.#show(wish, outcome.ok);
      } else {
        this.picture = null;
        this.error = asApiError(outcome.error);
      }
    },
  );

  /** Shows this, at once when it is still there. */
  want(wish: Wish) {
    const before = this.#wish;
    this.#wish = wish;
    const kept = this.#kept.get(this.#key(wish));
    if (kept) {
      this.#asking.stop();
      this.busy = false;
      return this.#show(wish, kept);
    }
    // Another document: what is in sight has nothing to do with it.
    if (before?.file !== wish.file) this.picture = null;
    this.error = null;
    this.busy = true;
    const leafing = before === null || before.file !== wish.file || before.side !== wish.side;
    this.#asking.want(wish, leafing ? 0 : PAUSE);
  }

  again() {
    if (this.#wish) this.want(this.#wish);
  }

  stop() {
    this.#asking.stop();
    this.#wish = this.picture = this.error = null;
    this.busy = false;
  }

  #show({ file }: Wish, picture: Preview) {
    this.error = null;
    this.picture = picture;
    this.told = { file, pages: picture.pages };
  }

  #keep(key: string, picture: Preview) {
    this.#kept.set(key, picture);
    const oldest = this.#kept.keys().next();
    if (this.#kept.size > MOST_KEPT && !oldest.done) this.#kept.delete(oldest.value);
  }

  #key({ file, printer, options, side, size }: Wish): string {
    if (!this.#files.includes(file)) this.#files.push(file);
    // How many copies there are changes no side.
    return JSON.stringify([this.#files.indexOf(file), printer, { ...options, copies: null }, side, size]);
  }
}
