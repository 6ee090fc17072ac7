// The way from a drive to a folder of this computer, and to that folder once it is there.

import type { Drive } from "../api";
import { attempt } from "./actions";
import { platform } from "./app.svelte";
import { above } from "./dialogs.svelte";
import type { Model } from "./model";
import { t } from "./say";

/** What can be done about it now, if anything. `where`: the folder that is opened. */
export function mountAct(model: Model, drive: Drive): { words: string; where?: string; act: () => void } | null {
  const mounted = model.mounts.find((mount) => mount.drive_id === drive.id);
  const open = platform().openFolder;
  if (mounted) {
    const { dir } = mounted;
    return mounted.mounted && open ? { words: t("mount.open_here"), where: dir, act: () => void attempt(() => open(dir)) } : null;
  }
  const usable = drive.available && drive.access === "allowed";
  return usable ? { words: t("mount"), act: () => above.open({ what: "mount", drive: drive.id }) } : null;
}
