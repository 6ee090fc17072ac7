// Many things that are done with the node's help, a few at a time.

/** Questions to the node at one time. */
const AT_ONCE = 4;

/** A few at a time, all of them. */
export async function each<T>(things: readonly T[], work: (thing: T) => Promise<unknown>) {
  const left = [...things].reverse();
  const worker = async () => {
    for (let thing = left.pop(); thing !== undefined; thing = left.pop()) await work(thing);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, things.length) }, worker));
}
