// Why a drive of somebody else's cannot be used now, told from the neighbourhood. Pure.

import type { Nearby } from "../api";

/** Its device does not answer, its disk or disc is not in, or it is shared no more. */
export type Absence = "silent" | "out" | "unshared";

/** None when it is there. A device that said goodbye is no longer among the others, as one that was never met. */
export function absence({ devices, drives }: Nearby, id: string): Absence | null {
  const drive = drives.find((drive) => drive.id === id);
  if (drive?.available) return null;
  const device = devices.find((device) => device.id === (drive?.device ?? deviceOf(id)));
  if (device?.state !== "online") return "silent";
  return drive ? "out" : "unshared";
}

/** The device in the id of a drive, `share@device`. */
const deviceOf = (id: string) => id.slice(id.lastIndexOf("@") + 1);
