// A browser on the node's own computer: same-origin requests with the token of the link it was opened with.

import type { ApiError, Document, Event, Request, Response } from "../api";
import { asApiError, type DropEvent, type LocalFile, type Platform } from "../platform";

const TOKEN_HEADER = "x-lanyard-token";
const TOKEN_KEY = "lanyard.token";

/** A line of the event stream is a snapshot at most; more than this is not one of ours. */
const LONGEST_LINE = 32 * 1024 * 1024;

export function web(): Platform {
  const token = takeToken();
  const headers = { [TOKEN_HEADER]: token };

  return {
    kind: "browser",

    async rpc(request: Request): Promise<Response> {
      const answer = await ask("/rpc", {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify(request),
      });
      const body = (await answer.json()) as { ok: Response } | { error: ApiError };
      if ("error" in body) throw body.error;
      return body.ok;
    },

    subscribe(heard, ended) {
      const stop = new AbortController();
      listen(headers, heard, stop.signal).then(
        () => stop.signal.aborted || ended(null),
        (error) => stop.signal.aborted || ended(asApiError(error)),
      );
      return () => stop.abort();
    },

    pickFiles: () =>
      new Promise((resolve) => {
        const input = document.createElement("input");
        input.type = "file";
        input.multiple = true;
        input.addEventListener("change", () => resolve([...(input.files ?? [])].map(fromBlob)));
        input.addEventListener("cancel", () => resolve([]));
        input.click();
      }),

    onDrop: listenToDrops,

    // A browser opens no files with a page.
    onOpened: () => () => {},

    async uploadDocument(file): Promise<Document> {
      if (!file.blob) throw { code: "unreadable", detail: `${file.name} has no content` } satisfies ApiError;
      const answer = await ask(`/upload?name=${encodeURIComponent(file.name)}`, {
        method: "POST",
        headers,
        body: file.blob,
      });
      const body = (await answer.json()) as { ok: { id: string } } | { error: ApiError };
      if ("error" in body) throw body.error;
      return { from: "upload", id: body.ok.id, name: file.name };
    },

    async download(drive, path) {
      const answer = await ask(`/download?drive=${encodeURIComponent(drive)}&path=${encodeURIComponent(path)}`, {
        headers,
      });
      if (!answer.ok) throw ((await answer.json()) as { error: ApiError }).error;
      save(await answer.blob(), path.split("/").at(-1) ?? path);
    },

    // From where the page comes, whatever name of this computer is in the address bar.
    playerLink: (link) => new URL(link).pathname,

    // Chromium and what is built on it fetch what is dragged, and on Linux file managers do; elsewhere it would be words.
    ...(/Chrome\/|Linux/.test(navigator.userAgent) && { dragsOut: "links" as const }),

    saveText: async (name, text) => save(new Blob([text], { type: "text/plain" }), name),
  };
}

/** Lets the browser save something under a name. */
function save(content: Blob, name: string) {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser reads the blob after the click; a minute is plenty to begin.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** The token comes in the link's fragment, which is never sent to a server, and leaves the address bar at once. */
function takeToken(): string {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(TOKEN_KEY, given);
    history.replaceState(null, "", location.pathname);
  }
  return given ?? sessionStorage.getItem(TOKEN_KEY) ?? "";
}

async function ask(path: string, init: RequestInit): Promise<globalThis.Response> {
  let answer;
  try {
    answer = await fetch(path, { ...init, cache: "no-store", credentials: "same-origin", redirect: "error" });
  } catch (error) {
    throw { code: "stopping", detail: `Lanyard does not answer: ${String(error)}` } satisfies ApiError;
  }
  if (answer.status === 401 || answer.status === 403) {
    throw { code: "not_allowed", detail: "This page needs a fresh link from Lanyard." } satisfies ApiError;
  }
  return answer;
}

async function listen(headers: Record<string, string>, heard: (event: Event) => void, signal: AbortSignal) {
  const answer = await ask("/events", { headers, signal });
  if (!answer.ok || !answer.body) throw { code: "internal", detail: `/events answered ${answer.status}` };
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > LONGEST_LINE) throw { code: "internal", detail: "an event is too long" };
    for (const line of lines) if (line.trim() !== "") heard(JSON.parse(line) as Event);
  }
}

function fromBlob(blob: File): LocalFile {
  return { name: blob.name, size: blob.size, folder: false, blob };
}

function listenToDrops(heard: (event: DropEvent) => void): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;

  window.addEventListener(
    "dragover",
    (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      const count = event.dataTransfer?.items.length ?? 0;
      heard({ what: "over", count, x: event.clientX, y: event.clientY });
    },
    { signal },
  );
  window.addEventListener("dragleave", (event) => event.relatedTarget === null && heard({ what: "leave" }), { signal });
  window.addEventListener(
    "drop",
    (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      const at = { x: event.clientX, y: event.clientY };
      // What hangs on the event is gone once it was heard: taken down now, looked through then.
      const dropped = [...(event.dataTransfer?.items ?? [])].map((item) => ({ file: item.getAsFile(), entry: item.webkitGetAsEntry() }));
      const plain = dropped.every(({ entry }) => !entry?.isDirectory);
      const files = dropped.flatMap(({ file }) => (file ? [fromBlob(file)] : []));
      if (plain) heard({ what: "drop", files, ...at });
      else void unfolded(dropped).then((files) => heard({ what: "drop", files, ...at }));
    },
    { signal },
  );
  return () => stop.abort();
}

/** More files than this in dropped folders are a mistake of the hand. */
const MOST_DROPPED = 5_000;

type Dropped = { file: File | null; entry: FileSystemEntry | null };

/** Files that were dropped, those in folders too, each with the folder that it is in. */
async function unfolded(dropped: Dropped[]): Promise<LocalFile[]> {
  const files: LocalFile[] = [];
  async function walk(entry: FileSystemEntry, within: string) {
    if (files.length >= MOST_DROPPED) return;
    if (entry.isFile) {
      const file = await new Promise<File>((done, fail) => (entry as FileSystemFileEntry).file(done, fail));
      files.push({ ...fromBlob(file), within });
      return;
    }
    const inside = within === "" ? entry.name : `${within}/${entry.name}`;
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    // It tells a hundred at a time, and nothing at the end.
    for (let empty = true; ; empty = false) {
      const some = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
      if (some.length === 0) {
        if (empty) files.push({ name: entry.name, size: 0, folder: true, within });
        return;
      }
      for (const one of some) await walk(one, inside);
    }
  }
  for (const { file, entry } of dropped) {
    if (entry?.isDirectory) await walk(entry, "").catch(() => files.push({ name: entry.name, size: 0, folder: true }));
    else if (file) files.push(fromBlob(file));
  }
  return files;
}
