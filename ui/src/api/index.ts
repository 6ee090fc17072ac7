// Generated from crates/api by `cargo run -p lanyard-api --example bindings`. Do not edit.

/**
 * Whether something that another device offers can be used now.
 */
export type Access = "allowed" | "ask" | "waiting" | "refused";

/**
 * The owner's answer.
 */
export type Answer = "once" | "always" | "no";

/**
 * An error for a front end: a code to act on, words for the details.
 */
export type ApiError = { 
/**
 * What a screen acts on; the words for people are in `locales/` under `error.<code>`.
 */
code: ErrorCode, 
/**
 * What exactly happened, in English, for details and the command line.
 */
detail: string, 
/**
 * For `ambiguous`: the names that match.
 */
candidates?: Array<string>, };

/**
 * Somebody wants to use something whose owner wants to be asked.
 */
export type Ask = { 
/**
 * A short id.
 */
id: string, 
/**
 * Who asks: a device's identity.
 */
device: string, 
/**
 * What it calls itself.
 */
device_name: string, 
/**
 * Where it asks from.
 */
address: string, 
/**
 * True when the device is in this device's home or connected with it: the name is then proven.
 */
known: boolean, 
/**
 * The share.
 */
share: string, 
/**
 * The share's name.
 */
share_name: string, 
/**
 * What kind of thing it is.
 */
share_kind: ShareKind, 
/**
 * The document to print, when told.
 */
title: string | null, 
/**
 * Its pages, when told.
 */
pages: number | null, 
/**
 * Its size in bytes, when told.
 */
bytes: number | null, 
/**
 * Files and folders that somebody wants to send here, when it is about that and they are counted.
 */
files: number | null, 
/**
 * Their names, the first ten of them at most.
 */
names: Array<string>, 
/**
 * The folder of this computer that they would go to; none when it is not about sending.
 */
folder: string | null, 
/**
 * When it was asked.
 */
asked_at: number, 
/**
 * No answer until then is a no.
 */
ends_at: number, };

/**
 * Something that was removed from a drive and can be had back.
 */
export type Binned = { 
/**
 * Its id in the drive's bin.
 */
id: string, 
/**
 * The path it had.
 */
path: string, 
/**
 * What it is.
 */
kind: EntryKind, 
/**
 * Bytes; 0 unless a file.
 */
size: number, 
/**
 * When it was removed, by the clock of the device that offers the drive.
 */
removed_at: number, 
/**
 * The name of the device that removed it, if it is known here.
 */
removed_by: string | null, };

/**
 * What changed: always the whole new value, so that applying an event twice does no harm.
 */
export type Change = { "what": "snapshot", "value": Snapshot } | { "what": "status", "value": NodeStatus } | { "what": "nearby", "value": Nearby } | { "what": "shares", "value": Array<Share> } | { "what": "home", "value": HomeState } | { "what": "asks", "value": Array<Ask> } | { "what": "passes", "value": Array<Pass> } | { "what": "queues", "value": Array<Queue> } | { "what": "job", "value": Job } | { "what": "transfer", "value": Transfer } | { "what": "inbox", "value": Inbox } | { "what": "mounts", "value": Array<Mount> } | { "what": "media", "value": Array<Medium> } | { "what": "stopping" };

/**
 * One thing that was looked at.
 */
export type Check = { 
/**
 * What was looked at. Words for people are in `locales/` under `check.<what>`.
 */
what: CheckKind, 
/**
 * What came of it.
 */
outcome: Outcome, 
/**
 * What exactly was seen, a sentence each.
 */
found: Array<Finding>, 
/**
 * What to do about it, a step each.
 */
helps: Array<Remedy>, 
/**
 * `found` in English, for scripts and the command line.
 */
detail: string, 
/**
 * `helps` in English, a line each; with commands to copy where there are any.
 */
fix: string | null, 
/**
 * What this app can do about it at a click.
 */
action: FixAction | null, };

/**
 * What is looked at, in this order.
 */
export type CheckKind = "network" | "listening" | "inbound" | "outbound" | "multicast" | "same_network" | "clock" | "version" | "home" | "data" | "sandbox";

/**
 * One of the pictures by which two people compare a key.
 */
export type CheckSign = { 
/**
 * An emoji.
 */
sign: string, 
/**
 * What it is; the words for people are in `locales/` under `sign.<word>`.
 */
word: string, };

/**
 * PWG 5100.13 `print-color-mode`.
 */
export type ColorMode = "color" | "monochrome";

/**
 * What happens when a name is taken.
 */
export type Conflict = "refuse" | "keep_both" | "replace" | "skip";

/**
 * Another node on the network.
 */
export type Device = { 
/**
 * Its public identity: 52 base32 characters. The same device keeps it wherever it goes.
 */
id: string, 
/**
 * Four groups of four characters, for two people to compare.
 */
check_words: string, 
/**
 * The same as pictures.
 */
check_signs: Array<CheckSign>, 
/**
 * How it stands to this device.
 */
relation: Relation, 
/**
 * The name its owner gave it, cleaned of control characters.
 */
name: string, 
/**
 * Its operating system, as it says.
 */
os: Os, 
/**
 * Whether it answers.
 */
state: DeviceState, 
/**
 * The addresses it was last reached at, best first (`192.168.1.7:7717`, `[fe80::1%eth0]:7717`).
 */
addresses: Array<string>, 
/**
 * When it was last heard.
 */
last_seen: number, };

/**
 * Whether a device answers.
 */
export type DeviceState = "online" | "unreachable";

/**
 * Something that comes out otherwise than it was chosen. The words for people are in `locales/` under
 * `differs.<what>`.
 */
export type Difference = { "what": "grey" } | { "what": "one_sided" } | { "what": "booklet_by_hand" } | { "what": "media", 
/**
 * Its PWG media name, as it was chosen.
 */
media: string, } | { "what": "tray" } | { "what": "media_type" } | { "what": "copies", 
/**
 * The most that it makes.
 */
most: number, } | { "what": "orientation" };

/**
 * Where the node finds the document.
 */
export type Document = { "from": "path", 
/**
 * The absolute path.
 */
path: string, } | { "from": "upload", 
/**
 * The id the upload answered.
 */
id: string, 
/**
 * The file's own name.
 */
name: string, };

/**
 * A folder, drive or disc that another device shares.
 */
export type Drive = { 
/**
 * `share@device`.
 */
id: string, 
/**
 * The name its owner gave it.
 */
name: string, 
/**
 * The device that offers it.
 */
device: string, 
/**
 * The name of that device.
 */
device_name: string, 
/**
 * Whether it can be used now.
 */
access: Access, 
/**
 * True when this device may write to it.
 */
writable: boolean, 
/**
 * What is on a disc: it can be saved as an image too.
 */
disc: boolean, 
/**
 * False while the device, or the disk behind the share, is away.
 */
available: boolean, 
/**
 * Bytes free on the disk behind it, when told.
 */
free_bytes: number | null, 
/**
 * Size of the disk behind it, when told.
 */
total_bytes: number | null, };

/**
 * Where this computer's own programs find a drive by WebDAV.
 */
export type DriveAddress = { 
/**
 * The drive: the `id` of a `Drive`.
 */
drive_id: string, 
/**
 * The drive's name.
 */
drive: string, 
/**
 * The name of the device that offers it.
 */
device_name: string, 
/**
 * The address; it holds a secret.
 */
url: string, };

/**
 * One name in a folder.
 */
export type Entry = { 
/**
 * The name, as the other system holds it.
 */
name: string, 
/**
 * What it is.
 */
kind: EntryKind, 
/**
 * Bytes; 0 for folders.
 */
size: number, 
/**
 * Last change.
 */
modified: number | null, 
/**
 * Files: differs whenever the content may; none where it was not told.
 */
etag: string | null, 
/**
 * What it is where only its name keeps it from being opened: `kind` is `other` then. Its name has characters in it
 * that could not be read, and replacement characters in their places.
 */
misnamed?: EntryKind, };

/**
 * What a name in a folder stands for.
 */
export type EntryKind = "file" | "folder" | "other";

/**
 * The codes. One is added only when a screen or a script acts on it.
 */
export type ErrorCode = "not_found" | "ambiguous" | "not_allowed" | "peer_unreachable" | "invalid" | "unsupported_document" | "unreadable" | "disk_full" | "exists" | "mismatch" | "changed" | "printer_failed" | "must_ask" | "spent" | "wrong_code" | "code_ended" | "in_home" | "no_home" | "not_keeper" | "other_version" | "network_public" | "no_fuse" | "not_available" | "busy" | "away" | "stopping" | "internal";

/**
 * One change. A stream starts with `Change::Snapshot`; a gap in `seq` means: ask for the snapshot again.
 */
export type Event = { 
/**
 * Counts up by one; starts again with each start of the node.
 */
seq: number, 
/**
 * What changed.
 */
change: Change, };

/**
 * Something that was seen. The words for people are in `locales/` under `finding.<code>`.
 */
export type Finding = { "code": "key_moved" } | { "code": "paused" } | { "code": "no_network" } | { "code": "public_network", 
/**
 * Their names.
 */
networks: Array<string>, } | { "code": "own_network", 
/**
 * Their names.
 */
networks: Array<string>, } | { "code": "nothing_offered" } | { "code": "no_port" } | { "code": "not_announced", 
/**
 * The TCP port.
 */
port: number, } | { "code": "open", 
/**
 * The TCP port.
 */
port: number, 
/**
 * How many.
 */
addresses: number, } | { "code": "notice", 
/**
 * In English.
 */
words: string, } | { "code": "nothing_to_reach" } | { "code": "nobody_to_try" } | { "code": "reached", 
/**
 * Their names.
 */
devices: Array<string>, } | { "code": "not_reached", 
/**
 * Their names.
 */
devices: Array<string>, 
/**
 * The TCP port.
 */
port: number, 
/**
 * What the system or the other device said.
 */
error: string, } | { "code": "nobody_met" } | { "code": "reachable", 
/**
 * Their names.
 */
devices: Array<string>, } | { "code": "isolated", 
/**
 * Their names.
 */
devices: Array<string>, } | { "code": "silent", 
/**
 * Their names.
 */
devices: Array<string>, } | { "code": "not_listening", 
/**
 * Their names.
 */
devices: Array<string>, } | { "code": "asleep", 
/**
 * Their names.
 */
devices: Array<string>, } | { "code": "no_own_network" } | { "code": "nothing_heard" } | { "code": "heard_untold", 
/**
 * How many.
 */
addresses: number, } | { "code": "hears", 
/**
 * All who could tell.
 */
all: number, 
/**
 * Those that hear this device.
 */
us: number, 
/**
 * Those that this device hears.
 */
them: number, } | { "code": "multicast_filtered" } | { "code": "detour", 
/**
 * Its address.
 */
target: string, 
/**
 * The interface.
 */
through: string, } | { "code": "straight" } | { "code": "several_networks", 
/**
 * How many.
 */
count: number, } | { "code": "nobody_to_compare" } | { "code": "clocks_agree" } | { "code": "clock_ahead", 
/**
 * Its name.
 */
device: string, 
/**
 * By so many minutes.
 */
minutes: number, } | { "code": "clock_behind", 
/**
 * Its name.
 */
device: string, 
/**
 * By so many minutes.
 */
minutes: number, } | { "code": "clock_odd" } | { "code": "unanswered", 
/**
 * Their names.
 */
devices: Array<string>, } | { "code": "other_protocol", 
/**
 * Its name.
 */
device: string, 
/**
 * What it speaks.
 */
theirs: number, 
/**
 * What this device speaks.
 */
ours: number, } | { "code": "same_version", 
/**
 * What this device runs.
 */
version: string, } | { "code": "other_versions", 
/**
 * What this device runs.
 */
version: string, 
/**
 * Their names.
 */
devices: Array<string>, } | { "code": "no_home" } | { "code": "home_alone", 
/**
 * Its name.
 */
home: string, } | { "code": "home_answers", 
/**
 * Those that answer.
 */
here: number, 
/**
 * All others of it.
 */
all: number, 
/**
 * Its name.
 */
home: string, } | { "code": "home_stale" } | { "code": "unwritable", 
/**
 * The directory.
 */
dir: string, 
/**
 * What the system or the other device said.
 */
error: string, } | { "code": "open_to_others", 
/**
 * Absolute paths.
 */
paths: Array<string>, } | { "code": "low_space", 
/**
 * What is left.
 */
mebibytes: number, } | { "code": "data_good" } | { "code": "not_confined" } | { "code": "root" } | { "code": "by_user" } | { "code": "confined" } | { "code": "landlock", 
/**
 * Folders that are open to it.
 */
folders: number, } | { "code": "landlock_part", 
/**
 * Folders that are open to it.
 */
folders: number, } | { "code": "system_calls" } | { "code": "no_new_privileges" };

/**
 * What a front end can offer as a button.
 */
export type FixAction = "trust_network" | "resume" | "check_again";

/**
 * Where programs that speak WebDAV find a shared folder, on a computer without Lanyard.
 */
export type FolderAddress = { 
/**
 * `https://192.168.1.7:7717/dav/Photos/`.
 */
url: string, 
/**
 * The same as a QR code: one text for each row, `1` is dark. No quiet zone.
 */
qr: Array<string>, 
/**
 * Everyone on the owner's network gets in without a name and a password.
 */
open: boolean, 
/**
 * Guests get in with the number of their page as the name and their PIN as the password.
 */
guests: boolean, 
/**
 * What a program shows of the certificate: SHA-256 as pairs of hexadecimal digits.
 */
fingerprint: string, };

/**
 * A home that was just begun.
 */
export type Founded = { 
/**
 * The state with the new home in it.
 */
state: HomeState, 
/**
 * The recovery code, shown this once: nothing keeps it.
 */
recovery: string, };

/**
 * What some may do with a share, and under which conditions. What is left out is not granted and not limited.
 */
export type Grant = { 
/**
 * Folders: they may also write.
 */
write: boolean, 
/**
 * Folders: they may put new files in and do nothing else, not even look.
 */
add_only: boolean, 
/**
 * Printers: they may pause it and see to the jobs of others.
 */
manage: boolean, 
/**
 * The owner is asked first.
 */
ask: boolean, 
/**
 * It ends by itself then.
 */
until: number | null, 
/**
 * Jobs each of them may print a day.
 */
max_jobs: number | null, 
/**
 * Bytes each of them may bring a day.
 */
max_bytes: number | null, 
/**
 * Printers: sides of paper each of them may print a day, copies counted.
 */
max_pages: number | null, 
/**
 * Printers: they print in grey only.
 */
no_color: boolean, 
/**
 * Printers: nothing is printed then; jobs wait until it is over.
 */
quiet: QuietHours | null, } & ({ "who": "network" } | { "who": "home" } | { "who": "guest", 
/**
 * The pass.
 */
id: string, } | { "who": "device", 
/**
 * Its identity.
 */
id: string, });

/**
 * A name that a search found.
 */
export type Hit = { 
/**
 * The drive: `share@device`.
 */
drive: string, 
/**
 * The folder in which it is, `/`-separated; empty for the top.
 */
folder: string, 
/**
 * What was found there.
 */
entry: Entry, };

/**
 * A home, seen from this device.
 */
export type Home = { 
/**
 * Stable, the same on all its devices: 52 base32 characters.
 */
id: string, 
/**
 * Its name.
 */
name: string, 
/**
 * What this device may do in it.
 */
role: Role, 
/**
 * All members, this device first, then by name.
 */
members: Array<Member>, 
/**
 * When another member was last heard; none when that never happened.
 */
heard: number | null, };

/**
 * Everything about belonging together.
 */
export type HomeState = { 
/**
 * The home this device is in.
 */
home: Home | null, 
/**
 * The name of the home that put this device out, until it is in one again.
 */
put_out_of: string | null, 
/**
 * The code this device shows right now, and what became of the last one.
 */
invite: Invite | null, 
/**
 * Devices nearby that show a code right now.
 */
windows: Array<Window>, 
/**
 * Devices connected with this one without a home.
 */
paired: Array<Paired>, };

/**
 * Where files land that others send here, and who sends.
 */
export type Inbox = { 
/**
 * The absolute path of the folder.
 */
folder: string, 
/**
 * True when a person chose it; otherwise it is in the downloads, and is made when something comes.
 */
chosen: boolean, 
/**
 * False when the folder that was chosen is not there: nothing is accepted then.
 */
usable: boolean, 
/**
 * Devices whose files are always accepted.
 */
always: Array<InboxSender>, 
/**
 * What was sent here lately, newest first.
 */
sendings: Array<Sending>, };

/**
 * A device whose files are always accepted.
 */
export type InboxSender = { 
/**
 * The device.
 */
device: string, 
/**
 * Its name.
 */
device_name: string, };

/**
 * A code on this device's screen.
 */
export type Invite = { 
/**
 * What it is for.
 */
purpose: Purpose, 
/**
 * `42-493-117`, to be typed on the other device.
 */
code: string, 
/**
 * The same and more as a link (`lanyard:j?…`), to be pasted or scanned.
 */
link: string, 
/**
 * The link as a QR code: one text for each row, `1` is dark. No quiet zone.
 */
qr: Array<string>, 
/**
 * When it ends by itself.
 */
ends_at: number, 
/**
 * Where it is.
 */
state: InviteState, 
/**
 * Wrong codes so far; three end it.
 */
failed: number, 
/**
 * Who is at the other end: asking to be let in, or let in.
 */
device: InviteDevice | null, };

/**
 * A device at the other end of a code.
 */
export type InviteDevice = { 
/**
 * What it calls itself, cleaned.
 */
name: string, 
/**
 * Its operating system, as it says.
 */
os: Os, };

/**
 * The life of a code.
 */
export type InviteState = "open" | "asking" | "used" | "expired" | "burned" | "closed";

/**
 * One print job, ours or somebody else's on our printer.
 */
export type Job = { 
/**
 * The UUID the sender made; the same on both sides.
 */
id: string, 
/**
 * The document's name.
 */
title: string, 
/**
 * Ours or theirs.
 */
direction: JobDirection, 
/**
 * The printer's name.
 */
printer: string, 
/**
 * The device at the other end.
 */
device: string, 
/**
 * The name of that device.
 */
device_name: string, 
/**
 * Who sent it, as a program without Lanyard calls its user; a claim, shown to tell jobs apart.
 */
user: string | null, 
/**
 * What can be done with it now.
 */
actions: Array<JobAction>, 
/**
 * Where it is.
 */
state: JobState, 
/**
 * The IPP keyword or error code behind the state, if any (`media-empty`, `peer_unreachable`).
 */
reason: string | null, 
/**
 * Plain words behind `reason`, in English, for details and the command line.
 */
detail: string | null, 
/**
 * Size of the document in bytes.
 */
bytes: number, 
/**
 * Pages in the document, when known.
 */
pages: number | null, 
/**
 * Pages that reached paper, when the printer tells.
 */
pages_done: number | null, 
/**
 * What was chosen.
 */
options: PrintOptions, 
/**
 * When it was made.
 */
created_at: number, 
/**
 * When it ended.
 */
ended_at: number | null, };

/**
 * What a person can do with a job now.
 */
export type JobAction = "cancel" | "hold" | "release" | "move" | "retry" | "reprint";

/**
 * Whose job it is, seen from here.
 */
export type JobDirection = "outgoing" | "incoming";

/**
 * The life of a print job, in the order a person experiences it.
 */
export type JobState = "sending" | "waiting" | "held" | "printing" | "stopped" | "done" | "cancelled" | "failed";

/**
 * A part of a folder's content, folders first, then by name.
 */
export type Listing = { 
/**
 * The folder's path inside the share, `/`-separated, without a leading slash.
 */
path: string, 
/**
 * The entries.
 */
entries: Array<Entry>, 
/**
 * Pass it back to get the rest; none at the end.
 */
next: string | null, };

/**
 * What a file looks like.
 */
export type Look = { "shows": "picture", 
/**
 * A PNG, in Base64.
 */
png: string, 
/**
 * Pixels across.
 */
width: number, 
/**
 * Pixels down.
 */
height: number, 
/**
 * Which page this is, from 1.
 */
page: number, 
/**
 * How many pages there are; 1 for a picture.
 */
pages: number, } | { "shows": "text", 
/**
 * At most 64 KiB of it.
 */
text: string, 
/**
 * True when that is all of it.
 */
whole: boolean, } | { "shows": "nothing", 
/**
 * The reason.
 */
why: NoLook, };

/**
 * A disc or drive that is in now.
 */
export type Medium = { 
/**
 * The same whenever the same one is in.
 */
id: string, 
/**
 * What kind.
 */
kind: MediumKind, 
/**
 * What it is called.
 */
name: string, 
/**
 * What to share: the folder under which it is seen, or the optical drive.
 */
path: string, 
/**
 * The system's name for it.
 */
device: string, 
/**
 * Bytes.
 */
size: number | null, 
/**
 * The share that offers all of it.
 */
share: string | null, 
/**
 * How many devices read from it, now or a moment ago.
 */
readers: number, 
/**
 * What there is to say.
 */
note: MediumNote | null, };

/**
 * What kind of thing was put in.
 */
export type MediumKind = "disc" | "drive";

/**
 * What there is to say of a disc.
 */
export type MediumNote = "audio" | "scrambled" | "no_files";

/**
 * One device of a home.
 */
export type Member = { 
/**
 * Its identity.
 */
id: string, 
/**
 * Its name in the home.
 */
name: string, 
/**
 * Its operating system, when it told.
 */
os: Os, 
/**
 * What it may do.
 */
role: Role, 
/**
 * True for the device this runs on.
 */
this_device: boolean, 
/**
 * Whether it answers; always online for this device.
 */
state: DeviceState, 
/**
 * When it was last heard.
 */
last_seen: number | null, 
/**
 * Four groups of four characters, for two people to compare.
 */
check_words: string, 
/**
 * The same as pictures.
 */
check_signs: Array<CheckSign>, 
/**
 * Whether it can be woken over the network while it sleeps.
 */
can_wake: boolean, };

/**
 * A drive that appears as a folder of this computer.
 */
export type Mount = { 
/**
 * The folder's absolute path; on Windows a letter with a colon.
 */
dir: string, 
/**
 * The drive: the `id` of a `Drive`.
 */
drive_id: string, 
/**
 * The drive's name.
 */
drive: string, 
/**
 * The device that offers it.
 */
device: string, 
/**
 * The name of that device.
 */
device_name: string, 
/**
 * It appears again whenever Lanyard starts.
 */
at_start: boolean, 
/**
 * False when it is meant to be there and is not; `detail` says why.
 */
mounted: boolean, 
/**
 * Why it is not there, or what became of something that was written.
 */
note: MountNote | null, 
/**
 * The same in plain words, in English.
 */
detail: string | null, };

/**
 * What there is to tell of a mounted drive that no program could be told.
 */
export type MountNote = { "is": "failed", 
/**
 * Why.
 */
code: ErrorCode, } | { "is": "elsewhere" } | { "is": "kept_both", 
/**
 * The file's path inside the drive.
 */
path: string, 
/**
 * Where what was written here is.
 */
kept_as: string, } | { "is": "lost", 
/**
 * The file's path inside the drive.
 */
path: string, };

/**
 * Everything that can be used now.
 */
export type Nearby = { 
/**
 * Other nodes.
 */
devices: Array<Device>, 
/**
 * Printers of other nodes, and standard IPP printers that no node shares.
 */
printers: Array<Printer>, 
/**
 * Folders, drives and discs of other nodes.
 */
drives: Array<Drive>, };

/**
 * A network this computer is on, or has been on and remembers.
 */
export type Network = { 
/**
 * Stable id of this network on this computer.
 */
id: string, 
/**
 * A name for people: SSID, interface or "direct cable".
 */
name: string, 
/**
 * Whether the owner marked it as own.
 */
profile: NetworkProfile, 
/**
 * True when this computer is on it now.
 */
connected: boolean, 
/**
 * The interface, when connected.
 */
interface: string | null, 
/**
 * Addresses of this computer on it, when connected.
 */
addresses: Array<string>, 
/**
 * True when devices of the home are on it and it is not marked as own: it may be one of the owner's.
 */
suggested: boolean, };

/**
 * What may happen on a network.
 */
export type NetworkProfile = "public" | "trusted";

/**
 * A pass that was just made, with what opens. Shown this once: only a hash is kept.
 */
export type NewPass = { 
/**
 * The pass.
 */
pass: Pass, 
/**
 * A link for a phone's browser, with a secret after the `#`.
 */
link: string, 
/**
 * The page without the secret, for typing, where the PIN is asked for.
 */
page: string, 
/**
 * Eight digits instead of the link's secret, for that page. Five wrong ones and it opens nothing any more.
 */
pin: string, 
/**
 * The link as a QR code: one text for each row, `1` is dark. No quiet zone.
 */
qr: Array<string>, 
/**
 * What a browser shows of the certificate: SHA-256 as pairs of hexadecimal digits.
 */
fingerprint: string, };

/**
 * Why a file is not shown.
 */
export type NoLook = "kind" | "too_large" | "empty" | "damaged" | "locked";

/**
 * Who this node is and whether others can see it.
 */
export type NodeStatus = { 
/**
 * This device's public identity: 52 base32 characters.
 */
id: string, 
/**
 * Four groups of four characters, for two people to compare on their screens.
 */
check_words: string, 
/**
 * The same as pictures.
 */
check_signs: Array<CheckSign>, 
/**
 * The name others see.
 */
name: string, 
/**
 * Whether devices that are not in the home see the name, on own networks.
 */
name_shown: boolean, 
/**
 * The version of Lanyard that runs.
 */
version: string, 
/**
 * The operating system of this computer.
 */
os: Os, 
/**
 * Where this node keeps its data.
 */
data_dir: string, 
/**
 * Where copied files and saved pages go unless said otherwise.
 */
downloads_dir: string, 
/**
 * The TCP port on which other nodes reach this one; 0 while no network is marked as own.
 */
port: number, 
/**
 * Process id of the node.
 */
pid: number, 
/**
 * When this node started.
 */
started_at: number, 
/**
 * True until the owner has gone through the first-run screens.
 */
first_run: boolean, 
/**
 * What others can see, in one word.
 */
sharing: SharingState, 
/**
 * Sharing is paused until then; `sharing` says `paused`. None while it is paused means: until a person ends it.
 */
paused_until: number | null, 
/**
 * This device's key came here with a copied or moved disk: a person must say which it is before anything is
 * shared.
 */
moved: boolean, 
/**
 * The networks this computer is on right now.
 */
networks: Array<Network>, 
/**
 * What the node had to tell its owner at start: a damaged store that was set aside, a port that was taken.
 */
notices: Array<string>, };

/**
 * RFC 8011 §5.2.10 `orientation-requested`.
 */
export type Orientation = "portrait" | "landscape";

/**
 * An operating system, for an icon and for honest advice.
 */
export type Os = "linux" | "macos" | "windows" | "other";

/**
 * What came of a check.
 */
export type Outcome = "good" | "warning" | "failed" | "unknown";

/**
 * A device connected with this one without a home.
 */
export type Paired = { 
/**
 * Its identity.
 */
id: string, 
/**
 * Its name.
 */
name: string, 
/**
 * Since when.
 */
since: number, 
/**
 * Whether it answers.
 */
state: DeviceState, };

/**
 * A guest's pass, as its owner sees it in a list.
 */
export type Pass = { 
/**
 * A short id; no secret.
 */
id: string, 
/**
 * The share it opens.
 */
share: string, 
/**
 * The share's name.
 */
share_name: string, 
/**
 * What it is good for.
 */
action: PassAction, 
/**
 * A note of the owner's: whom it is for.
 */
label: string, 
/**
 * When it was made.
 */
created_at: number, 
/**
 * When it ends by itself.
 */
ends_at: number, 
/**
 * When a guest last came in with it.
 */
last_used: number | null, 
/**
 * Its PIN was tried wrongly five times and opens nothing any more; its link does.
 */
pin_burned?: boolean, };

/**
 * What a guest's pass is good for.
 */
export type PassAction = "print" | "read" | "add";

/**
 * A file that a player can stream.
 */
export type Playable = { 
/**
 * `http://127.0.0.1:…`, answering `GET` with ranges; good for this one file until the node stops or many others
 * were played. Whoever knows it can read the file: it holds a secret.
 */
link: string, 
/**
 * `audio/…` or `video/…`.
 */
media_type: string, 
/**
 * Bytes.
 */
size: number, };

/**
 * One side of a sheet as it will be on paper, and how many there are.
 */
export type Preview = { 
/**
 * Sides of paper that the job makes, without copies.
 */
sides: number, 
/**
 * Pages in the document.
 */
pages: number, 
/**
 * Which side this is, from 1.
 */
side: number, 
/**
 * PNG, base64.
 */
png: string, 
/**
 * Pixels across.
 */
width: number, 
/**
 * Pixels down.
 */
height: number, 
/**
 * What will not be as it was chosen; empty when all of it will.
 */
differs: Array<Difference>, };

/**
 * What a person chose for a job. Everything left out is the printer's default.
 */
export type PrintOptions = { 
/**
 * 1 to 999; none means 1.
 */
copies: number | null, 
/**
 * `1-3,5`, 1-based, in the document's order; none means all.
 */
pages: string | null, 
/**
 * Sides of the paper.
 */
sides: Sides | null, 
/**
 * Colour or grey.
 */
color: ColorMode | null, 
/**
 * PWG 5101.1 media name, or a short one the node knows (`A4`, `Letter`).
 */
media: string | null, 
/**
 * How finely.
 */
quality: Quality | null, 
/**
 * From which tray: one of the printer's `sources`.
 */
source: string | null, 
/**
 * On what: one of the printer's `media_types`.
 */
media_type: string | null, 
/**
 * Pages on one side of the paper; none means 1.
 */
number_up: number | null, 
/**
 * How a page is fitted to the paper.
 */
scaling: Scaling | null, 
/**
 * How text and pictures lie on the paper; a PDF has its own mind.
 */
orientation: Orientation | null, 
/**
 * Laid out to be folded into a booklet.
 */
booklet: boolean, };

/**
 * What became of one of several documents.
 */
export type Printed = { "job": Job } | { "refused": ApiError };

/**
 * A printer somebody else offers.
 */
export type Printer = { 
/**
 * `share@device` for a node's printer, `dnssd:…` for a standard one.
 */
id: string, 
/**
 * The name its owner gave it.
 */
name: string, 
/**
 * The device that offers it, or none for a standard printer on the network.
 */
device: string | null, 
/**
 * The name of that device, or the printer's own host.
 */
device_name: string, 
/**
 * Make and model, when known.
 */
model: string | null, 
/**
 * A place, when the owner told one.
 */
location: string | null, 
/**
 * What it is doing.
 */
state: PrinterState, 
/**
 * Why, in the IPP keywords of RFC 8011 §5.4.12 without severity suffix (`media-empty`).
 */
reasons: Array<string>, 
/**
 * Jobs waiting there.
 */
waiting: number, 
/**
 * Whether it can be used now.
 */
access: Access, 
/**
 * True when this version can print on it.
 */
usable: boolean, 
/**
 * Ink, toner, paper that the printer tells of.
 */
supplies: Array<Supply>, 
/**
 * Every way to this one printer, the one that is taken first in front: ids as in `id`.
 */
routes: Array<string>, 
/**
 * True when it is in this computer's own print dialog by way of Lanyard.
 */
added: boolean, };

/**
 * What a printer can do; only this is offered to a person.
 */
export type PrinterCapabilities = { 
/**
 * MIME types it takes after Lanyard's own conversion.
 */
formats: Array<string>, 
/**
 * Whether it prints colour.
 */
color: boolean, 
/**
 * The sides it can print on, the first is its default.
 */
sides: Array<Sides>, 
/**
 * PWG 5101.1 media names (`iso_a4_210x297mm`), sorted as the printer lists them.
 */
media: Array<string>, 
/**
 * The medium it uses when nothing is said.
 */
media_default: string | null, 
/**
 * The most copies it makes of one job.
 */
max_copies: number, 
/**
 * Qualities it can be told, its default first; empty when it cannot be told.
 */
quality: Array<Quality>, 
/**
 * IPP keywords of the trays it can be told (`tray-1`), its default first; empty when it cannot be told.
 */
sources: Array<string>, 
/**
 * IPP keywords of the kinds of paper it can be told (`stationery`), its default first.
 */
media_types: Array<string>, 
/**
 * Pages on one side that can be asked for, ascending; 1 is always there.
 */
number_up: Array<number>, };

/**
 * What a printer is doing.
 */
export type PrinterState = "ready" | "busy" | "stopped" | "unreachable";

/**
 * What a code is for.
 */
export type Purpose = "add_device" | "join_home" | "pair";

/**
 * RFC 8011 §5.2.13 `print-quality`.
 */
export type Quality = "draft" | "normal" | "high";

/**
 * A queue of this computer's own, shared or not.
 */
export type Queue = { 
/**
 * The system's name of it (`Brother_HL_L2350`), or `save-as-pdf` for the built-in one.
 */
id: string, 
/**
 * A name for people.
 */
name: string, 
/**
 * Make and model, when known.
 */
model: string | null, 
/**
 * What it is doing.
 */
state: PrinterState, 
/**
 * Why, in IPP keywords.
 */
reasons: Array<string>, 
/**
 * True for the system's default queue.
 */
is_default: boolean, 
/**
 * True for Lanyard's own Save as PDF printer.
 */
built_in: boolean, 
/**
 * The share that offers it, if any.
 */
share: string | null, 
/**
 * Ink, toner, paper that the printer tells of.
 */
supplies: Array<Supply>, 
/**
 * Stopped by its owner; jobs wait.
 */
paused: boolean, };

/**
 * Hours of the day, by this computer's clock and time zone.
 */
export type QuietHours = { 
/**
 * Minutes after midnight at which they begin, 0 to 1439.
 */
from: number, 
/**
 * Minutes after midnight at which they end; before `from` means the next day.
 */
to: number, };

/**
 * How another device stands to this one.
 */
export type Relation = "home" | "paired" | "stranger";

/**
 * Something that helps. The words for people are in `locales/` under `remedy.<code>`.
 */
export type Remedy = { "code": "tell_moved" } | { "code": "resume" } | { "code": "connect" } | { "code": "trust" } | { "code": "port_taken" } | { "code": "multicast_taken" } | { "code": "ufw", 
/**
 * The TCP port.
 */
port: number, } | { "code": "firewalld", 
/**
 * The TCP port.
 */
port: number, } | { "code": "nftables", 
/**
 * The TCP port.
 */
port: number, } | { "code": "windows_firewall", 
/**
 * The TCP port.
 */
port: number, } | { "code": "macos_firewall" } | { "code": "other_firewall", 
/**
 * The TCP port.
 */
port: number, } | { "code": "wifi_isolation" } | { "code": "wired_isolation" } | { "code": "check_there" } | { "code": "start_there" } | { "code": "multicast_filters" } | { "code": "vpn" } | { "code": "set_clocks" } | { "code": "update_all" } | { "code": "update_older" } | { "code": "look_at_data", 
/**
 * The directory.
 */
dir: string, } | { "code": "close_to_others", 
/**
 * Absolute paths.
 */
paths: Array<string>, } | { "code": "make_room", 
/**
 * The directory.
 */
dir: string, } | { "code": "landlock_needs" } | { "code": "run_confined" };

/**
 * One request of a front end. Names of printers, drives, devices and shares are ids, `name@device`, or a
 * unique part of the name; an ambiguous one is refused with the candidates.
 */
export type Request = { "do": "status" } | { "do": "snapshot" } | { "do": "browser_link" } | { "do": "nearby" } | { "do": "rename", 
/**
 * 1 to 64 bytes of UTF-8 after cleaning.
 */
name: string, } | { "do": "finish_first_run" } | { "do": "show_name", 
/**
 * On own networks; on others nobody ever does.
 */
show: boolean, } | { "do": "pause", 
/**
 * Until then; none means until `Unpause`.
 */
until: number | null, } | { "do": "unpause" } | { "do": "settle_move", 
/**
 * True: this is another device now and gets a key of its own. False: the same device in new surroundings.
 */
new_device: boolean, } | { "do": "doctor" } | { "do": "support_bundle" } | { "do": "connect", 
/**
 * The address, with or without a port.
 */
address: string, } | { "do": "wake", 
/**
 * The device.
 */
device: string, } | { "do": "home" } | { "do": "create_home", 
/**
 * Its name.
 */
name: string, } | { "do": "open_invite", 
/**
 * What it is for.
 */
purpose: Purpose, 
/**
 * `add_device`: what the new device may do.
 */
role: Role, 
/**
 * A person here must say yes when the code was typed.
 */
confirm: boolean, } | { "do": "close_invite" } | { "do": "answer_invite", 
/**
 * Yes.
 */
accept: boolean, } | { "do": "type_code", 
/**
 * `42-493-117` or `lanyard:j?…`.
 */
code: string, 
/**
 * What it is for, as seen from here: `join_home` to come into the other's home, `add_device` to let the
 * other into this one's, `pair` to connect the two.
 */
purpose: Purpose, 
/**
 * Where the other device is, when it cannot be found by itself.
 */
address: string | null, } | { "do": "remove_member", 
/**
 * The device.
 */
device: string, } | { "do": "set_role", 
/**
 * The device.
 */
device: string, 
/**
 * What it may do.
 */
role: Role, } | { "do": "rename_home", 
/**
 * Its new name.
 */
name: string, } | { "do": "leave_home" } | { "do": "recover", 
/**
 * The code.
 */
code: string, 
/**
 * A lost device to put out with the code's authority, whatever its own.
 */
remove: string | null, } | { "do": "forget_paired", 
/**
 * The device.
 */
device: string, } | { "do": "ask_owner", 
/**
 * The printer or drive.
 */
what: string, } | { "do": "asks" } | { "do": "answer_ask", 
/**
 * Its id.
 */
ask: string, 
/**
 * The answer.
 */
answer: Answer, } | { "do": "passes" } | { "do": "create_pass", 
/**
 * The share it opens.
 */
share: string, 
/**
 * What it is good for.
 */
action: PassAction, 
/**
 * When it ends by itself; at most 30 days ahead.
 */
until: number, 
/**
 * Whom it is for.
 */
label: string, } | { "do": "end_pass", 
/**
 * Its id.
 */
pass: string, } | { "do": "networks" } | { "do": "set_network", 
/**
 * A network's id or name, or `current` for every connected one.
 */
network: string, 
/**
 * The new profile.
 */
profile: NetworkProfile, } | { "do": "queues" } | { "do": "shares" } | { "do": "share_printer", 
/**
 * The queue's system name, or `save-as-pdf`.
 */
queue: string, 
/**
 * The name others see; none means the queue's own.
 */
name: string | null, 
/**
 * Who may print; empty means the home, or everyone on the owner's
 * networks while this device is in no home.
 */
audience: Array<Grant>, 
/**
 * The share ends by itself then.
 */
until: number | null, } | { "do": "share_folder", 
/**
 * Absolute path of an existing folder.
 */
path: string, 
/**
 * The name others see; none means the folder's own.
 */
name: string | null, 
/**
 * Whether they may write.
 */
write: boolean, 
/**
 * Who may use it; empty means the home, or everyone on the owner's
 * networks while this device is in no home.
 */
audience: Array<Grant>, 
/**
 * The share ends by itself then.
 */
until: number | null, } | { "do": "share_disc", 
/**
 * Absolute path of an image, or of an optical drive.
 */
source: string, 
/**
 * The name others see; none means the disc's own.
 */
name: string | null, 
/**
 * Who may use it; empty means as in `ShareFolder`.
 */
audience: Array<Grant>, 
/**
 * The share ends by itself then.
 */
until: number | null, } | { "do": "media" } | { "do": "eject", 
/**
 * Its id, name, path or device.
 */
medium: string, 
/**
 * Also while others read from it: their copies go on when it is back.
 */
force: boolean, } | { "do": "change_share", 
/**
 * The share.
 */
share: string, 
/**
 * A new name.
 */
name: string | null, 
/**
 * Folders: whether others may write.
 */
write: boolean | null, 
/**
 * Who may use it from now on, in place of who may now; passes of guests stay.
 */
audience: Array<Grant> | null, 
/**
 * The share ends by itself then; 0 means never.
 */
until: number | null, } | { "do": "folder_address", 
/**
 * The share.
 */
share: string, } | { "do": "unshare", 
/**
 * The share.
 */
share: string, } | { "do": "capabilities", 
/**
 * The printer.
 */
printer: string, } | { "do": "print", 
/**
 * The printer.
 */
printer: string, 
/**
 * The document.
 */
document: Document, 
/**
 * The choices.
 */
options: PrintOptions, } | { "do": "print_all", 
/**
 * The printer.
 */
printer: string, 
/**
 * The documents, at most [`MOST_AT_ONCE`](crate::MOST_AT_ONCE).
 */
documents: Array<Document>, 
/**
 * The choices, for each of them.
 */
options: PrintOptions, } | { "do": "preview", 
/**
 * The printer it is meant for; none means one that can do everything.
 */
printer: string | null, 
/**
 * The document.
 */
document: Document, 
/**
 * The choices.
 */
options: PrintOptions, 
/**
 * Which side, from 1.
 */
side: number, 
/**
 * The picture's longer edge in pixels, 16 to 2,400.
 */
size: number, } | { "do": "add_printer", 
/**
 * The printer.
 */
printer: string, } | { "do": "remove_printer", 
/**
 * The printer, or the name of its queue.
 */
printer: string, } | { "do": "pause_queue", 
/**
 * The queue's system name, or `save-as-pdf`.
 */
queue: string, } | { "do": "resume_queue", 
/**
 * The queue's system name, or `save-as-pdf`.
 */
queue: string, } | { "do": "jobs" } | { "do": "hold_job", 
/**
 * The job's id or a unique beginning of it.
 */
job: string, } | { "do": "release_job", 
/**
 * The job's id or a unique beginning of it.
 */
job: string, } | { "do": "move_job", 
/**
 * The job's id or a unique beginning of it.
 */
job: string, 
/**
 * The other printer.
 */
printer: string, } | { "do": "reprint", 
/**
 * The job's id or a unique beginning of it.
 */
job: string, } | { "do": "cancel_job", 
/**
 * The job's id or a unique beginning of it.
 */
job: string, } | { "do": "printer_jobs", 
/**
 * The printer.
 */
printer: string, } | { "do": "manage_job", 
/**
 * The printer.
 */
printer: string, 
/**
 * The job's id or a unique beginning of it.
 */
job: string, 
/**
 * What to do with it: `cancel`, `hold` or `release`.
 */
action: JobAction, } | { "do": "retry_job", 
/**
 * The job's id or a unique beginning of it.
 */
job: string, } | { "do": "list", 
/**
 * The drive.
 */
drive: string, 
/**
 * The path inside it, `/`-separated; empty for the top.
 */
path: string, 
/**
 * From an earlier `Listing`.
 */
after: string | null, } | { "do": "entry", 
/**
 * The drive.
 */
drive: string, 
/**
 * The path inside it.
 */
path: string, } | { "do": "get", 
/**
 * The drive.
 */
drive: string, 
/**
 * The path inside it; empty for all of the drive.
 */
path: string, 
/**
 * An absolute folder or file path; none means the downloads folder.
 */
dest: string | null, 
/**
 * When the name is taken here.
 */
conflict: Conflict, } | { "do": "entry_here", 
/**
 * The drive.
 */
drive: string, 
/**
 * The path inside it; empty for all of the drive.
 */
path: string, } | { "do": "save_image", 
/**
 * The disc.
 */
drive: string, 
/**
 * An absolute folder or file path; none means the downloads folder.
 */
dest: string | null, 
/**
 * When the name is taken here.
 */
conflict: Conflict, } | { "do": "put", 
/**
 * The file: a path, or a browser's upload.
 */
document: Document, 
/**
 * The drive.
 */
drive: string, 
/**
 * The folder inside it, or the new file's path when it does not end with `/` and is no folder.
 */
path: string, 
/**
 * When the name is taken there.
 */
conflict: Conflict, 
/**
 * Replace only what has this entity tag; otherwise the copy fails with `exists` and keeps what is there.
 */
replaces: string | null, } | { "do": "send", 
/**
 * The files: paths, or a browser's uploads.
 */
files: Array<Document>, 
/**
 * The device.
 */
device: string, } | { "do": "inbox" } | { "do": "set_inbox_folder", 
/**
 * The absolute path of a folder that is there; none means the one in the downloads again.
 */
folder: string | null, } | { "do": "stop_sending", 
/**
 * The sending's id or the beginning of it.
 */
sending: string, } | { "do": "forget_sender", 
/**
 * The device.
 */
device: string, } | { "do": "transfers" } | { "do": "cancel_transfer", 
/**
 * The transfer's id or a unique beginning of it.
 */
transfer: string, } | { "do": "pause_transfer", 
/**
 * The transfer's id or a unique beginning of it.
 */
transfer: string, } | { "do": "next_transfer", 
/**
 * The transfer's id or a unique beginning of it.
 */
transfer: string, } | { "do": "limit_transfers", 
/**
 * Only this one, by its id or a unique beginning of it; none means all together.
 */
transfer: string | null, 
/**
 * The limit; none lifts it.
 */
rate: number | null, } | { "do": "transfer_limit" } | { "do": "transfer_notes", 
/**
 * The transfer's id or a unique beginning of it.
 */
transfer: string, } | { "do": "settle_transfer", 
/**
 * The transfer's id or a unique beginning of it.
 */
transfer: string, 
/**
 * What becomes of it.
 */
conflict: Conflict, 
/**
 * Uploads: replace only what has this entity tag.
 */
replaces: string | null, } | { "do": "retry_transfer", 
/**
 * The transfer's id or a unique beginning of it.
 */
transfer: string, } | { "do": "make_folder", 
/**
 * The drive.
 */
drive: string, 
/**
 * The new folder's path inside it.
 */
path: string, } | { "do": "move_entry", 
/**
 * The drive.
 */
drive: string, 
/**
 * Its path.
 */
path: string, 
/**
 * The folder it goes into, or its new path when that is no folder.
 */
to: string, 
/**
 * When the name is taken; what is replaced goes into the drive's bin.
 */
conflict: Conflict, 
/**
 * Replace only what has this entity tag; otherwise `changed`.
 */
replaces: string | null, 
/**
 * Only if this is still its entity tag; otherwise `changed`.
 */
if_match: string | null, } | { "do": "copy_entry", 
/**
 * The drive.
 */
drive: string, 
/**
 * Its path.
 */
path: string, 
/**
 * The folder it goes into, or the copy's path when that is no folder.
 */
to: string, 
/**
 * When the name is taken; what is replaced goes into the drive's bin.
 */
conflict: Conflict, 
/**
 * Replace only what has this entity tag; otherwise `changed`.
 */
replaces: string | null, } | { "do": "remove_entry", 
/**
 * The drive.
 */
drive: string, 
/**
 * Its path.
 */
path: string, 
/**
 * Only if this is still its entity tag; otherwise `changed`.
 */
if_match: string | null, } | { "do": "search", 
/**
 * Words, all of which are in the name; case and accents do not matter.
 */
words: string, 
/**
 * Only on this drive; none means on all that can be read.
 */
drive: string | null, 
/**
 * Only below this folder of it; empty for all of it.
 */
path: string, 
/**
 * A search that is not wanted any more: it ends.
 */
instead_of: string | null, } | { "do": "search_more", 
/**
 * Its id.
 */
search: string, 
/**
 * The `count` that was told last.
 */
after: number, } | { "do": "end_search", 
/**
 * Its id.
 */
search: string, } | { "do": "look", 
/**
 * The drive.
 */
drive: string, 
/**
 * Its path.
 */
path: string, 
/**
 * Which page of a document, from 1; one beyond the last is the last.
 */
page: number, 
/**
 * A picture's longer edge in pixels, 16 to 2,400.
 */
size: number, 
/**
 * A name, by which `EndLook` knows it; 64 bytes at most.
 */
name: string | null, } | { "do": "end_look", 
/**
 * The name that it was given.
 */
name: string, } | { "do": "play", 
/**
 * The drive.
 */
drive: string, 
/**
 * Its path.
 */
path: string, } | { "do": "fetch_link", 
/**
 * The drive.
 */
drive: string, 
/**
 * Its path.
 */
path: string, } | { "do": "bin", 
/**
 * The drive.
 */
drive: string, } | { "do": "restore", 
/**
 * The drive.
 */
drive: string, 
/**
 * Its id in the bin.
 */
id: string, 
/**
 * Another path than it had.
 */
to: string | null, } | { "do": "forget_binned", 
/**
 * The drive.
 */
drive: string, 
/**
 * Its id in the bin.
 */
id: string, } | { "do": "mount", 
/**
 * The drive.
 */
drive: string, 
/**
 * An absolute path: an empty folder, or one that is made; none means one in the home folder.
 */
dir: string | null, 
/**
 * Again whenever Lanyard starts.
 */
at_start: boolean, } | { "do": "unmount", 
/**
 * Where it is, as `Mount` says.
 */
dir: string, 
/**
 * Not while a program has a file open there → `busy`.
 */
careful: boolean, } | { "do": "mounts" } | { "do": "open_drive", 
/**
 * The drive.
 */
drive: string, } | { "do": "shut_drive", 
/**
 * The drive, or its address.
 */
drive: string, } | { "do": "drive_addresses" };

/**
 * The answer to a request.
 */
export type Response = { "is": "done" } | { "is": "status", "value": NodeStatus } | { "is": "link", "value": string } | { "is": "snapshot", "value": Snapshot } | { "is": "nearby", "value": Nearby } | { "is": "device", "value": Device } | { "is": "home", "value": HomeState } | { "is": "founded", "value": Founded } | { "is": "invite", "value": Invite } | { "is": "asks", "value": Array<Ask> } | { "is": "passes", "value": Array<Pass> } | { "is": "new_pass", "value": NewPass } | { "is": "checks", "value": Array<Check> } | { "is": "bundle", "value": string } | { "is": "networks", "value": Array<Network> } | { "is": "queues", "value": Array<Queue> } | { "is": "shares", "value": Array<Share> } | { "is": "share", "value": Share } | { "is": "folder_address", "value": FolderAddress } | { "is": "capabilities", "value": PrinterCapabilities } | { "is": "preview", "value": Preview } | { "is": "job", "value": Job } | { "is": "jobs", "value": Array<Job> } | { "is": "printed", "value": Array<Printed> } | { "is": "listing", "value": Listing } | { "is": "entry", "value": Entry } | { "is": "transfer", "value": Transfer } | { "is": "transfers", "value": Array<Transfer> } | { "is": "inbox", "value": Inbox } | { "is": "transfer_limit", "value": number | null } | { "is": "transfer_notes", "value": Array<TransferNote> } | { "is": "placed", "value": { 
/**
 * Its path inside the drive.
 */
path: string, 
/**
 * How many links and special files in it were not copied.
 */
left_out: number, } } | { "is": "removed", "value": { 
/**
 * Its id in the drive's bin; none when it is gone for good.
 */
bin: string | null, } } | { "is": "search", "value": Search } | { "is": "look", "value": Look } | { "is": "playable", "value": Playable } | { "is": "bin", "value": Array<Binned> } | { "is": "mount", "value": Mount } | { "is": "mounts", "value": Array<Mount> } | { "is": "drive_addresses", "value": Array<DriveAddress> } | { "is": "media", "value": Array<Medium> };

/**
 * What a member may do with the home itself.
 */
export type Role = "member" | "keeper";

/**
 * PWG 5100.13 `print-scaling`.
 */
export type Scaling = "auto" | "fit" | "fill" | "none";

/**
 * A search under way, or its end.
 */
export type Search = { 
/**
 * Its id, to ask for more.
 */
id: string, 
/**
 * What was found since `after`, in the order in which it came.
 */
hits: Array<Hit>, 
/**
 * How many hits there are so far; the `after` of the next question.
 */
count: number, 
/**
 * Nothing more will come.
 */
done: boolean, 
/**
 * Why there may be more, in no order, each once.
 */
unseen: Array<Unseen>, 
/**
 * The names of drives that did not answer.
 */
silent: Array<string>, };

/**
 * Files and folders that somebody sends here.
 */
export type Sending = { 
/**
 * Its id; the question about it has the same.
 */
id: string, 
/**
 * Who sends: a device's identity.
 */
device: string, 
/**
 * The name of that device.
 */
device_name: string, 
/**
 * What it is called.
 */
title: string, 
/**
 * Bytes that were announced.
 */
bytes: number, 
/**
 * Bytes that are here.
 */
bytes_done: number, 
/**
 * Files and folders, when the sender counted them.
 */
files: number | null, 
/**
 * The folder that it goes to.
 */
folder: string, 
/**
 * What is in that folder of it by now: names, the first 20.
 */
names: Array<string>, 
/**
 * Where it is.
 */
state: SendingState, 
/**
 * When it was announced.
 */
asked_at: number, };

/**
 * The life of what somebody sends here.
 */
export type SendingState = "asking" | "accepted" | "done" | "refused" | "withdrawn";

/**
 * One thing this computer offers.
 */
export type Share = { 
/**
 * Short and stable.
 */
id: string, 
/**
 * What kind of thing.
 */
kind: ShareKind, 
/**
 * The name others see.
 */
name: string, 
/**
 * The queue's system name, or the absolute path of the folder, image or drive.
 */
target: string, 
/**
 * Who may use it.
 */
policy: SharePolicy, 
/**
 * False while the queue, folder or disk behind it is away.
 */
available: boolean, };

/**
 * What kind of thing is shared.
 */
export type ShareKind = "printer" | "folder" | "disc";

/**
 * Who may do what, until when.
 */
export type SharePolicy = { 
/**
 * The first that is for somebody and allows what they want decides; nobody may do anything when empty.
 */
audience: Array<Grant>, 
/**
 * Folders only: whether all of them may also write.
 */
write: boolean, 
/**
 * The share ends by itself then.
 */
until: number | null, };

/**
 * The truth for the status line.
 */
export type SharingState = "visible" | "hidden" | "offline" | "failed" | "paused";

/**
 * RFC 8011 §5.2.8 `sides`.
 */
export type Sides = "one-sided" | "two-sided-long-edge" | "two-sided-short-edge";

/**
 * Everything a front end shows, as of one event number.
 */
export type Snapshot = { 
/**
 * The number of the last event that is already in here.
 */
seq: number, 
/**
 * Who this node is.
 */
status: NodeStatus, 
/**
 * What can be used.
 */
nearby: Nearby, 
/**
 * What this computer offers.
 */
shares: Array<Share>, 
/**
 * Who belongs together with this device.
 */
home: HomeState, 
/**
 * Questions that wait for the owner.
 */
asks: Array<Ask>, 
/**
 * Guests' passes.
 */
passes: Array<Pass>, 
/**
 * This computer's own queues.
 */
queues: Array<Queue>, 
/**
 * Print jobs, newest first.
 */
jobs: Array<Job>, 
/**
 * Copies, newest first.
 */
transfers: Array<Transfer>, 
/**
 * Discs and drives that are in this computer and can be taken out.
 */
media: Array<Medium>, 
/**
 * What others send here.
 */
inbox: Inbox, 
/**
 * Mounted drives.
 */
mounts: Array<Mount>, };

/**
 * Something a printer uses up (PWG 5100.13 `printer-supply`).
 */
export type Supply = { 
/**
 * What the printer calls it.
 */
name: string, 
/**
 * `#rrggbb`, for what has a colour.
 */
color: string | null, 
/**
 * What is left, in percent; none when the printer knows only that some is.
 */
level: number | null, 
/**
 * True when it will soon be needed.
 */
low: boolean, };

/**
 * One copy of a file or folder in either direction.
 */
export type Transfer = { 
/**
 * A UUID.
 */
id: string, 
/**
 * Which way.
 */
direction: TransferDirection, 
/**
 * The name of the file or folder.
 */
name: string, 
/**
 * The drive's name.
 */
drive: string, 
/**
 * Its id, `share@device`; empty for what is sent to a person.
 */
drive_id: string, 
/**
 * The device at the other end.
 */
device: string, 
/**
 * The name of that device.
 */
device_name: string, 
/**
 * The path inside the share.
 */
remote_path: string, 
/**
 * The absolute path on this computer.
 */
local_path: string, 
/**
 * Where it is.
 */
state: TransferState, 
/**
 * Error code behind the state, if any.
 */
reason: string | null, 
/**
 * Plain words behind `reason`, in English.
 */
detail: string | null, 
/**
 * Bytes to move; none until known.
 */
bytes: number | null, 
/**
 * Bytes that are verified and safe on disk.
 */
bytes_done: number, 
/**
 * Bytes a second, smoothed; 0 when not running.
 */
rate: number, 
/**
 * A limit of its own, in bytes a second.
 */
limit: number | null, 
/**
 * Downloads: devices from which the pieces come that are under way, or came last; 0 until known.
 */
sources: number, 
/**
 * It is sent to a person's inbox, who is asked first; there is no drive that anybody could look into.
 */
inbox: boolean, 
/**
 * What is known of a folder; none for a file.
 */
tree: TransferTree | null, 
/**
 * When it was made.
 */
created_at: number, 
/**
 * When it ended.
 */
ended_at: number | null, };

/**
 * Which way the bytes go.
 */
export type TransferDirection = "download" | "upload";

/**
 * What became of a file or folder of a tree that is not there under its own name.
 */
export type TransferFate = "renamed" | "left_out" | "failed";

/**
 * Something to tell of one file or folder of a tree.
 */
export type TransferNote = { 
/**
 * Its path below the folder that is copied.
 */
path: string, 
/**
 * Its path in the copy.
 */
copy: string, 
/**
 * What became of it.
 */
fate: TransferFate, 
/**
 * The error code behind it, if any; `misnamed` for an ordinary file or folder whose name cannot be carried over.
 */
reason: string | null, 
/**
 * Why, in plain English.
 */
detail: string | null, };

/**
 * The life of a copy.
 */
export type TransferState = "waiting" | "running" | "paused" | "done" | "cancelled" | "failed";

/**
 * A folder with everything in it, as far as it is copied.
 */
export type TransferTree = { 
/**
 * Files to copy; none until they are counted.
 */
files: number | null, 
/**
 * Files that are there, whole and identical.
 */
files_done: number, 
/**
 * Files and folders that could not be copied.
 */
failed: number, 
/**
 * What is not copied: links, devices, and what another file was to stay for.
 */
left_out: number, 
/**
 * How many of those are ordinary files and folders whose names cannot be carried over.
 */
misnamed: number, 
/**
 * What has another name in the copy.
 */
renamed: number, };

/**
 * Why there may be more than a search tells.
 */
export type Unseen = "limit" | "folder" | "drive";

/**
 * A device nearby that shows a code right now.
 */
export type Window = { 
/**
 * The first two digits of its code.
 */
discriminator: string, 
/**
 * What it calls itself, cleaned. Anybody can call themselves anything.
 */
label: string, };
