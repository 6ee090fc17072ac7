// What a person does with files of a folder, and what is asked or said about it.

import type { ApiError, Conflict, Entry, Transfer } from "../api";
import { asApiError, type LocalFile } from "../platform";
import { ask, node } from "./app.svelte";
import { attempt } from "./actions";
import { above } from "./dialogs.svelte";
import { entryAt, entryHere, settleAll, type Version } from "./conflicts";
import { each } from "./each";
import { below } from "./entries";
import { reading } from "./reading.svelte";
import { n, t } from "./say";

/** More than this at once are better done as a whole folder. */
const MOST_AT_ONCE = 2_000;

/** Says so when there are too many, and that nothing was done; `whole` takes all of the folder instead. */
function tooMany(entries: readonly unknown[], whole?: () => void): boolean {
  if (entries.length <= MOST_AT_ONCE) return false;
  above.say(n("folder.too_many", MOST_AT_ONCE), whole, whole && t("folder.download_all"));
  return true;
}

/** Something that is copied once it is clear what becomes of a name that is taken. */
interface Copying {
  drive: string;
  name: string;
  folder: boolean;
  begin: (conflict: Conflict, replaces: string | null) => Promise<Transfer>;
  where: "here" | "there";
  /** What has the name there, where that can be told. */
  look?: () => Promise<Entry | null>;
  /** What wants the name. */
  coming?: Version | undefined;
}

/** What is said of a copy that did not begin. */
const notCopied = ({ name, where }: Copying) => t(where === "there" ? "folder.not_uploaded" : "folder.not_downloaded", { name });

/** Begins copies. Names that are taken are asked about when all others have begun; nothing is overwritten unasked. */
export async function copyAll(copies: Copying[]) {
  const taken: Copying[] = [];
  let begun: Transfer[] = [];
  await each(copies, async (copy) => {
    try {
      begun = [...begun, await copy.begin("refuse", null)];
    } catch (thrown) {
      if (asApiError(thrown).code !== "exists") return failed(thrown, copy.drive, notCopied(copy), () => copyAll([copy]));
      taken.push(copy);
    }
  });
  told(begun);
  await settleAll(
    taken.map(({ name, folder, where, begin, look, coming }) => ({
      name,
      folder,
      where,
      coming,
      look: look ?? (async () => null),
      go: async (choice, replaces) => told([await begin(choice, replaces)]),
    })),
  );
}

function told(transfers: Transfer[]) {
  const last = transfers.at(-1);
  if (transfers.length === 1) above.note({ about: "transfer", transfer: last!.id });
  else if (transfers.length > 1) above.say(n("folder.copies_begun", transfers.length));
}

function failed(thrown: unknown, on: string, tried: string, retry: () => void) {
  above.note({ about: "error", error: asApiError(thrown), on, tried, retry });
}

/** Says why nothing can be done with things whose names cannot be read here, and what helps. */
export function sayMisnamed(drive: string, entries: readonly Entry[]) {
  const misnamed = entries.filter((entry) => entry.misnamed !== undefined);
  if (misnamed.length === 0) return;
  const device = node.model?.nearby.drives.find(({ id }) => id === drive)?.device_name ?? t("device.other");
  const names = misnamed.slice(0, NAMED).map(({ name }) => t("quoted", { name }));
  const more = misnamed.length - names.length;
  above.warn(n("folder.misnamed_many", misnamed.length, { names: names.join(", ") + (more > 0 ? " …" : ""), device }));
}
/** More names than these tell a person nothing. */
const NAMED = 4;

const named = (entries: readonly Entry[]) => entries.filter((entry) => entry.misnamed === undefined);

/** Copies things of a folder to this computer's downloads folder. Links are left out, as in a folder that is copied. */
export async function downloadAll(drive: string, folder: string, entries: Entry[]) {
  if (tooMany(entries, () => void downloadFolder(drive, folder))) return;
  sayMisnamed(drive, entries);
  const copies = entries.filter(({ kind }) => kind !== "other").map((entry) => ({
    drive,
    name: entry.name,
    folder: entry.kind === "folder",
    where: "here" as const,
    look: () => entryHere(drive, below(folder, entry.name)),
    coming: entry,
    begin: (conflict: Conflict) => ask({ do: "get", drive, path: below(folder, entry.name), dest: null, conflict }, "transfer"),
  }));
  await copyAll(copies);
}

/** Copies a whole folder to this computer's downloads folder; the top is all of the drive. */
export async function downloadFolder(drive: string, path: string) {
  const name = path.split("/").at(-1) || (node.model?.nearby.drives.find(({ id }) => id === drive)?.name ?? t("folder"));
  const begin = (conflict: Conflict) => ask({ do: "get", drive, path, dest: null, conflict }, "transfer");
  await copyAll([{ drive, name, folder: true, where: "here", look: () => entryHere(drive, path), begin }]);
}

/** Copies files and folders of this computer into a folder of a drive. */
export async function uploadAll(drive: string, folder: string, files: LocalFile[]) {
  const empty = files.filter((file) => file.folder && file.within !== undefined);
  const unreadable = files.filter((file) => file.folder && file.path === undefined && !empty.includes(file));
  for (const { name } of unreadable) {
    above.note({ about: "error", error: { code: "invalid", detail: `${name} is a folder.` }, tried: t("folder.not_uploaded", { name }) });
  }
  const plain = files.filter((file) => !unreadable.includes(file) && !empty.includes(file));
  const to = node.model?.nearby.drives.find(({ id }) => id === drive);
  const hands = reading.begin(plain, to ? t("activity.to_drive", { drive: to.name, device: to.device_name }) : t("folder"));
  // A browser tells a folder's files one by one: their folders come first, from the outermost in.
  const inside = new Set<string>();
  for (const file of files) {
    const within = empty.includes(file) ? below(file.within!, file.name) : file.within;
    const parts = within ? within.split("/") : [];
    parts.forEach((_, i) => inside.add(parts.slice(0, i + 1).join("/")));
  }
  for (const path of [...inside].sort()) {
    try {
      await ask({ do: "make_folder", drive, path: below(folder, path) }, "done");
    } catch (thrown) {
      if (asApiError(thrown).code === "exists") continue;
      hands.end();
      return failed(thrown, drive, t("folder.not_uploaded", { name: path }), () => void uploadAll(drive, folder, files));
    }
  }
  const copies = plain.map((file) => {
    const into = file.within ? below(folder, file.within) : folder;
    const sent = once(() => hands.hand(file));
    return {
      drive,
      name: file.name,
      folder: file.folder,
      where: "there" as const,
      coming: file.blob && { kind: "file" as const, size: file.size, modified: file.blob.lastModified },
      look: () => entryAt(drive, below(into, file.name)),
      begin: async (conflict: Conflict, replaces: string | null) =>
        ask({ do: "put", document: await sent(), drive, path: into === "" ? "" : `${into}/`, conflict, replaces }, "transfer"),
    };
  });
  await copyAll(copies);
}

/** The same answer every time, asked for again only after a failure. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | null = null;
  return () => {
    answer ??= work();
    answer.catch(() => (answer = null));
    return answer;
  };
}

/** Gives something another name. Throws an `ApiError`. */
export async function rename(drive: string, folder: string, entry: Entry, name: string, undone: () => void) {
  const path = below(folder, entry.name);
  const to = below(folder, name);
  await ask({ do: "move_entry", drive, path, to, conflict: "refuse", replaces: null, if_match: entry.etag }, "placed");
  const back = () => ask({ do: "move_entry", drive, path: to, to: path, conflict: "refuse", replaces: null, if_match: null }, "placed");
  above.say(t("folder.did_rename", { name: entry.name, to: name }), () => void attempt(back).then(undone));
}

/**
 * Moves or copies things into another folder of the same drive; names that are taken there are asked about. Throws the
 * first failure, when all was tried.
 */
export async function placeAll(move: boolean, drive: string, folder: string, entries: Entry[], to: string, undone: () => void) {
  if (tooMany(entries)) return;
  sayMisnamed(drive, entries);
  const into = `${to}/`;
  const errors: { entry: Entry; error: ApiError }[] = [];
  const placed: { from: string; to: string; replaced: boolean }[] = [];
  const taken: Entry[] = [];
  const put = async (entry: Entry, conflict: Conflict, replaces: string | null) => {
    const path = below(folder, entry.name);
    const answer = move
      ? await ask({ do: "move_entry", drive, path, to: into, conflict, replaces, if_match: entry.etag }, "placed")
      : await ask({ do: "copy_entry", drive, path, to: into, conflict, replaces }, "placed");
    placed.push({ from: path, to: answer.path, replaced: conflict === "replace" });
  };
  // A copy beside its original gets a number, and nobody needs to be asked.
  const first = !move && to === folder ? "keep_both" : "refuse";
  await each(named(entries), async (entry) => {
    try {
      await put(entry, first, null);
    } catch (thrown) {
      if (asApiError(thrown).code === "exists") taken.push(entry);
      else errors.push({ entry, error: asApiError(thrown) });
    }
  });
  await settleAll(
    taken.map((entry) => ({
      name: entry.name,
      folder: entry.kind === "folder",
      where: "there",
      coming: entry,
      restorable: true,
      look: () => entryAt(drive, below(to, entry.name)),
      go: (choice, replaces) => put(entry, choice, replaces),
    })),
  );
  if (taken.length > 0) undone();
  if (placed.length > 0) {
    // The name that it has now: it may have got a number.
    const words = n(move ? "folder.did_move" : "folder.did_copy", placed.length, { name: placed[0]!.to.split("/").at(-1)! });
    const back = async () => {
      await each(placed, (one) => ask({ do: "move_entry", drive, path: one.to, to: one.from, conflict: "refuse", replaces: null, if_match: null }, "placed"));
    };
    // What made way is in the bin: putting back what took its place would not be all of it.
    const simple = move && !placed.some(({ replaced }) => replaced);
    above.say(words, simple ? () => void attempt(back).then(undone) : undefined);
  }
  const failure = errors[0];
  if (!failure) return;
  // The dialog that began it has made way for the questions, and can show nothing any more.
  if (taken.length === 0) throw failure.error;
  above.note({ about: "error", error: failure.error, on: drive, tried: t("folder.not_placed", { name: failure.entry.name }) });
}

/** Removes things into the drive's bin; one note says so and takes it back. Tells which names are gone. */
export async function removeAll(
  drive: string,
  folder: string,
  chosen: Entry[],
  progress: (done: number) => void,
  restored: () => void,
): Promise<Set<string>> {
  if (tooMany(chosen)) return new Set();
  sayMisnamed(drive, chosen);
  const entries = named(chosen);
  const back: (() => Promise<unknown>)[] = [];
  const errors: { entry: Entry; error: ApiError }[] = [];
  let done = 0;
  await each(entries, async (entry) => {
    const path = below(folder, entry.name);
    try {
      const { bin } = await ask({ do: "remove_entry", drive, path, if_match: entry.etag }, "removed");
      if (bin !== null) back.push(() => ask({ do: "restore", drive, id: bin, to: null }, "placed"));
      // An empty folder is just gone: another one is as good.
      else if (entry.kind === "folder") back.push(() => ask({ do: "make_folder", drive, path }, "done"));
    } catch (thrown) {
      errors.push({ entry, error: asApiError(thrown) });
    }
    progress((done += 1));
  });
  const gone = entries.length - errors.length;
  if (gone > 0) {
    const first = entries.find((entry) => !errors.some((error) => error.entry === entry))!;
    above.say(n("folder.did_remove", gone, { name: first.name }), back.length > 0 ? () => void attempt(() => each(back, (one) => one())).then(restored) : undefined);
  }
  const [failure, ...more] = errors;
  if (failure) {
    const { name } = failure.entry;
    const tried = more.length > 0 ? n("folder.not_removed_many", more.length, { name }) : t("folder.not_removed", { name });
    above.note({ about: "error", error: failure.error, on: drive, tried });
  }
  return new Set(entries.filter((entry) => !errors.some((error) => error.entry === entry)).map(({ name }) => name));
}
