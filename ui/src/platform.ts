// Where the page runs: a desktop window or a browser. Only the two files under platform/ know which; the rest of the
// page asks through this interface.

import type { ApiError, Document, Event, Request, Response } from "./api";

/** A file of this computer that a person picked or dropped. */
export interface LocalFile {
  name: string;
  /** Bytes; 0 for a folder. */
  size: number;
  folder: boolean;
  /** The folder in which it was dropped, `/`-separated, where a whole folder was. */
  within?: string;
  /** Its absolute path, where the platform tells. */
  path?: string;
  /** Its content, where the platform gives no path. */
  blob?: File;
}

/** Files that hang over the page or were let go, at CSS pixels. `count` is 0 when it is not known. */
export type DropEvent =
  | { what: "over"; count: number; x: number; y: number }
  | { what: "leave" }
  | { what: "drop"; files: LocalFile[]; x: number; y: number };

export interface Platform {
  readonly kind: "desktop" | "browser";
  /** Asks the node. Throws an `ApiError`. */
  rpc(request: Request): Promise<Response>;
  /** Listens until the returned function is called; `ended` is told once when the stream breaks. */
  subscribe(heard: (event: Event) => void, ended: (error: ApiError | null) => void): () => void;
  /** Lets a person choose files; empty when they change their mind. */
  pickFiles(title: string): Promise<LocalFile[]>;
  /** Lets a person choose a folder of this computer, where the platform can; none means: ask for a path. */
  pickFolder?: (title: string) => Promise<string | null>;
  /** Files dragged over the page. */
  onDrop(heard: (event: DropEvent) => void): () => void;
  /** Files given to the app from outside, handed out once. */
  onOpened(heard: (files: LocalFile[]) => void): () => void;
  /** Makes a file something the node can read, sending its content where that is needed. */
  uploadDocument(file: LocalFile): Promise<Document>;
  /** Saves a file of a drive through the browser, where there is one. */
  download?: (drive: string, path: string) => Promise<void>;
  /** Saves a text as a file where a person wants it. */
  saveText(name: string, text: string): Promise<void>;
  /** The address at which a player on this page reads what the node opened for it. */
  playerLink(link: string): string;
  /** What can be dragged out of the page: paths of this computer, or links that are fetched when they are let go of. */
  dragsOut?: "paths" | "links";
  /** Opens a file of this computer with its own program; a program or script is only shown in the file manager. */
  open?: (path: string) => Promise<void>;
  /** Shows a file in the file manager, where there is one. */
  reveal?: (path: string) => Promise<void>;
  /** Opens a folder of this computer in the file manager, where there is one. */
  openFolder?: (path: string) => Promise<void>;
  /** Stops the node and ends the app, where the page belongs to one. */
  quit?: () => Promise<void>;
  /** Whether sharing goes on when the window is closed. */
  keepsRunning?: () => Promise<boolean>;
}

/** The platform this page runs on. */
export async function openPlatform(): Promise<Platform> {
  if ("__TAURI_INTERNALS__" in window) return (await import("./platform/tauri")).tauri();
  return (await import("./platform/web")).web();
}

/** Whatever was thrown, as an error that a screen can show. */
export function asApiError(thrown: unknown): ApiError {
  if (typeof thrown === "object" && thrown !== null && "code" in thrown && "detail" in thrown) return thrown as ApiError;
  return { code: "internal", detail: thrown instanceof Error ? thrown.message : String(thrown) };
}
