// The way from a drive to a folder of this computer, and to that folder once it is there.

import type { Drive } from "../api";
import { attempt, copyPath, unmount } from "./actions";
import { platform } from "./app.svelte";
import { above } from "./dialogs.svelte";
import type { Model } from "./model";
import { t } from "./say";

export interface MountAct {
  is: "mount" | "open" | "copy" | "end";
  words: string;
  /** The folder of this computer that it is about. */
  where?: string;
  act: () => void;
}

/** What can be done about it now: to make it a folder, or to open that folder and to take it away. */
export function mountActs(model: Model, drive: Drive): MountAct[] {
  const mounted = model.mounts.find((mount) => mount.drive_id === drive.id);
  if (!mounted) {
    const usable = drive.available && drive.access === "allowed";
    return usable ? [{ is: "mount", words: t("mount"), act: () => above.open({ what: "mount", drive: drive.id }) }] : [];
  }
  const where = mounted.dir;
  const open = platform().openFolder;
  const acts: MountAct[] = [{ is: "end", words: t("mount.end"), where, act: () => void unmount(mounted) }];
  if (!mounted.mounted) return acts;
  // A browser shows no folders of its computer: there the path helps.
  acts.unshift(
    open
      ? { is: "open", words: t("mount.open_here"), where, act: () => void attempt(() => open(where)) }
      : { is: "copy", words: t("mount.copy"), where, act: () => void attempt(() => copyPath(where)) },
  );
  return acts;
}
