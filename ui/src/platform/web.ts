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
      // A browser gives a folder neither path nor content: it is told apart and left to the page to explain.
      const files = [...(event.dataTransfer?.items ?? [])].flatMap((item): LocalFile[] => {
        const blob = item.getAsFile();
        if (!blob) return [];
        return item.webkitGetAsEntry()?.isDirectory ? [{ name: blob.name, size: 0, folder: true }] : [fromBlob(blob)];
      });
      heard({ what: "drop", files, x: event.clientX, y: event.clientY });
    },
    { signal },
  );
  return () => stop.abort();
}
