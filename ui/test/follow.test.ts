import { describe, expect, test } from "vitest";
import type { ApiError, Event, Snapshot } from "../src/api";
import { follow, type Connection } from "../src/state/follow";
import type { Model } from "../src/state/model";
import { job, snapshot } from "./samples";

/** A node whose stream the test speaks for. */
class Stream {
  subscriptions = 0;
  asked = 0;
  seen: { model: Model | null; connection: Connection }[] = [];
  pauses: number[] = [];
  #heard: (event: Event) => void = () => {};
  #ended: (error: ApiError | null) => void = () => {};
  answer: (snapshot: Snapshot) => void = () => {};
  refuse: (error: Error) => void = () => {};

  start() {
    return follow(
      {
        subscribe: (heard, ended) => {
          this.subscriptions++;
          this.#heard = heard;
          this.#ended = ended;
          return () => {};
        },
        snapshot: () => {
          this.asked++;
          return new Promise((resolve, reject) => {
            this.answer = resolve;
            this.refuse = reject;
          });
        },
      },
      (model, connection) => this.seen.push({ model, connection }),
      async (ms) => void this.pauses.push(ms),
    );
  }

  say(seq: number, change: Event["change"]) {
    this.#heard({ seq, change });
  }
  end(error: ApiError | null = null) {
    this.#ended(error);
  }
  get last() {
    return this.seen.at(-1);
  }
}

const settled = () => new Promise((done) => setTimeout(done));
const begun = () => {
  const stream = new Stream();
  stream.start();
  stream.say(5, { what: "snapshot", value: snapshot(5) });
  return stream;
};

describe("following a node", () => {
  test("a gap is filled with one snapshot, and what came meanwhile is not lost", async () => {
    const stream = begun();
    stream.say(7, { what: "job", value: job("seven", 7) });
    stream.say(8, { what: "job", value: job("eight", 8) });
    expect(stream.asked, "one question however many events come").toBe(1);
    stream.answer(snapshot(7));
    await settled();
    expect(stream.last?.model?.seq).toBe(8);
    expect(stream.last?.model?.jobs.map((job) => job.id), "seven is in the snapshot, eight came after it").toEqual(["eight"]);
  });

  test("a snapshot that is older than the gap is not enough: it is asked for again", async () => {
    const stream = begun();
    stream.say(9, { what: "job", value: job("nine", 9) });
    stream.answer(snapshot(6));
    await settled();
    expect(stream.asked).toBe(2);
  });

  test("a stream that ends is told and subscribed to anew, after longer and longer pauses", async () => {
    const stream = begun();
    for (let i = 0; i < 6; i++) {
      stream.end({ code: "stopping", detail: "gone" });
      expect(stream.last?.connection).toEqual({ state: "lost", error: { code: "stopping", detail: "gone" } });
      await settled();
    }
    expect(stream.subscriptions).toBe(7);
    expect(stream.pauses).toEqual([300, 600, 1200, 2400, 4800, 5000]);
    stream.say(1, { what: "snapshot", value: snapshot(1) });
    expect(stream.last?.connection).toEqual({ state: "live" });
  });

  test("when the snapshot cannot be had, the stream is begun anew", async () => {
    const stream = begun();
    stream.say(9, { what: "job", value: job("nine", 9) });
    stream.refuse(new Error("gone"));
    await settled();
    expect(stream.subscriptions).toBe(2);
    expect(stream.last?.model, "what was known stays on the screen").not.toBeNull();
  });

  test("nothing is told after it was stopped", async () => {
    const stream = new Stream();
    const stop = stream.start();
    stop();
    stream.say(5, { what: "snapshot", value: snapshot(5) });
    stream.end();
    await settled();
    expect(stream.seen).toEqual([]);
    expect(stream.subscriptions).toBe(1);
  });
});
