// Names that are taken: asked about one after the other, or for all at once. What is replaced is what the person was
// asked about; when somebody has changed it meanwhile, it is asked about again.

import type { ApiError, Conflict, Entry, Request, Transfer } from "../api";
import { asApiError } from "../platform";
import { ask } from "./app.svelte";
import { above } from "./dialogs.svelte";
import { each } from "./each";

export type Settled = Exclude<Conflict, "refuse">;

/** Which of two files somebody wants to keep is told by these. */
export type Version = Pick<Entry, "kind" | "size" | "modified">;

/** Something whose name is taken. */
export interface Taken {
  name: string;
  where: "here" | "there";
  /** It is a folder. A file does not take the place of a folder, nor a folder that of a file. */
  folder: boolean;
  /** What wants the name, where that can be told. */
  coming?: Version | undefined;
  /** Where something is replaced, it can be had back. */
  restorable?: boolean;
  /** What has the name now, where that can be told. */
  look: () => Promise<Entry | null>;
  /** `replaces`: the version that may be replaced, and no other. Throws an `ApiError`. */
  go: (choice: Exclude<Settled, "skip">, replaces: string | null) => Promise<unknown>;
  /** Nothing becomes of it. */
  skip?: () => Promise<unknown>;
  /** The folder has its name, and these files in it were changed since it was looked at. */
  inside?: () => Promise<string[]>;
}

/** What a person is asked. */
export interface Question {
  name: string;
  /** How many names are still to be settled, with this one. */
  left: number;
  where: "here" | "there";
  folder: boolean;
  there: Entry | null;
  coming: Version | null;
  /** It is another version than the one that was to be replaced. */
  changed: boolean;
  replaceable: boolean;
  restorable: boolean;
  /** What it is about in a folder, when it is not about the folder itself. */
  inside: string[];
}

export interface Said {
  choice: Settled;
  forAll: boolean;
}

/** What has a name in a folder of a drive; none when nothing has it any more. Throws an `ApiError`. */
export const entryAt = (drive: string, path: string) => ifThere({ do: "entry", drive, path });

/** What has the name here that a download would get; none when nothing has it any more, or that cannot be told. */
export const entryHere = (drive: string, path: string) => ifThere({ do: "entry_here", drive, path }).catch(() => null);

async function ifThere(question: Extract<Request, { do: "entry" | "entry_here" }>): Promise<Entry | null> {
  try {
    return await ask(question, "entry");
  } catch (thrown) {
    if (asApiError(thrown).code === "not_found") return null;
    throw thrown;
  }
}

/** Settles all of them. Closing the question leaves the rest as it is. */
export async function settleAll(taken: Taken[]): Promise<void> {
  // Looked at before anything is asked: for all means for what is there now.
  const looked = new Map<Taken, Entry | null>();
  const insides = new Map<Taken, string[]>();
  await each(taken, async (one) => {
    try {
      const [there, inside = []] = await Promise.all([one.look(), one.inside?.()]);
      looked.set(one, there);
      insides.set(one, inside);
    } catch (thrown) {
      tell(one, asApiError(thrown));
    }
  });
  const waiting = taken.filter((one) => looked.has(one));
  let forAll: Settled | null = null;
  for (const [i, one] of waiting.entries()) {
    let there = looked.get(one) ?? null;
    for (let changed = false; ; changed = true) {
      const fits = there === null || (there.kind === "folder") === one.folder;
      // What was changed meanwhile, or cannot be replaced, is asked about by itself.
      let choice: Settled | null = changed || (forAll === "replace" && !fits) ? null : forAll;
      if (choice === null) {
        const { name, where, folder, coming = null, restorable = false } = one;
        const inside = insides.get(one) ?? [];
        const said = await put({ name, left: waiting.length - i, where, folder, there, coming, changed, replaceable: fits, restorable, inside });
        if (said === null) return;
        choice = said.choice;
        if (said.forAll) forAll = choice;
      }
      try {
        // Where nothing is any more nothing is replaced: what comes there meanwhile was seen by nobody.
        const free = there === null && one.where === "there";
        if (choice === "skip") await one.skip?.();
        else if (choice === "keep_both" || free) await one.go("keep_both", null);
        else await one.go("replace", there?.etag ?? null);
        break;
      } catch (thrown) {
        const error = asApiError(thrown);
        const taken = error.code === "exists" || error.code === "changed";
        const now = taken ? await one.look().catch(() => there) : there;
        if (now?.etag === there?.etag && now?.kind === there?.kind) {
          tell(one, error);
          break;
        }
        there = now;
      }
    }
  }
}

function tell(one: Taken, error: ApiError) {
  above.note({ about: "error", error, retry: () => void settleAll([one]) });
}

function put(question: Question): Promise<Said | null> {
  return new Promise((answer) => above.open({ what: "conflict", question, answer }));
}

/** Whether a copy waits for nothing but a word about the name that it is to get. */
export const isTaken = ({ state, reason, inbox }: Transfer) => state === "failed" && reason === "exists" && !inbox;

/** Asks about copies that have failed because of their names, and lets them go on. */
export function settleCopies(copies: Transfer[]): Promise<void> {
  return settleAll(
    copies.map((copy) => {
      const settle = (conflict: Settled, replaces: string | null) => ask({ do: "settle_transfer", transfer: copy.id, conflict, replaces }, "transfer");
      const taken: Taken = {
        name: copy.name,
        where: copy.direction === "download" ? "here" : "there",
        folder: copy.tree !== null,
        look: async () => (copy.direction === "upload" ? entryAt(copy.drive_id, copy.remote_path) : null),
        go: settle,
        skip: () => ask({ do: "cancel_transfer", transfer: copy.id }, "transfer"),
      };
      // Most of the folder has been copied: what is skipped are the files that are asked about.
      if (copy.tree?.failed) return { ...taken, inside: () => takenInside(copy.id), skip: () => settle("skip", null) };
      return taken;
    }),
  );
}

/** The files of a folder that were kept because they are not what was there when the copy looked. */
async function takenInside(transfer: string): Promise<string[]> {
  const notes = await ask({ do: "transfer_notes", transfer }, "transfer_notes");
  return notes.filter(({ fate, reason }) => fate === "failed" && reason === "exists").map(({ path }) => path);
}
