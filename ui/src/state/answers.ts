// What an owner elsewhere has answered, told from two views of the neighbourhood. Pure.

import type { Nearby } from "../api";

export interface Answered {
  name: string;
  device: string;
  yes: boolean;
}

/** Everything that waited for its owner before and no longer does. What left meanwhile was not answered. */
export function answered(before: Nearby, after: Nearby): Answered[] {
  const things = (nearby: Nearby) => [...nearby.printers, ...nearby.drives];
  const waited = new Set(things(before).filter((thing) => thing.access === "waiting").map((thing) => thing.id));
  return things(after)
    .filter((thing) => waited.has(thing.id) && (thing.access === "allowed" || thing.access === "refused"))
    .map((thing) => ({ name: thing.name, device: thing.device_name, yes: thing.access === "allowed" }));
}
