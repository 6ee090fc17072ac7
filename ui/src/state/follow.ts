// Keeps a model up to date from a stream that may have gaps and may break.

import type { ApiError, Event, Snapshot } from "../api";
import { apply, fromSnapshot, type Model } from "./model";

/** Where the events come from and who is told. */
export interface Source {
  subscribe(heard: (event: Event) => void, ended: (error: ApiError | null) => void): () => void;
  snapshot(): Promise<Snapshot>;
}

export type Connection =
  | { state: "connecting" }
  | { state: "live" }
  /** The node went away; being tried again. */
  | { state: "lost"; error: ApiError | null };

/** More events than this during one gap mean that the next snapshot is the better answer. */
const MOST_HELD_BACK = 2000;

const FIRST_PAUSE = 300;
const LONGEST_PAUSE = 5000;

/** Follows until the returned function is called. */
export function follow(
  source: Source,
  changed: (model: Model | null, connection: Connection) => void,
  wait: (ms: number) => Promise<void> = (ms) => new Promise((done) => setTimeout(done, ms)),
): () => void {
  let model: Model | null = null;
  let connection: Connection = { state: "connecting" };
  let stopStream = () => {};
  let stopped = false;
  let pause = FIRST_PAUSE;
  /** Events that came while a snapshot was asked for; none while nothing is asked. */
  let heldBack: Event[] | null = null;

  const tell = () => stopped || changed(model, connection);

  function heard(event: Event) {
    if (stopped) return;
    if (heldBack !== null && event.change.what !== "snapshot") {
      if (heldBack.length < MOST_HELD_BACK) heldBack.push(event);
      return;
    }
    const outcome = apply(model, event);
    model = outcome.model;
    if (outcome.gap) {
      heldBack = [event];
      void fillGap();
      return;
    }
    if (event.change.what === "snapshot") {
      connection = { state: "live" };
      pause = FIRST_PAUSE;
      heldBack = null;
    }
    if (outcome.stopping) connection = { state: "lost", error: null };
    tell();
  }

  async function fillGap() {
    try {
      const snapshot = fromSnapshot(await source.snapshot());
      if (stopped || heldBack === null) return;
      model = snapshot;
      connection = { state: "live" };
      const events = heldBack;
      heldBack = null;
      for (const event of events) heard(event);
      tell();
    } catch {
      // The stream is of no use without its beginning: subscribe anew, which starts with a snapshot.
      heldBack = null;
      stopStream();
      ended(null);
    }
  }

  function ended(error: ApiError | null) {
    if (stopped) return;
    heldBack = null;
    connection = { state: "lost", error };
    tell();
    void wait(pause).then(() => {
      pause = Math.min(pause * 2, LONGEST_PAUSE);
      begin();
    });
  }

  function begin() {
    if (stopped) return;
    let over = false;
    const stop = source.subscribe(
      (event) => over || heard(event),
      (error) => {
        if (over) return;
        over = true;
        ended(error);
      },
    );
    stopStream = () => {
      over = true;
      stop();
    };
  }

  begin();
  return () => {
    stopped = true;
    stopStream();
  };
}
