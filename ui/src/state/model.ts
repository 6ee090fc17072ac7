// What the node told: a snapshot and the numbered changes since. Pure: events in, a new model out.

import type { Ask, Event, HomeState, Inbox, Job, Medium, Mount, Nearby, NodeStatus, Pass, Queue, Share, Snapshot, Transfer } from "../api";

export interface Model {
  /** The number of the last event in here. */
  seq: number;
  status: NodeStatus;
  nearby: Nearby;
  shares: Share[];
  home: HomeState;
  asks: Ask[];
  passes: Pass[];
  queues: Queue[];
  jobs: Job[];
  transfers: Transfer[];
  media: Medium[];
  inbox: Inbox;
  mounts: Mount[];
}

/** `gap`: an event is missing, ask for the snapshot. `stopping`: the node says goodbye. */
export type Outcome = { model: Model | null; gap: boolean; stopping: boolean };

/** Applies one event. An old one changes nothing; one from the future reveals that one was missed. */
export function apply(model: Model | null, event: Event): Outcome {
  const { change } = event;
  const outcome = (model: Model | null, gap = false, stopping = false): Outcome => ({ model, gap, stopping });

  if (change.what === "snapshot") return outcome(fromSnapshot(change.value));
  if (change.what === "stopping") return outcome(model, false, true);
  if (model === null || event.seq > model.seq + 1) return outcome(model, true);
  if (event.seq <= model.seq) return outcome(model);

  const next = { ...model, seq: event.seq };
  switch (change.what) {
    case "status":
      return outcome({ ...next, status: change.value });
    case "nearby":
      return outcome({ ...next, nearby: change.value });
    case "shares":
      return outcome({ ...next, shares: change.value });
    case "home":
      return outcome({ ...next, home: change.value });
    case "asks":
      return outcome({ ...next, asks: change.value });
    case "passes":
      return outcome({ ...next, passes: change.value });
    case "queues":
      return outcome({ ...next, queues: change.value });
    case "job":
      return outcome({ ...next, jobs: put(model.jobs, change.value) });
    case "transfer":
      return outcome({ ...next, transfers: put(model.transfers, change.value) });
    case "media":
      return outcome({ ...next, media: change.value });
    case "inbox":
      return outcome({ ...next, inbox: change.value });
    case "mounts":
      return outcome({ ...next, mounts: change.value });
  }
}

export function fromSnapshot(snapshot: Snapshot): Model {
  return { ...snapshot };
}

/** How many questions wait for this computer's owner. */
export const questions = ({ asks, home }: Model) => asks.length + (home.invite?.state === "asking" ? 1 : 0);

/** Replaces the thing with the same id where it stands, or puts a new one where its time belongs: newest first. */
function put<T extends { id: string; created_at: number }>(list: T[], item: T): T[] {
  const at = list.findIndex((other) => other.id === item.id);
  if (at >= 0) return list.with(at, item);
  const before = list.findIndex((other) => other.created_at <= item.created_at);
  return list.toSpliced(before < 0 ? list.length : before, 0, item);
}
