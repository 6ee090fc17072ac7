import { expect, test } from "vitest";
import { all, kept, NOTHING, only, through, toggled } from "../src/state/selection";

const order = ["a", "b", "c", "d", "e"];
const names = (selection: { names: ReadonlySet<string> }) => [...selection.names].sort().join("");

test("one more and one less", () => {
  const two = toggled(only("b"), "d");
  expect(names(two)).toBe("bd");
  expect(names(toggled(two, "b"))).toBe("d");
});

test("a range goes from where it began, in both directions, and is drawn anew from there", () => {
  const down = through(only("b"), order, 3, false);
  expect(names(down)).toBe("bcd");
  expect(names(through(down, order, 0, false))).toBe("ab");
  expect(names(through(toggled(only("e"), "a"), order, 1, true)), "with Ctrl the others stay").toBe("abe");
  expect(names(through(NOTHING, order, 2, false)), "without a beginning it is the one").toBe("c");
});

test("what went away is not selected any more", () => {
  expect(names(kept(all(order), new Set(["a", "c", "x"])))).toBe("ac");
  const same = only("a");
  expect(kept(same, new Set(order))).toBe(same);
});
