import { expect, test } from "vitest";
import { endAt } from "../src/ends";
import { ago, until } from "../src/format";

const evening = new Date(2026, 10, 30, 22, 15).getTime();

test("an end is a moment of this computer's own calendar, also over the end of a month", () => {
  expect(endAt("never", evening)).toBeNull();
  expect(endAt("hour", evening)).toBe(new Date(2026, 10, 30, 23, 15).getTime());
  expect(endAt("two_hours", evening)).toBe(new Date(2026, 11, 1, 0, 15).getTime());
  expect(endAt("today", evening)).toBe(new Date(2026, 10, 30, 23, 59).getTime());
  expect(endAt("tomorrow", evening)).toBe(new Date(2026, 11, 1, 7, 0).getTime());
  expect(endAt("week", evening)).toBe(new Date(2026, 11, 7, 23, 59).getTime());
});

test("a moment to come is a time today, a day this week, and a date later", () => {
  expect(until("de", endAt("today", evening)!, evening)).toBe("23:59");
  expect(until("de", endAt("tomorrow", evening)!, evening)).toBe("Dienstag, 07:00");
  expect(until("de", endAt("week", evening)!, evening)).toBe("7. Dez., 23:59");
});

test("how long ago is told in one unit, and not at all within a minute", () => {
  expect(ago("en", evening - 30_000, evening)).toBeNull();
  expect(ago("en", evening - 61_000, evening)).toBe("1 minute ago");
  expect(ago("en", evening - 3 * 3_600_000, evening)).toBe("3 hours ago");
  expect(ago("de", evening - 3 * 24 * 3_600_000, evening)).toBe("vor 3 Tagen");
});
