// Names that not every computer can hold, told while they are typed: the rule by which the other device would refuse them
// (`crates/drive/src/path/names.rs`). Pure.

/** What is wrong with a name, for its words under `folder.name_<why>`. */
export type Unfit =
  | { why: "character"; what: string }
  | { why: "device"; what: string }
  | { why: "unseen" | "dots" | "end" | "long" };

/** Bytes of the longest name that disks hold. */
const LONGEST = 255;
/** Reserved with any ending (learn.microsoft.com, "Naming Files"). */
const DEVICE = /^(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³])$/;

/** None when Windows, macOS and Linux can all hold it. */
export function unfit(name: string): Unfit | null {
  if (name === "." || name === "..") return { why: "dots" };
  const character = /[\\/:<>"|?*]/.exec(name);
  if (character) return { why: "character", what: character[0] };
  if (/\p{Cc}/u.test(name)) return { why: "unseen" };
  if (/[. ]$/.test(name)) return { why: "end" };
  const stem = name.split(".")[0]!.trimEnd();
  if (DEVICE.test(stem.toUpperCase())) return { why: "device", what: stem };
  return new TextEncoder().encode(name).length > LONGEST ? { why: "long" } : null;
}
