import { expect, test } from "vitest";
import { turns } from "../src/state/turns";

const soon = () => new Promise((done) => setTimeout(done, 0));

test("a few at once, the last wanted first, and what was taken back never begins", async () => {
  const waiting = turns(2);
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const work = (name: string) => () => {
    begun.push(name);
    return new Promise<void>((end) => ends.push(end));
  };
  waiting.want(work("a"));
  waiting.want(work("b"));
  await soon();
  waiting.want(work("c"));
  const takeBack = waiting.want(work("d"));
  waiting.want(work("e"));
  await soon();
  expect(begun.toSorted()).toEqual(["a", "b"]);
  takeBack();
  ends.shift()!();
  await soon();
  expect(begun.slice(2)).toEqual(["e"]);
  ends.shift()!();
  await soon();
  expect(begun.slice(3)).toEqual(["c"]);
});

test("work that fails gives its turn to the next", async () => {
  const waiting = turns(1);
  let ran = false;
  waiting.want(async () => {
    ran = true;
  });
  waiting.want(() => Promise.reject(new Error("no")));
  await soon();
  await soon();
  expect(ran).toBe(true);
});
