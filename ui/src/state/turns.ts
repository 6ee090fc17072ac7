// Work that waits for its turn: a few at once, what was wanted last goes first, and what is no longer wanted never begins.
// Pure but for what it runs.

export interface Turns {
  /** Runs it when it is its turn. The returned function takes it back while it waits. */
  want(work: () => Promise<unknown>): () => void;
}

export function turns(atOnce: number): Turns {
  const waiting: (() => Promise<unknown>)[] = [];
  let running = 0;

  function next() {
    while (running < atOnce) {
      const work = waiting.pop();
      if (!work) return;
      running += 1;
      void work()
        .catch(() => {})
        .finally(() => {
          running -= 1;
          next();
        });
    }
  }

  return {
    want(work) {
      waiting.push(work);
      queueMicrotask(next);
      return () => {
        const at = waiting.indexOf(work);
        if (at >= 0) waiting.splice(at, 1);
      };
    },
  };
}
