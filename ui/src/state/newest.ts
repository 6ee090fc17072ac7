// Asks for what was wanted last: one thing at a time, after a pause in which nothing else was wanted, and what was
// overtaken is neither waited for nor shown. Pure but for its clock.

export type Outcome<Answer> = { ok: Answer } | { error: unknown };

export interface Newest<Question> {
  /** Asks for this, after `pause` milliseconds without another wish. */
  want(question: Question, pause: number): void;
  /** Whatever was wanted is wanted no longer. */
  stop(): void;
}

export function newest<Question, Answer>(
  ask: (question: Question) => Promise<Answer>,
  heard: (question: Question, outcome: Outcome<Answer>) => void,
): Newest<Question> {
  let last: { question: Question } | null = null;
  /** Wanted and not asked for yet. */
  let next: { question: Question } | null = null;
  let asking = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function go() {
    timer = undefined;
    const mine = next;
    if (asking || mine === null) return;
    next = null;
    asking = true;
    let outcome: Outcome<Answer>;
    try {
      outcome = { ok: await ask(mine.question) };
    } catch (error) {
      outcome = { error };
    }
    asking = false;
    if (last === mine) heard(mine.question, outcome);
    // Its pause is over while this one was on its way: it goes now. Otherwise its own timer sees to it.
    else if (timer === undefined) void go();
  }

  return {
    want(question, pause) {
      last = next = { question };
      clearTimeout(timer);
      timer = setTimeout(go, pause);
    },
    stop() {
      last = next = null;
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
