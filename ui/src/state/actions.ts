// What a person does to the node, with its outcome shown. Dialogs that show errors in place ask the node themselves.

import type { Answer, Ask, Job, JobAction, Mount, Printer, Queue, Share, Transfer } from "../api";
import type { LocalFile } from "../platform";
import { asApiError } from "../platform";
import { ask } from "./app.svelte";
import { above } from "./dialogs.svelte";
import { reading } from "./reading.svelte";
import { n, t } from "./say";
import { withWriting } from "../who";

/** Does something; what fails is told in a note that offers to try again, and says what was `tried`. */
export async function attempt(work: () => Promise<unknown>, tried?: string, ofPrinter = false): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (thrown) {
    const retry = () => void attempt(work, tried, ofPrinter);
    above.note({ about: "error", error: asApiError(thrown), ...(tried !== undefined && { tried }), ofPrinter, retry });
    return false;
  }
}

export const cancelJob = (job: string) => attempt(() => ask({ do: "cancel_job", job }, "job"));

/** Does with a job what its node says can be done, and says how to take it back where that can be. */
export function handleJob(job: Job, action: JobAction): unknown {
  const { id, title } = job;
  const hold = () => ask({ do: "hold_job", job: id }, "job");
  const release = () => ask({ do: "release_job", job: id }, "job");
  const then = (work: () => Promise<unknown>, words: string, back?: () => Promise<unknown>) =>
    attempt(async () => {
      await work();
      above.say(words, back && (() => void attempt(back)));
    });
  switch (action) {
    case "cancel":
      return then(() => ask({ do: "cancel_job", job: id }, "job"), t("job.did_cancel", { title }));
    case "hold":
      return then(hold, t("job.did_hold", { title }), release);
    case "release":
      // What waited for an answer was let go for good.
      return then(release, t("job.did_release", { title }), job.reason === "must_ask" ? undefined : hold);
    case "retry":
      return then(() => ask({ do: "retry_job", job: id }, "job"), t("job.did_release", { title }));
    case "reprint":
      return attempt(async () => {
        const again = await ask({ do: "reprint", job: id }, "job");
        above.note({ about: "job", job: again.id });
      });
    case "move":
      return above.open({ what: "move", job: id });
  }
}

/** Puts a printer into the print dialog of this computer's own programs, or takes it out again. */
export function addPrinter({ id, name }: Printer): Promise<boolean> {
  return attempt(
    async () => {
      await ask({ do: "add_printer", printer: id }, "nearby");
      above.say(t("add_here.done", { name }));
    },
    t("add_here.failed", { name }),
    true,
  );
}

export function removePrinter(printer: Printer): Promise<boolean> {
  const { id, name } = printer;
  return attempt(
    async () => {
      await ask({ do: "remove_printer", printer: id }, "nearby");
      above.say(t("add_here.removed", { name }), () => void addPrinter(printer));
    },
    t("add_here.remove_failed", { name }),
    true,
  );
}

/** Stops one of this computer's printers, or lets it go on; jobs wait meanwhile. */
export function pauseQueue(queue: Queue, name: string, pause: boolean): Promise<boolean> {
  return attempt(async () => {
    await ask({ do: pause ? "pause_queue" : "resume_queue", queue: queue.id }, "queues");
    const words = t(pause ? "sharing.printer_paused" : "sharing.printer_resumed", { name });
    above.say(words, () => void pauseQueue(queue, name, !pause));
  });
}

export const cancelTransfer = (transfer: string) => attempt(() => ask({ do: "cancel_transfer", transfer }, "transfer"));
export const retryTransfer = (transfer: string) => attempt(() => ask({ do: "retry_transfer", transfer }, "transfer"));

/** Holds a copy; what it has stays for when it goes on. */
export function pauseTransfer({ id, name }: Transfer): Promise<boolean> {
  return attempt(async () => {
    await ask({ do: "pause_transfer", transfer: id }, "transfer");
    above.say(t("copy.did_pause", { name }), () => void retryTransfer(id));
  });
}

/** Puts a copy before the others that wait for the same device. */
export function nextTransfer({ id, name }: Transfer): Promise<boolean> {
  return attempt(async () => {
    await ask({ do: "next_transfer", transfer: id }, "transfer");
    above.say(t("copy.is_next", { name }));
  });
}

/** Ends a copy. Taken back, it begins anew, or goes on with what is there of a folder. */
export function endTransfer({ id, name }: Transfer): Promise<boolean> {
  return attempt(async () => {
    await ask({ do: "cancel_transfer", transfer: id }, "transfer");
    above.say(t("copy.did_cancel", { name }), () => void retryTransfer(id));
  });
}

/** Gives up a copy that has failed: what came of it goes away. */
export function discardTransfer({ id, name }: Transfer): Promise<boolean> {
  return attempt(async () => {
    await ask({ do: "cancel_transfer", transfer: id }, "transfer");
    above.say(t("copy.did_discard", { name }));
  });
}

/** Sends files and folders to a device of the home, where somebody accepts them first. */
export async function send(device: { id: string; name: string }, files: LocalFile[]) {
  const can = files.filter((file) => !file.folder || file.path !== undefined);
  if (can.length < files.length) {
    above.note({ about: "error", error: { code: "invalid", detail: t("send.no_folders") }, tried: t("send.no_folders") });
  }
  if (can.length === 0) return;
  await attempt(
    async () => {
      const hands = reading.begin(can, t("activity.sent_to", { device: device.name }));
      const documents = await Promise.all(can.map(hands.hand)).finally(hands.end);
      const begun = await ask({ do: "send", files: documents, device: device.id }, "transfers");
      const [first] = begun;
      if (begun.length === 1 && first) above.note({ about: "transfer", transfer: first.id });
      else above.say(n("send.begun", begun.length, { device: device.name }));
    },
    t("send.failed", { device: device.name }),
  );
}

/** Stops what somebody sends here; what is whole stays. */
export const stopSending = (sending: string) => attempt(() => ask({ do: "stop_sending", sending }, "inbox"));

/** Answers whoever wants to send something; what is accepted is followed in a note. */
export function answerSend(question: Ask, answer: Answer): Promise<boolean> {
  const { id, device, device_name } = question;
  return attempt(async () => {
    await ask({ do: "answer_ask", ask: id, answer }, "asks");
    if (answer === "no") return;
    above.note({ about: "sending", sending: id });
    if (answer === "always") {
      const again = () => void attempt(() => ask({ do: "forget_sender", device }, "inbox"));
      above.say(t("asks.accepts_always", { device: device_name }), again);
    }
  });
}

/** Puts the path of a folder of this computer where it can be pasted. */
export async function copyPath(dir: string) {
  await navigator.clipboard?.writeText(dir);
  above.say(t("mount.copied", { dir }));
}

/** Takes a mounted drive away; where programs have files open, a person is asked. */
export function unmount(mount: Mount): Promise<boolean> {
  const { dir, drive: name } = mount;
  const end = (careful: boolean) => async () => {
    await ask({ do: "unmount", dir, careful }, "done");
    above.say(t("mount.ended", { name }));
  };
  return attempt(async () => {
    try {
      await end(true)();
    } catch (thrown) {
      if (asApiError(thrown).code !== "busy") throw thrown;
      const means = [t("mount.busy_means"), t("mount.busy_anyway")];
      above.open({ what: "sure", sure: { title: t("mount.busy", { name }), means, does: t("mount.end_anyway"), act: end(false) } });
    }
  });
}

export const sharePrinter = (queue: string) =>
  attempt(() => ask({ do: "share_printer", queue, name: null, audience: [], until: null }, "share"));
export const unshare = (share: string) => attempt(() => ask({ do: "unshare", share }, "done"));
export const allowWriting = (share: Share, write: boolean) =>
  attempt(() => {
    const audience = withWriting(share.policy, write);
    return ask({ do: "change_share", share: share.id, name: null, write: false, audience, until: null }, "share");
  });

export const pause = (until: number | null) => attempt(() => ask({ do: "pause", until }, "status"));
export const resume = () => attempt(() => ask({ do: "unpause" }, "status"));

export const setNetwork = (network: string, own: boolean) =>
  attempt(() => ask({ do: "set_network", network, profile: own ? "trusted" : "public" }, "networks"));

export const answerAsk = (id: string, answer: Answer) => attempt(() => ask({ do: "answer_ask", ask: id, answer }, "asks"));
export const answerInvite = (accept: boolean) => attempt(() => ask({ do: "answer_invite", accept }, "done"));
/** Asks the owner of a printer or drive; the answer comes by itself. */
export const askOwner = (what: string) => attempt(() => ask({ do: "ask_owner", what }, "done"));
export const endPass = (pass: string) => attempt(() => ask({ do: "end_pass", pass }, "passes"));
