// What is looked at again while somebody looks at it: when the window gets the focus, when the page comes into sight, and
// now and then while it is in sight.

const PAUSE = 10_000;
/** What takes long is done more seldom: this many times as long passes in between. */
const REST = 10;

/** Looks again until the returned function is called; never twice at a time. */
export function whileSeen(look: () => Promise<unknown>): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  let timer: ReturnType<typeof setTimeout>;
  let looking = false;

  async function again() {
    clearTimeout(timer);
    // Coming into sight begins it anew.
    if (looking || document.visibilityState !== "visible") return;
    looking = true;
    const begun = performance.now();
    await look().catch(() => {});
    looking = false;
    if (!signal.aborted) timer = setTimeout(again, Math.max(PAUSE, REST * (performance.now() - begun)));
  }

  addEventListener("focus", again, { signal });
  document.addEventListener("visibilitychange", again, { signal });
  timer = setTimeout(again, PAUSE);
  return () => {
    stop.abort();
    clearTimeout(timer);
  };
}
