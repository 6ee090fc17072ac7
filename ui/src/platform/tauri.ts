// The desktop window: the shell's two commands, its file dialogs and its native drops.

import { Channel, invoke } from "@tauri-apps/api/core";
import type { Event, Request, Response } from "../api";
import { asApiError, type DropEvent, type LocalFile, type Platform } from "../platform";

type ShellRequest =
  | { do: "pick_files"; title: string }
  | { do: "pick_folder"; title: string }
  | { do: "save_text"; name: string; text: string }
  | { do: "take_opened" }
  | { do: "reveal"; path: string }
  | { do: "open"; path: string }
  | { do: "open_folder"; path: string }
  | { do: "about" }
  | { do: "quit" };

type ShellEvent =
  | { what: "over"; count: number; x: number; y: number }
  | { what: "leave" }
  | { what: "drop"; files: LocalFile[]; x: number; y: number }
  | { what: "opened" };

type News = { node: Event } | { shell: ShellEvent } | "ended";

const shell = <T>(request: ShellRequest): Promise<T> => invoke<T>("rpc", { question: { shell: request } });

export function tauri(): Platform {
  const dropped = new Set<(event: DropEvent) => void>();
  const opened = new Set<(files: LocalFile[]) => void>();
  let hanging = 0;

  function heardFromShell(event: ShellEvent) {
    if (event.what === "opened") {
      void handOutOpened();
      return;
    }
    if (event.what === "over" && event.count > 0) hanging = event.count;
    const tell = inCssPixels(event, hanging);
    for (const heard of dropped) heard(tell);
  }

  async function handOutOpened() {
    const files = await shell<LocalFile[]>({ do: "take_opened" });
    if (files.length > 0) for (const heard of opened) heard(files);
  }

  return {
    kind: "desktop",

    rpc: (request: Request) => invoke<Response>("rpc", { question: { node: request } }),

    subscribe(heard, ended) {
      let listening = true;
      const end = (error: unknown) => {
        if (!listening) return;
        listening = false;
        ended(error === null ? null : asApiError(error));
      };
      const channel = new Channel<News>((news) => {
        if (!listening) return;
        if (news === "ended") end(null);
        else if ("node" in news) heard(news.node);
        else heardFromShell(news.shell);
      });
      invoke("subscribe", { channel }).catch(end);
      return () => {
        listening = false;
      };
    },

    pickFiles: (title) => shell<LocalFile[]>({ do: "pick_files", title }),
    pickFolder: (title) => shell<string | null>({ do: "pick_folder", title }),

    onDrop(heard) {
      dropped.add(heard);
      return () => void dropped.delete(heard);
    },

    onOpened(heard) {
      opened.add(heard);
      void handOutOpened();
      return () => void opened.delete(heard);
    },

    uploadDocument: (file) =>
      file.path === undefined
        ? Promise.reject({ code: "unreadable", detail: `${file.name} has no path` })
        : Promise.resolve({ from: "path", path: file.path }),

    saveText: (name, text) => shell<void>({ do: "save_text", name, text }),
    // Served by the node itself: it may be another process than this window.
    playerLink: (link) => link,
    // WebKitGTK hands addresses of files on to the system. The others' web views keep them to themselves.
    ...(/Linux/.test(navigator.userAgent) && { dragsOut: "paths" as const }),
    open: (path) => shell<void>({ do: "open", path }),
    reveal: (path) => shell<void>({ do: "reveal", path }),
    openFolder: (path) => shell<void>({ do: "open_folder", path }),
    quit: () => shell<void>({ do: "quit" }),
    keepsRunning: async () => (await shell<{ keeps_running: boolean }>({ do: "about" })).keeps_running,
  };
}

function inCssPixels(event: Exclude<ShellEvent, { what: "opened" }>, hanging: number): DropEvent {
  if (event.what === "leave") return event;
  const at = { x: event.x / devicePixelRatio, y: event.y / devicePixelRatio };
  return event.what === "over" ? { what: "over", count: hanging, ...at } : { what: "drop", files: event.files, ...at };
}
