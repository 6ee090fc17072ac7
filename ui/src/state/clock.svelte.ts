// What time it is, for words that change by themselves. Ticks only while something on the screen looks.

import { createSubscriber } from "svelte/reactivity";

const TICK = 5_000;

class Clock {
  #look = createSubscriber((update) => {
    const timer = setInterval(update, TICK);
    return () => clearInterval(timer);
  });

  get now(): number {
    this.#look();
    return Date.now();
  }
}

export const clock = new Clock();
