// What goes on and what went on, each thing with its sentence and what can be done with it.

import ArrowDown from "@lucide/svelte/icons/arrow-down-to-line";
import ArrowUp from "@lucide/svelte/icons/arrow-up-from-line";
import FileInput from "@lucide/svelte/icons/file-input";
import Inbox from "@lucide/svelte/icons/inbox";
import Printer from "@lucide/svelte/icons/printer";
import Send from "@lucide/svelte/icons/send";
import type { Component } from "svelte";
import type { Job, JobAction, Sending, Transfer } from "./api";
import { bytes } from "./format";
import { printerState } from "./printer-words";
import {
  hasNotes,
  isJobMoving,
  isJobOver,
  isSendingOver,
  isTransferMoving,
  isTransferOver,
  jobProgress,
  jobSentence,
  sendingProgress,
  sendingSentence,
  transferDetail,
  transferProgress,
  transferSentence,
  type Sentence,
} from "./sentences";
import { attempt, copyPath, discardTransfer, endTransfer, handleJob, nextTransfer, pauseTransfer, retryTransfer, stopSending } from "./state/actions";
import { platform } from "./state/app.svelte";
import { isTaken, settleCopies } from "./state/conflicts";
import { above } from "./state/dialogs.svelte";
import { look } from "./state/look.svelte";
import type { Model } from "./state/model";
import { reading, type Read } from "./state/reading.svelte";
import { n, t } from "./state/say";

export interface Item {
  id: string;
  icon: Component;
  title: string;
  about: string;
  at: number;
  sentence: Sentence;
  progress: number | null;
  moving: boolean;
  over: boolean;
  /** What there is to know besides the sentence. */
  means: string | null;
  /** What the state says about itself in English, for whoever wants to know more. */
  detail: string | null;
  does: Does[];
}

export interface Does {
  words: string;
  act: () => unknown;
}

/** Everything, newest first. */
export function allItems(model: Model): Item[] {
  const items = [
    ...fromBrowser(reading.files),
    ...model.jobs.map((job) => fromJob(job, model)),
    ...model.transfers.map((copy) => fromTransfer(copy, model)),
    // What waits for an answer stands above every place already.
    ...model.inbox.sendings.filter((sending) => sending.state !== "asking").map(fromSending),
  ];
  return items.sort((a, b) => b.at - a.at);
}

/** In this order, what helps the job first. */
const ACTIONS: JobAction[] = ["release", "retry", "reprint", "hold", "move", "cancel"];

/** What is over needs no cancelling, and trying again is the same as printing again. */
function offered(job: Job): JobAction[] {
  const actions = ACTIONS.filter((action) => job.actions.includes(action));
  if (job.state !== "failed" || !actions.includes("retry")) return actions;
  return actions.filter((action) => action !== "reprint" && action !== "cancel");
}

/** A job that waits says what its printer waits for, when that is known here. */
function whereItIs(job: Job, model: Model): Sentence {
  const sentence = jobSentence(job);
  if (job.state !== "waiting" || job.direction !== "outgoing" || job.reason !== null) return sentence;
  const printer = model.nearby.printers.find(({ name, device_name }) => name === job.printer && device_name === job.device_name);
  if (printer?.state !== "stopped") return sentence;
  return { tone: "warn", words: `${sentence.words} · ${printerState({ state: printer.state, reasons: printer.reasons }).words}` };
}

const some = (parts: (string | false | null)[]) => parts.filter(Boolean).join(" · ");

function fromJob(job: Job, model: Model): Item {
  const ours = job.direction === "outgoing";
  return {
    id: `job-${job.id}`,
    icon: ours ? Printer : Inbox,
    title: job.title,
    about: some([
      t(ours ? "activity.on_printer" : "activity.for_printer", { printer: job.printer, device: job.device_name }),
      job.user !== null && job.user !== "" && t("activity.sent_by", { user: job.user }),
      job.pages !== null && n("pages", job.pages),
      bytes(look.language, job.bytes),
    ]),
    at: job.created_at,
    sentence: whereItIs(job, model),
    progress: jobProgress(job),
    moving: isJobMoving(job),
    over: isJobOver(job),
    means: null,
    detail: job.detail,
    does: offered(job).map((action) => ({ words: t(`job_action.${action}`), act: () => handleJob(job, action) })),
  };
}

/** Files that the browser still hands over, where they go to: they are lost with the page. */
function fromBrowser(files: readonly Read[]): Item[] {
  const firsts = files.filter((file, i) => files.findIndex((other) => isTogether(file, other)) === i);
  return firsts.map((first) => {
    const { id, to, at } = first;
    const together = files.filter((file) => isTogether(file, first));
    return {
      id: `read-${id}`,
      icon: ArrowUp,
      title: readTitle(together),
      about: some([to, bytes(look.language, together.reduce((all, { size }) => all + size, 0))]),
      at,
      sentence: { tone: "accent", words: t("copy.reading") },
      progress: null,
      moving: true,
      over: false,
      means: null,
      detail: null,
      does: [],
    };
  });
}

const isTogether = (a: Read, b: Read) => a.to === b.to && a.at === b.at;

/** What is being read, by the name of the first. */
export function readTitle([first, ...more]: readonly Read[]): string {
  const name = first?.name ?? "";
  return more.length === 0 ? name : t("copy.reading_many", { name, count: more.length });
}

function fromTransfer(copy: Transfer, model: Model): Item {
  const over = isTransferOver(copy);
  const down = copy.direction === "download";
  const reveal = platform().reveal;
  const does: Does[] = [];
  if (hasNotes(copy)) does.push({ words: t("copy.notes"), act: () => above.open({ what: "copy_notes", transfer: copy.id }) });
  if (down && copy.state === "done" && reveal) does.push({ words: t("reveal"), act: () => attempt(() => reveal(copy.local_path)) });
  if (isTaken(copy)) {
    const alike = model.transfers.filter((other) => other.id !== copy.id && isTaken(other));
    does.push({ words: t("copy.decide"), act: () => settleCopies([copy, ...alike]) });
  } else if (copy.state === "failed") {
    // What a full disk stopped goes on from where it was, as its sentence says.
    does.push({ words: t(copy.reason === "disk_full" ? "copy.go_on" : "try_again"), act: () => retryTransfer(copy.id) });
  }
  if (copy.state === "paused") does.push({ words: t("copy.resume"), act: () => retryTransfer(copy.id) });
  if (waitsItsTurn(copy) && model.transfers.some((other) => other.id !== copy.id && other.device === copy.device && waitsItsTurn(other))) {
    does.push({ words: t("copy.next"), act: () => nextTransfer(copy) });
  }
  if (copy.state === "running" || copy.state === "waiting") does.push({ words: t("copy.pause"), act: () => pauseTransfer(copy) });
  if (!over) does.push({ words: t("cancel"), act: () => endTransfer(copy) });
  else if (copy.state === "failed") does.push({ words: t("copy.discard"), act: () => discardTransfer(copy) });
  return {
    id: `copy-${copy.id}`,
    icon: copy.inbox ? Send : down ? ArrowDown : ArrowUp,
    title: copy.name,
    about: some([whereTo(copy), copy.bytes !== null && bytes(look.language, copy.bytes)]),
    at: copy.created_at,
    sentence: transferSentence(copy),
    progress: transferProgress(copy),
    moving: isTransferMoving(copy),
    over,
    means: transferDetail(copy),
    // What became of the files of a folder is told one by one, in the reader's words.
    detail: copy.tree?.failed ? null : copy.detail,
    does,
  };
}

/** Whether it waits for nothing but others before it. */
const waitsItsTurn = ({ state, reason }: Transfer) => state === "waiting" && reason === null;

function whereTo({ direction, inbox, drive, device_name: device }: Transfer): string {
  if (inbox) return t("activity.sent_to", { device });
  return t(direction === "download" ? "activity.from_drive" : "activity.to_drive", { drive, device });
}

function fromSending(sending: Sending): Item {
  const { reveal, openFolder } = platform();
  const [name] = sending.names;
  const does: Does[] = [];
  if (name !== undefined && reveal && openFolder) {
    // One thing is pointed at; of several the folder is shown that they are in.
    const show = () => (sending.names.length === 1 ? reveal(`${sending.folder}/${name}`) : openFolder(sending.folder));
    does.push({ words: t("receive.open"), act: () => attempt(show) });
  } else if (name !== undefined) {
    // A browser shows no folders of its computer: there the path helps.
    does.push({ words: t("mount.copy"), act: () => attempt(() => copyPath(sending.folder)) });
  }
  if (sending.state === "accepted") does.push({ words: t("receive.stop"), act: () => stopSending(sending.id) });
  const sentence = sendingSentence(sending);
  return {
    id: `sending-${sending.id}`,
    icon: FileInput,
    title: sending.title,
    about: some([
      t("activity.sent_from", { device: sending.device_name }),
      bytes(look.language, sending.bytes),
      name !== undefined && t("activity.is_in", { folder: sending.folder }),
    ]),
    at: sending.asked_at,
    sentence,
    progress: sendingProgress(sending),
    moving: sending.state === "accepted" && sending.bytes_done > 0,
    over: isSendingOver(sending),
    means: null,
    detail: null,
    does,
  };
}
