// A file of somebody else's in this computer's own program: from where the drive is mounted, or from a copy that is made
// first.

import type { Entry, Transfer } from "../api";
import { attempt } from "./actions";
import { ask, node, platform } from "./app.svelte";
import { above } from "./dialogs.svelte";
import { below } from "./entries";
import type { Model } from "./model";

/** Opens a file here. What is a program is only shown in the file manager, which the platform sees to. */
export function openHere(drive: string, folder: string, entry: Entry): Promise<boolean> {
  return attempt(async () => {
    const open = platform().open;
    if (!open) return;
    const path = below(folder, entry.name);
    const mounted = mountedAt(drive, node.model);
    if (mounted !== null) return open(`${mounted}/${path}`);
    const transfer = await ask({ do: "get", drive, path, dest: null, conflict: "keep_both" }, "transfer");
    above.note({ about: "transfer", transfer: transfer.id });
    const ended = await end(transfer.id);
    // How it went otherwise is in its note.
    if (ended?.state === "done") await open(ended.local_path);
  });
}

/** Where a drive is a folder of this computer now. */
export function mountedAt(id: string, model: Model | null): string | null {
  return model?.mounts.find((mount) => mount.mounted && mount.drive_id === id)?.dir ?? null;
}

/** Waits for the end of a copy; none when the node went away. */
function end(id: string): Promise<Transfer | null> {
  return new Promise((done) => {
    const stop = $effect.root(() => {
      $effect(() => {
        const transfer = node.model?.transfers.find((transfer) => transfer.id === id);
        const over = transfer !== undefined && ["done", "cancelled", "failed"].includes(transfer.state);
        if (!over && node.connection.state !== "lost") return;
        done(over ? transfer : null);
        queueMicrotask(() => stop());
      });
    });
  });
}
