import { describe, expect, test } from "vitest";
import type { Event, Job } from "../src/api";
import { apply, type Model } from "../src/state/model";
import { job, snapshot } from "./samples";

const begin = (seq: number): Model => apply(null, { seq, change: { what: "snapshot", value: snapshot(seq) } }).model!;
const jobEvent = (seq: number, value: Job): Event => ({ seq, change: { what: "job", value } });

describe("a model of the node", () => {
  test("begins with a snapshot and takes the next change", () => {
    const { model, gap } = apply(begin(7), jobEvent(8, job("a", 1)));
    expect(gap).toBe(false);
    expect(model?.seq).toBe(8);
    expect(model?.jobs.map((job) => job.id)).toEqual(["a"]);
  });

  test("asks for the snapshot when a change is missing, and keeps what it has", () => {
    const before = begin(7);
    const { model, gap } = apply(before, jobEvent(9, job("a", 1)));
    expect(gap).toBe(true);
    expect(model).toBe(before);
  });

  test("asks for the snapshot when it hears a change before one", () => {
    expect(apply(null, jobEvent(3, job("a", 1))).gap).toBe(true);
  });

  test("ignores a change that is already in it", () => {
    const before = begin(7);
    const { model, gap } = apply(before, jobEvent(7, job("a", 1)));
    expect(gap).toBe(false);
    expect(model).toBe(before);
  });

  test("puts a new job where its time belongs and leaves a changed one in its place", () => {
    let model = begin(0);
    for (const [seq, value] of [job("old", 1), job("new", 3), job("middle", 2)].entries()) {
      model = apply(model, jobEvent(seq + 1, value)).model!;
    }
    expect(model.jobs.map((job) => job.id)).toEqual(["new", "middle", "old"]);
    model = apply(model, jobEvent(4, job("middle", 2, "done"))).model!;
    expect(model.jobs.map((job) => `${job.id} ${job.state}`)).toEqual(["new sending", "middle done", "old sending"]);
  });

  test("starts over with a later snapshot, whose numbers may be smaller after a restart", () => {
    const { model, gap } = apply(begin(900), { seq: 2, change: { what: "snapshot", value: snapshot(2) } });
    expect(gap).toBe(false);
    expect(model?.seq).toBe(2);
  });

  test("tells a goodbye", () => {
    expect(apply(begin(7), { seq: 8, change: { what: "stopping" } })).toMatchObject({ gap: false, stopping: true });
  });
});
