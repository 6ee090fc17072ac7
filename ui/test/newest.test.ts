import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { newest } from "../src/state/newest";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Answers are given by hand, in any order. */
function stage() {
  const asked: string[] = [];
  const heard: string[] = [];
  const answer = new Map<string, (words: string | Error) => void>();
  const asking = newest<string, string>(
    (question) => {
      asked.push(question);
      return new Promise((yes, no) => answer.set(question, (words) => (words instanceof Error ? no(words) : yes(words))));
    },
    (question, outcome) => heard.push(`${question}: ${"ok" in outcome ? outcome.ok : String(outcome.error)}`),
  );
  const reply = async (question: string, words: string | Error) => {
    answer.get(question)!(words);
    await vi.advanceTimersByTimeAsync(0);
  };
  return { asked, heard, asking, reply };
}

describe("of several wishes", () => {
  test("those within the pause are asked once, for the last", async () => {
    const { asked, heard, asking, reply } = stage();
    for (const wish of ["a", "b", "c"]) {
      asking.want(wish, 150);
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(asked, "nothing yet: each wish begins the pause anew").toEqual([]);
    await vi.advanceTimersByTimeAsync(50);
    expect(asked).toEqual(["c"]);
    await reply("c", "C");
    expect(heard).toEqual(["c: C"]);
  });

  test("the newest wins: a slow answer to an older one is not shown, and the newest is asked right after it", async () => {
    const { asked, heard, asking, reply } = stage();
    asking.want("a", 0);
    await vi.advanceTimersByTimeAsync(0);
    asking.want("b", 10);
    asking.want("c", 10);
    await vi.advanceTimersByTimeAsync(1000);
    expect(asked, "one at a time").toEqual(["a"]);
    await reply("a", "A");
    expect(asked).toEqual(["a", "c"]);
    await reply("c", "C");
    expect(heard).toEqual(["c: C"]);
  });

  test("one that is still in its pause when an older answer comes keeps its pause", async () => {
    const { asked, asking, reply } = stage();
    asking.want("a", 0);
    await vi.advanceTimersByTimeAsync(0);
    asking.want("b", 100);
    await reply("a", "A");
    expect(asked).toEqual(["a"]);
    await vi.advanceTimersByTimeAsync(100);
    expect(asked).toEqual(["a", "b"]);
  });

  test("a failure is heard, and does not keep the next from being asked", async () => {
    const { heard, asking, reply } = stage();
    asking.want("a", 0);
    await vi.advanceTimersByTimeAsync(0);
    await reply("a", new Error("no"));
    asking.want("b", 0);
    await vi.advanceTimersByTimeAsync(0);
    await reply("b", "B");
    expect(heard).toEqual(["a: Error: no", "b: B"]);
  });

  test("none is heard after the end", async () => {
    const { asked, heard, asking, reply } = stage();
    asking.want("a", 0);
    await vi.advanceTimersByTimeAsync(0);
    asking.want("b", 0);
    asking.stop();
    await reply("a", "A");
    await vi.advanceTimersByTimeAsync(1000);
    expect(asked).toEqual(["a"]);
    expect(heard).toEqual([]);
  });
});
