// What a person does to the node, with its outcome shown. Dialogs that show errors in place ask the node themselves.

import type { Answer, Share } from "../api";
import type { LocalFile } from "../platform";
import { asApiError } from "../platform";
import { ask, platform } from "./app.svelte";
import { above } from "./dialogs.svelte";
import { withWriting } from "../who";

/** Does something; what fails is told in a note that offers to try again. */
export async function attempt(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (thrown) {
    above.note({ about: "error", error: asApiError(thrown), retry: () => void attempt(work) });
    return false;
  }
}

/** Copies a file to this computer's downloads folder; a name that is taken gets a number. */
export function download(drive: string, path: string) {
  return attempt(async () => {
    const transfer = await ask({ do: "get", drive, path, dest: null, conflict: "keep_both" }, "transfer");
    above.note({ about: "transfer", transfer: transfer.id });
  });
}

/** Copies files of this computer into a folder of a drive. */
export async function upload(drive: string, folder: string, files: LocalFile[]) {
  for (const file of files) {
    if (file.folder) {
      above.note({ about: "error", error: { code: "invalid", detail: `${file.name} is a folder.` } });
      continue;
    }
    await attempt(async () => {
      const document = await platform().uploadDocument(file);
      const path = folder === "" ? "" : `${folder}/`;
      const transfer = await ask({ do: "put", document, drive, path, conflict: "keep_both" }, "transfer");
      above.note({ about: "transfer", transfer: transfer.id });
    });
  }
}

export const cancelJob = (job: string) => attempt(() => ask({ do: "cancel_job", job }, "job"));
export const retryJob = (job: string) => attempt(() => ask({ do: "retry_job", job }, "job"));
export const cancelTransfer = (transfer: string) => attempt(() => ask({ do: "cancel_transfer", transfer }, "transfer"));
export const retryTransfer = (transfer: string) => attempt(() => ask({ do: "retry_transfer", transfer }, "transfer"));

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
