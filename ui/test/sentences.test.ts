import { describe, expect, test, vi } from "vitest";
import { isJobLost, jobSentence } from "../src/sentences";
import { job } from "./samples";

// Words are chosen by the languages of the reader, whom nobody stands in for here.
vi.stubGlobal("navigator", { languages: ["en"] });

describe("a job that nobody is sure of", () => {
  test("sends a person to the printer before it may come out twice", () => {
    const lost = { ...job("a", 1, "stopped"), reason: "maybe_printed" };
    expect(isJobLost(lost)).toBe(true);
    expect(jobSentence(lost)).toEqual({
      tone: "warn",
      words: "Perhaps printed already. Look at the printer before you try again.",
    });
  });

  test("is not taken for one that waits for paper", () => {
    const waiting = { ...job("a", 1, "stopped"), reason: "media-empty" };
    expect(isJobLost(waiting)).toBe(false);
    expect(jobSentence(waiting).words).toBe("Stopped: Needs paper");
  });

  test("is not called cancelled before its printer's device has heard of it", () => {
    const cancelled = { ...job("a", 1, "cancelled"), reason: "cancel_unconfirmed" };
    expect(jobSentence(cancelled).words).toBe("Cancelled here. Ben's desktop has not confirmed it yet.");
    expect(jobSentence({ ...cancelled, reason: null }).words).toBe("Cancelled");
  });
});
