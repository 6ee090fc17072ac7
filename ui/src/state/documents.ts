// Files as something the node can read. A browser sends a file's content once, for its preview and for printing it.

import type { Document } from "../api";
import { asApiError, type LocalFile } from "../platform";
import { platform } from "./app.svelte";

const sent = new WeakMap<LocalFile, Promise<Document>>();

function send(file: LocalFile): Promise<Document> {
  const document = platform().uploadDocument(file);
  sent.set(file, document);
  // A failure is told to whoever waits for it; the next one tries again.
  document.catch(() => sent.delete(file));
  return document;
}

/** Does something with a file. What the node was sent long ago and threw away meanwhile is sent once more. */
export async function withDocument<T>(file: LocalFile, use: (document: Document) => Promise<T>): Promise<T> {
  const before = sent.get(file);
  const document = await (before ?? send(file));
  try {
    return await use(document);
  } catch (thrown) {
    const gone = before !== undefined && document.from === "upload" && asApiError(thrown).code === "not_found";
    if (!gone) throw thrown;
    return use(await send(file));
  }
}
