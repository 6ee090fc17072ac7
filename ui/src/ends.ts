// When something that was allowed or paused ends by itself, as people choose it. Pure.

export type End = "never" | "hour" | "two_hours" | "today" | "tomorrow" | "week";

/** The moment an end stands for. Days are those of this computer's own calendar. */
export function endAt(end: End, now: number): number | null {
  const day = new Date(now);
  switch (end) {
    case "never":
      return null;
    case "hour":
      return now + 3_600_000;
    case "two_hours":
      return now + 2 * 3_600_000;
    case "today":
      return lastMinute(day, 0);
    case "tomorrow":
      return new Date(day.getFullYear(), day.getMonth(), day.getDate() + 1, MORNING).getTime();
    case "week":
      return lastMinute(day, 7);
  }
}

/** The last minute of a day, which reads as that day; midnight reads as the next. */
function lastMinute(day: Date, daysOn: number): number {
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() + daysOn, 23, 59).getTime();
}

/** "Until tomorrow" means: when the day begins for people, not for clocks. */
const MORNING = 7;
