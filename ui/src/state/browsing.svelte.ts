// How a person likes to see folders: kept on this screen.

import { ORDERS, type Order } from "./entries";

const KEY = "lanyard.folders";

interface Kept {
  grid: boolean;
  order: Order;
  descending: boolean;
}

class Browsing {
  grid = $state(false);
  order = $state<Order>("name");
  descending = $state(false);

  constructor() {
    const kept = read();
    this.grid = kept.grid === true;
    this.order = ORDERS.find((order) => order === kept.order) ?? "name";
    this.descending = kept.descending === true;
  }

  setGrid(grid: boolean) {
    this.grid = grid;
    this.#keep();
  }

  /** By something else, or the other way round. What is new or large is wanted first. */
  setOrder(order: Order) {
    this.descending = order === this.order ? !this.descending : order === "size" || order === "date";
    this.order = order;
    this.#keep();
  }

  #keep() {
    try {
      const { grid, order, descending } = this;
      localStorage.setItem(KEY, JSON.stringify({ grid, order, descending } satisfies Kept));
    } catch {
      // A browser that keeps nothing shows the choice until it is closed.
    }
  }
}

function read(): Partial<Kept> {
  try {
    return (JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Kept> | null) ?? {};
  } catch {
    return {};
  }
}

export const browsing = new Browsing();
