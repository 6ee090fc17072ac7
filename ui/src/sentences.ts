// Jobs, copies, printers and this node's state in plain sentences.

import type {
  Access,
  Ask,
  Check,
  DeviceState,
  Drive,
  Finding,
  Job,
  Member,
  MountNote,
  Nearby,
  Network,
  NodeStatus,
  Os,
  Pass,
  Remedy,
  Sending,
  Share,
  Transfer,
  TransferNote,
} from "./api";
import { ago, bytes, timeLeft, until } from "./format";
import { minutesLeft } from "./joining";
import { reasonWords } from "./printer-words";
import { pagesChosen } from "./printing";
import { n, t, told } from "./state/say";
import { look } from "./state/look.svelte";
import { isKey, type Key } from "./words";
import { timeOf, type Right, type Rules, type Who } from "./who";

/** A colour's meaning; every one goes with a word. */
export type Tone = "ok" | "accent" | "warn" | "danger" | "quiet";
export interface Sentence {
  tone: Tone;
  words: string;
}

/** How much room a drive has, as a part used and in words. */
export function driveRoom(drive: Drive): { used: number; words: string } | null {
  if (drive.free_bytes === null || !drive.total_bytes) return null;
  return {
    used: Math.min(1, Math.max(0, 1 - drive.free_bytes / drive.total_bytes)),
    words: t("drive.free", { size: bytes(look.language, drive.free_bytes) }),
  };
}

/** What a network without a name of its own is called by the node, in English (`crates/discovery/src/network.rs`). */
const MADE_NAMES = new Map<string, Key>([
  ["Wi-Fi", "network.made_wifi"],
  ["Network", "network.made_other"],
  ["Direct cable", "network.made_cable"],
]);

/** A network as people call it. */
export function networkName({ name }: Network): string {
  if (name === "This computer") return t("this_computer");
  const [, kind = "", device = ""] = /^(.+) \((\S+)\)$/.exec(name) ?? [];
  const made = MADE_NAMES.get(kind);
  return made ? t(made, { interface: device }) : name;
}

/** The truth about who can see this computer, and the one button that changes it. */
export function sharingState(
  status: NodeStatus,
  nearby: Nearby,
): Sentence & { network?: string; does: "fix" | "resume" | null } {
  const connected = status.networks.filter((network) => network.connected);
  switch (status.sharing) {
    case "visible": {
      const own = connected.filter((network) => network.profile === "trusted").map(networkName);
      const devices = nearby.devices.filter((device) => device.state === "online").length;
      return { tone: "ok", words: n("status.devices", devices), network: own.join(", "), does: null };
    }
    case "hidden":
      return { tone: "warn", words: t("status.hidden"), does: "fix" };
    case "offline":
      return { tone: "warn", words: t("status.offline"), does: null };
    case "failed":
      return { tone: "danger", words: t("status.failed"), does: "fix" };
    case "paused":
      return { tone: "warn", words: pausedWords(status.paused_until), does: "resume" };
  }
}

/** Until when sharing is paused, as far as that is known. */
export function pausedWords(end: number | null): string {
  return end === null ? t("status.paused") : t("status.paused_until", { time: until(look.language, end) });
}

export const isJobOver = (job: Job) => job.state === "done" || job.state === "cancelled" || job.state === "failed";
export const isTransferOver = (transfer: Transfer) =>
  transfer.state === "done" || transfer.state === "cancelled" || transfer.state === "failed";

/** Where a job is, to its end. */
export function jobSentence(job: Job): Sentence {
  const device = job.device_name;
  if (isJobAsking(job)) {
    return { tone: "warn", words: t(job.direction === "outgoing" ? "job.must_ask" : "job.asks_here", { device }) };
  }
  switch (job.state) {
    case "sending":
      if (job.reason === "another_way") return { tone: "accent", words: t("job.another_way", { device }) };
      if (job.reason === "moving") return { tone: "accent", words: t("job.moving", { device }) };
      return job.reason === "peer_unreachable"
        ? { tone: "warn", words: t("job.waits_for_device", { device }) }
        : { tone: "accent", words: t("job.sending", { device }) };
    case "waiting":
      return { tone: "accent", words: t("job.waiting") };
    case "held":
      return { tone: "quiet", words: t("job.held", { reason: heldWords(job) }) };
    case "printing":
      return { tone: "accent", words: printing(job) };
    case "stopped":
      return {
        tone: "warn",
        words: isJobLost(job) ? t("job.maybe_printed") : t("job.stopped", { reason: reasonWords(job.reason) }),
      };
    case "done":
      return { tone: "ok", words: job.pages ? n("job.done_pages", pagesChosen(job.options.pages, job.pages)) : t("job.done") };
    case "cancelled":
      return job.reason === "cancel_unconfirmed"
        ? { tone: "warn", words: t("job.cancel_unconfirmed", { device }) }
        : { tone: "quiet", words: t("job.cancelled") };
    case "failed":
      return { tone: "danger", words: t("job.failed", { reason: failure(job.reason, device) }) };
  }
}

/** Who lets it go is told from where the reader sits. */
function heldWords({ direction, reason }: Job): string {
  const code = reason ?? "other";
  const here = `held_here.${code}`;
  return direction === "incoming" && isKey(here) ? t(here) : told("held", code, "held.other");
}

function printing(job: Job): string {
  const pages = pagesToPrint(job);
  if (pages && job.pages_done !== null) {
    const page = Math.min(job.pages_done + 1, pages);
    return t("job.printing_page", { page, pages });
  }
  return t("job.printing");
}

/** Whether it waits for its printer's owner to say yes. */
export const isJobAsking = (job: Job) => !isJobOver(job) && job.reason === "must_ask";

/** Whether nobody but a person at the printer can tell if it was printed. */
export const isJobLost = (job: Job) => job.state === "stopped" && job.reason === "maybe_printed";

/** Whether something is happening right now, and not waiting for a device or a person. */
export const isJobMoving = (job: Job) =>
  job.state === "printing" || (job.state === "sending" && job.reason === null);
export const isTransferMoving = (transfer: Transfer) => transfer.state === "running";

/** The part of a job that is done, when it can be told. */
export function jobProgress(job: Job): number | null {
  if (isJobOver(job)) return null;
  const pages = pagesToPrint(job);
  return job.state === "printing" && pages && job.pages_done !== null ? Math.min(1, job.pages_done / pages) : null;
}

/** As printers count: with the copies. Unknown where several pages come on one side, which some printers count as one. */
function pagesToPrint({ pages, options }: Job): number | null {
  if (pages === null || options.booklet || (options.number_up ?? 1) > 1) return null;
  return pagesChosen(options.pages, pages) * (options.copies ?? 1);
}

/** Where a copy is, to its end. */
export function transferSentence(transfer: Transfer): Sentence {
  const { language } = look;
  const device = transfer.device_name;
  const done = bytes(language, transfer.bytes_done);
  switch (transfer.state) {
    case "waiting":
      if (transfer.reason === "peer_unreachable") return { tone: "warn", words: t("copy.waits_for_device", { device }) };
      if (transfer.reason === "away") return { tone: "warn", words: t("copy.waits_for_disc", { drive: transfer.drive, device }) };
      if (transfer.reason === "disk_full") return { tone: "warn", words: waitsForRoom(transfer) };
      if (isTransferAsking(transfer)) return { tone: "accent", words: t("copy.waits_for_yes", { device }) };
      return { tone: "accent", words: transfer.inbox ? t("copy.asks_first", { device }) : t("copy.waiting") };
    case "running":
      return { tone: "accent", words: running(transfer, done) };
    case "paused":
      return { tone: "quiet", words: t("copy.paused", { done }) };
    case "done":
      return copied(transfer);
    case "cancelled":
      return { tone: "quiet", words: t("copy.cancelled") };
    case "failed":
      return partly(transfer) ?? { tone: "danger", words: notCopied(transfer) };
  }
}

/** Whether it waits for a person who has not accepted it yet: nothing of it travels before. */
export const isTransferAsking = ({ inbox, state, reason }: Transfer) => inbox && state === "waiting" && reason === "must_ask";

/** How much is missing on which disk. */
function waitsForRoom({ bytes: all, bytes_done: done, direction, device_name: device }: Transfer): string {
  const size = bytes(look.language, Math.max(0, (all ?? done) - done));
  return t(direction === "download" ? "copy.waits_for_room_here" : "copy.waits_for_room_there", { size, device });
}

/** How much, how fast, from how many, how long still. */
function running(transfer: Transfer, done: string): string {
  const { language } = look;
  const { bytes: all, bytes_done, rate, sources, tree } = transfer;
  const left = all === null ? null : timeLeft(language, Math.max(0, all - bytes_done), rate);
  const count = new Intl.NumberFormat(language);
  return [
    all === null ? t("copy.running", { done }) : t("copy.running_of", { done, all: bytes(language, all) }),
    tree && tree.files !== null && t("copy.files", { done: count.format(tree.files_done), all: count.format(tree.files) }),
    rate > 0 && t("copy.rate", { rate: bytes(language, rate) }),
    sources > 1 && n("copy.sources", sources),
    left !== null && t("copy.left", { time: left }),
  ]
    .filter(Boolean)
    .join(" · ");
}

/** A folder of which most is there. */
function partly({ tree }: Transfer): Sentence | null {
  if (!tree || tree.failed === 0) return null;
  const all = new Intl.NumberFormat(look.language).format(Math.max(tree.files ?? 0, tree.files_done + tree.failed));
  return { tone: "warn", words: n("copy.done_but", tree.failed, { all }) };
}

function copied(transfer: Transfer): Sentence {
  const { tree, inbox } = transfer;
  const part = partly(transfer);
  if (part) return part;
  if (tree && tree.misnamed > 0) {
    const words = [n("copy.misnamed", tree.misnamed), n("copy.done_files", tree.files_done)];
    return { tone: "warn", words: words.join(" · ") };
  }
  if (tree && !inbox) return { tone: "ok", words: n("copy.done_files", tree.files_done) };
  return { tone: "ok", words: t(inbox ? "copy.arrived" : "copy.done") };
}

function notCopied({ reason, inbox, device_name: device, direction, bytes: all, bytes_done }: Transfer): string {
  if (inbox && reason === "not_allowed") return t("copy.not_accepted", { device });
  if (reason === "disk_full" && all !== null) {
    const size = bytes(look.language, Math.max(0, all - bytes_done));
    return t(direction === "download" ? "copy.full_here" : "copy.full_there", { size, device });
  }
  return t("copy.failed", { reason: failure(reason, device) });
}

/** What there is to know of a copy that stands still, besides its sentence; none when that says it all. */
export function transferDetail({ reason, tree, name, device_name: device }: Transfer): string | null {
  if (tree && tree.failed > 0) return t(reason === "exists" ? "copy.detail.kept" : "copy.detail.part");
  if (tree && tree.misnamed > 0) return t("copy.detail.misnamed");
  const own = `copy.detail.${reason}`;
  return isKey(own) ? t(own, { name, device }) : null;
}

/** Why a single file of a folder was not copied. */
export function noteWords({ fate, reason }: TransferNote, device: string): string {
  const own = `copy.why.${fate}.${reason}`;
  if (isKey(own)) return t(own);
  const words = failure(reason, device);
  return `${words.charAt(0).toLocaleUpperCase(look.language)}${words.slice(1)}.`;
}

/** What there is to tell of a mounted drive: why it is not there, or what became of something that was written. */
export function mountWords(note: MountNote): string {
  switch (note.is) {
    case "failed":
      return told("unmounted", note.code, "unmounted.other");
    case "elsewhere":
      return t("mounts.elsewhere");
    case "kept_both":
      return t("mounts.kept_both", { path: note.path, kept: note.kept_as });
    case "lost":
      return t("mounts.lost", { path: note.path });
  }
}

/** Whether there is something to tell of single files. */
export const hasNotes = ({ tree }: Transfer) => tree !== null && tree.failed + tree.left_out + tree.renamed > 0;

export const isSendingOver = ({ state }: Sending) => state !== "asking" && state !== "accepted";

/** Where something is that somebody sends here. */
export function sendingSentence(sending: Sending): Sentence {
  const { language } = look;
  const device = sending.device_name;
  switch (sending.state) {
    case "asking":
      return { tone: "accent", words: t("receive.asking") };
    case "accepted": {
      if (sending.bytes_done === 0) return { tone: "accent", words: t("receive.waiting", { device }) };
      const sizes = { done: bytes(language, sending.bytes_done), all: bytes(language, sending.bytes) };
      return { tone: "accent", words: t("receive.running", sizes) };
    }
    case "done":
      return { tone: "ok", words: t("receive.done") };
    case "refused":
      return { tone: "quiet", words: t(sending.names.length > 0 ? "receive.stopped" : "receive.refused") };
    case "withdrawn":
      return { tone: "quiet", words: t(sending.names.length > 0 ? "receive.withdrawn_part" : "receive.withdrawn", { device }) };
  }
}

export function sendingProgress({ state, bytes, bytes_done }: Sending): number | null {
  return state !== "accepted" || bytes_done === 0 || bytes === 0 ? null : Math.min(1, bytes_done / bytes);
}

export function transferProgress(transfer: Transfer): number | null {
  if (isTransferOver(transfer) || isTransferAsking(transfer) || !transfer.bytes) return null;
  return Math.min(1, transfer.bytes_done / transfer.bytes);
}

function failure(reason: string | null, device: string): string {
  if (!reason) return t("failure.other");
  return told("failure", reason, "failure.other", { device });
}

/** The name of this computer's device at the other end, when it still has one. */
export function offered(nearby: Nearby, device: string): string {
  const printers = nearby.printers.filter((printer) => printer.device === device).length;
  const drives = nearby.drives.filter((drive) => drive.device === device).length;
  const parts = [printers && n("device.printers", printers), drives && n("device.folders", drives)].filter(Boolean);
  return parts.length > 0 ? parts.join(", ") : t("device.nothing");
}

/** Whether something of another device can be used, where there is more to say than yes. */
export function accessState(access: Access, device: string): Sentence | null {
  switch (access) {
    case "allowed":
      return null;
    case "ask":
      return { tone: "quiet", words: t("access.ask") };
    case "waiting":
      return { tone: "accent", words: t("access.waiting", { device }) };
    case "refused":
      return { tone: "warn", words: t("access.refused") };
  }
}

/** Whether a device answers, and since when not. */
export function deviceState(state: DeviceState, seen: string | null): Sentence {
  if (state === "online") return { tone: "ok", words: t("device.online") };
  return { tone: "quiet", words: seen ? `${t("device.unreachable")} · ${seen}` : t("device.unreachable") };
}

export function lastSeen(millis: number | null, now: number): string | null {
  if (millis === null) return null;
  const time = ago(look.language, millis, now);
  return time === null ? null : t("device.heard", { time });
}

const SYSTEMS = { linux: "Linux", macos: "macOS", windows: "Windows", other: "" };
export const osWords = (os: Os): string => SYSTEMS[os];

/** What a member is, in a few words. */
export function memberAbout(member: Member): string {
  return [member.this_device && t("this_computer"), t(`role.${member.role}`), osWords(member.os)].filter(Boolean).join(" · ");
}

/** Who wants what: `Ben's laptop wants to print “letter.pdf” (3 pages) on Laser`. */
export function askSentence(ask: Ask): string {
  const values = { device: ask.device_name, share: ask.share_name };
  if (ask.folder !== null && ask.names.length > 1) {
    return n("asks.send_many", Math.max(ask.files ?? 0, ask.names.length), { device: ask.device_name });
  }
  if (ask.folder !== null) return t("asks.send", { ...values, title: ask.title ?? "" });
  if (ask.share_kind === "folder") return t("asks.folder", values);
  const size = ask.pages !== null ? n("pages", ask.pages) : ask.bytes !== null ? bytes(look.language, ask.bytes) : null;
  if (ask.title === null) return t("asks.printer", values);
  return size === null ? t("asks.print", { ...values, title: ask.title }) : t("asks.print_size", { ...values, title: ask.title, size });
}

/** Whether the name of who asks is more than a claim. */
export function askerSentence(ask: Ask): Sentence {
  if (ask.folder !== null) {
    const size = ask.bytes === null ? null : bytes(look.language, ask.bytes);
    return { tone: "quiet", words: [t("asks.send_known"), size].filter(Boolean).join(" · ") };
  }
  return ask.known
    ? { tone: "quiet", words: t("asks.known", { address: ask.address }) }
    : { tone: "warn", words: t("asks.not_proven", { address: ask.address }) };
}

/** How long a question still waits. */
export function minutesWords(until: number, now: number): string {
  return n("asks.minutes", Math.max(1, minutesLeft(until, now)));
}

/** What a right means on a share of that kind. */
export function rightWords(kind: Share["kind"], right: Right): string {
  return t(kind === "printer" ? "right.print" : `right.${right}`);
}

export function rightSentence(share: Share, { right, ask, rules }: { right: Right; ask: boolean; rules: Rules }): string {
  const may = ask ? `${rightWords(share.kind, right)}, ${t("right.asks")}` : rightWords(share.kind, right);
  return [may, ...(share.kind === "printer" ? rulesWords(rules) : [])].join(" · ");
}

/** Who may use a share, on one line. */
export function whoSentence(who: Who, kind: Share["kind"], name: (id: string) => string): string {
  const list = new Intl.ListFormat(look.language, { type: "conjunction" });
  const group =
    who.group === "chosen" ? list.format(who.devices.map(({ id }) => name(id))) : t(`who.${who.group}`);
  return [
    group,
    kind === "folder" && who.group !== "chosen" && who.right !== "use" && t(`right.${who.right}`),
    who.mayAsk && t("who.others_ask"),
    ...(kind === "printer" ? rulesWords(who.rules) : []),
    who.until !== null && t("until", { time: until(look.language, who.until) }),
  ]
    .filter(Boolean)
    .join(" · ");
}

/** The owner's limits on a printer, a few words each. */
function rulesWords({ jobs, pages, gray, quiet }: Rules): string[] {
  const rules = [
    jobs !== null && n("who.sum_jobs", jobs),
    pages !== null && n("who.sum_pages", pages),
    gray && t("who.sum_gray"),
    quiet !== null && t("who.sum_quiet", { from: timeOf(quiet.from), to: timeOf(quiet.to) }),
  ];
  return rules.filter((words) => words !== false);
}

/** What a guest's pass is good for. */
export function passSentence(pass: Pass): string {
  return t(`pass.${pass.action}_on`, { share: pass.share_name, time: until(look.language, pass.ends_at) });
}

/** What a check found, sentence by sentence; in English where this page is older than its node. */
export function foundWords({ found, detail }: Check): string {
  const sentences = found.map((finding) => coded(`finding.${finding.code}`, finding));
  return sentences.includes(null) || sentences.length === 0 ? detail : sentences.join(" ");
}

/** What helps, step by step. */
export function helpWords({ helps, fix }: Check): string[] {
  const steps = helps.map((help) => coded(`remedy.${help.code}`, help));
  return steps.includes(null) || (steps.length === 0 && fix !== null) ? [fix ?? ""] : (steps as string[]);
}

/** The words behind a code, with its values. Paths stand as a shell takes them; names are listed as people do. */
function coded(key: string, { code: _, ...values }: Finding | Remedy): string | null {
  if (!isKey(key)) return null;
  const list = new Intl.ListFormat(look.language, { type: "conjunction" });
  const shown = (name: string, value: string | number | string[]) =>
    Array.isArray(value) ? (name === "paths" ? value.join(" ") : list.format(value)) : value;
  return t(key, Object.fromEntries(Object.entries(values).map(([name, value]) => [name, shown(name, value)])));
}

/** What a self-check comes to. */
export function checksSentence(checks: Check[]): string {
  const failed = checks.filter((check) => check.outcome === "failed").length;
  const warnings = checks.filter((check) => check.outcome === "warning").length;
  if (failed > 0) return n("check.sum_failed", failed);
  return warnings > 0 ? n("check.sum_warnings", warnings) : t("check.sum_good");
}
