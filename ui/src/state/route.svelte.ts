// Which place is shown, kept in the address so that Back works.

import { parseRoute, type Place, type Route } from "./route";

class Location {
  current = $state.raw<Route>(parseRoute(location.hash));

  constructor() {
    addEventListener("hashchange", () => (this.current = parseRoute(location.hash)));
  }
}

export const route = new Location();

export function go(hash: string) {
  location.hash = hash;
}

export type { Place };
