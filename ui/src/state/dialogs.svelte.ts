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
  /** `undo` takes it back, or does what `does` says. `warns`: something did not happen that was expected; it stays until
   *  somebody has seen it. */
  | { id: number; about: "words"; words: string; undo?: () => void; does?: string; warns?: true }
  /** Something was put in that could be offered. */
  | { id: number; about: "medium"; medium: string }
  /** `tried`: what did not work, in words, where the code alone would not tell. `on`: the drive it was about. */
  | { id: number; about: "error"; error: ApiError; tried?: string; on?: string; ofPrinter?: boolean; retry?: () => void };

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
    const made = { ...note, id: this.#last } as Note;
    this.notes = [...this.notes.filter((other) => !isSameError(other, made)), made].slice(-MOST_NOTES);
  }

  dismiss(id: number) {
    this.notes = this.notes.filter((note) => note.id !== id);
  }

  /** Another place is shown: what went wrong in the one before is over. */
  leave() {
    if (this.notes.some(({ about }) => about === "error")) this.notes = this.notes.filter(({ about }) => about !== "error");
  }

  announce(words: string) {
    this.announced = words;
  }

  /** Says what was done, on the screen and to a screen reader, and how to take it back, or what `does` says. */
  say(words: string, undo?: () => void, does?: string) {
    this.note({ about: "words", words, ...(undo && { undo }), ...(does !== undefined && { does }) });
    this.announce(words);
  }

  /** Says what did not happen that was expected, and why. Said twice, it is one note. */
  warn(words: string) {
    this.notes = this.notes.filter((note) => note.about !== "words" || note.words !== words);
    this.note({ about: "words", words, warns: true });
    this.announce(words);
  }
}

/** What is told twice is told once. */
function isSameError(one: Note, other: Note): boolean {
  if (one.about !== "error" || other.about !== "error") return false;
  return one.error.code === other.error.code && one.error.detail === other.error.detail && one.tried === other.tried;
}

export const above = new Above();
