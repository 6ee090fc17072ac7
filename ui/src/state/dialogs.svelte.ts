// What lies above the place: at most one dialog, and short notes that follow what was begun.

import type { ApiError, Entry, Purpose } from "../api";
import type { LocalFile } from "../platform";
import type { Question, Said } from "./conflicts";

export type Dialog =
  | { what: "print"; files: LocalFile[]; printer: string | null }
  | { what: "share_folder"; path: string }
  | { what: "share_disc" }
  | { what: "own_network" }
  | { what: "device"; id: string }
  | { what: "printer"; id: string }
  | { what: "move"; job: string }
  | { what: "invite"; purpose: Purpose }
  | { what: "type_code"; purpose: Purpose }
  | { what: "founded"; recovery: string; name: string }
  | { what: "recover" }
  | { what: "rename_home" }
  | { what: "who"; share: string }
  | { what: "guest"; share: string }
  | { what: "copy_notes"; transfer: string }
  | { what: "mount"; drive: string }
  | { what: "reach"; drive: string }
  | { what: "speed" }
  | { what: "address"; share: string }
  | { what: "pause" }
  | { what: "connect" }
  | { what: "name_entry"; drive: string; folder: string; entry: Entry | null; then: (name: string) => void }
  | { what: "place"; drive: string; folder: string; entries: Entry[]; move: boolean; then: () => void }
  | { what: "bin"; drive: string; then: () => void }
  | { what: "conflict"; question: Question; answer: (said: Said | null) => void }
  | { what: "see"; drive: string; folder: string; entries: Entry[]; name: string }
  | { what: "sure"; sure: Sure };

/** A question before something that cannot be undone. */
export interface Sure {
  title: string;
  /** What happens, a sentence each. */
  means: string[];
  /** The button, a verb. */
  does: string;
  act: () => Promise<unknown>;
}

export type Note =
  | { id: number; about: "job"; job: string }
  | { id: number; about: "transfer"; transfer: string }
  | { id: number; about: "sending"; sending: string }
  /** `warns`: something did not happen that was expected; it stays until somebody has seen it. */
  | { id: number; about: "words"; words: string; undo?: () => void; warns?: true }
  /** Something was put in that could be offered. */
  | { id: number; about: "medium"; medium: string }
  /** `tried`: what did not work, in words, where the code alone would not tell. */
  | { id: number; about: "error"; error: ApiError; tried?: string; retry?: () => void };

/** More notes than this hide the page. */
const MOST_NOTES = 3;

class Above {
  dialog = $state.raw<Dialog | null>(null);
  notes = $state.raw<Note[]>([]);
  /** What a screen reader is told. */
  announced = $state("");

  #last = 0;

  open(dialog: Dialog) {
    this.dialog = dialog;
  }

  close() {
    this.dialog = null;
  }

  note(note: Note extends infer N ? (N extends Note ? Omit<N, "id"> : never) : never) {
    this.#last += 1;
    this.notes = [...this.notes, { ...note, id: this.#last } as Note].slice(-MOST_NOTES);
  }

  dismiss(id: number) {
    this.notes = this.notes.filter((note) => note.id !== id);
  }

  announce(words: string) {
    this.announced = words;
  }

  /** Says what was done, on the screen and to a screen reader, and how to take it back. */
  say(words: string, undo?: () => void) {
    this.note({ about: "words", words, ...(undo && { undo }) });
    this.announce(words);
  }

  /** Says what did not happen that was expected, and why. Said twice, it is one note. */
  warn(words: string) {
    this.notes = this.notes.filter((note) => note.about !== "words" || note.words !== words);
    this.note({ about: "words", words, warns: true });
    this.announce(words);
  }
}

export const above = new Above();
