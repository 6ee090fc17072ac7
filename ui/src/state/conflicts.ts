// Names that are taken: asked about one after the other, or for all at once. What is replaced is what the person was
// asked about; when somebody has changed it meanwhile, it is asked about again.

import type { Conflict, Entry, Transfer } from "../api";
import { asApiError } from "../platform";
import { ask } from "./app.svelte";
import { above } from "./dialogs.svelte";

export type Settled = Exclude<Conflict, "refuse">;

/** Something whose name is taken. */
export interface Taken {
  name: string;
  where: "here" | "there";
  /** It is a folder. A file does not take the place of a folder, nor a folder that of a file. */
  folder: boolean;
  /** Where something is replaced, it can be had back. */
  restorable?: boolean;
  /** What has the name now, where that can be told. */
  look: () => Promise<Entry | null>;
  /** `replaces`: the version that may be replaced, and no other. Throws an `ApiError`. */
  go: (choice: Exclude<Settled, "skip">, replaces: string | null) => Promise<unknown>;
  /** Nothing becomes of it. */
  skip?: () => Promise<unknown>;
}

/** What a person is asked. */
export interface Question {
  name: string;
  /** How many names are still to be settled, with this one. */
  left: number;
  where: "here" | "there";
  there: Entry | null;
  /** It is another version than the one that was to be replaced. */
  changed: boolean;
  replaceable: boolean;
  restorable: boolean;
}

export interface Said {
  choice: Settled;
  forAll: boolean;
}

/** What has a name in a folder of a drive; none when nothing has it any more, or nobody can tell. */
export async function entryAt(drive: string, path: string): Promise<Entry | null> {
  try {
    return await ask({ do: "entry", drive, path }, "entry");
  } catch {
    return null;
  }
}

/** Settles all of them. Closing the question leaves the rest as it is. */
export async function settleAll(taken: Taken[]): Promise<void> {
  // Looked at before anything is asked: for all means for what is there now.
  const waiting = await Promise.all(taken.map(async (one) => ({ one, there: await one.look() })));
  let forAll: Settled | null = null;
  for (const [i, { one, there: first }] of waiting.entries()) {
    let there = first;
    for (let changed = false; ; changed = true) {
      const fits = there === null || (there.kind === "folder") === one.folder;
      // What was changed meanwhile, or cannot be replaced, is asked about by itself.
      let choice: Settled | null = changed || (forAll === "replace" && !fits) ? null : forAll;
      if (choice === null) {
        const { name, where, restorable = false } = one;
        const said = await put({ name, left: waiting.length - i, where, there, changed, replaceable: fits, restorable });
        if (said === null) return;
        choice = said.choice;
        if (said.forAll) forAll = choice;
      }
      try {
        if (choice === "skip") await one.skip?.();
        else await one.go(choice, choice === "replace" ? (there?.etag ?? null) : null);
        break;
      } catch (thrown) {
        const error = asApiError(thrown);
        const now = error.code === "exists" || error.code === "changed" ? await one.look() : there;
        if (now?.etag === there?.etag && now?.kind === there?.kind) {
          above.note({ about: "error", error, retry: () => void settleAll([one]) });
          break;
        }
        there = now;
      }
    }
  }
}

function put(question: Question): Promise<Said | null> {
  return new Promise((answer) => above.open({ what: "conflict", question, answer }));
}

/** Whether a copy waits for nothing but a word about the name that it is to get. */
export const isTaken = ({ state, reason, inbox }: Transfer) => state === "failed" && reason === "exists" && !inbox;

/** Asks about copies that have failed because of their names, and lets them go on. */
export function settleCopies(copies: Transfer[]): Promise<void> {
  return settleAll(
    copies.map((copy) => ({
      name: copy.name,
      where: copy.direction === "download" ? "here" : "there",
      folder: copy.tree !== null,
      look: async () => (copy.direction === "upload" ? entryAt(copy.drive_id, copy.remote_path) : null),
      go: (conflict, replaces) => ask({ do: "settle_transfer", transfer: copy.id, conflict, replaces }, "transfer"),
      skip: () => ask({ do: "cancel_transfer", transfer: copy.id }, "transfer"),
    })),
  );
}
