// The page's view of the node, and the one way to ask it something. Everything shown comes from `node`.

import type { Request, Response } from "../api";
import type { Platform } from "../platform";
import { follow, type Connection } from "./follow";
import type { Model } from "./model";

class NodeView {
  model = $state.raw<Model | null>(null);
  connection = $state.raw<Connection>({ state: "connecting" });
}

/** What the node told. */
export const node = new NodeView();

let platformInUse: Platform | null = null;

/** Where the page runs. */
export function platform(): Platform {
  if (!platformInUse) throw new Error("the page has not started");
  return platformInUse;
}

export function start(on: Platform): () => void {
  platformInUse = on;
  const source = {
    subscribe: on.subscribe.bind(on),
    snapshot: () => ask({ do: "snapshot" }, "snapshot"),
  };
  return follow(source, (model, connection) => {
    node.model = model;
    node.connection = connection;
  });
}

type Answer<Is extends Response["is"]> = Extract<Response, { is: Is }> extends { value: infer Value } ? Value : void;

/** Asks the node and takes the answer it promises for that request. Throws an `ApiError`. */
export async function ask<Is extends Response["is"]>(request: Request, is: Is): Promise<Answer<Is>> {
  const response = await platform().rpc(request);
  if (response.is !== is) {
    throw { code: "internal", detail: `asked for ${is}, was answered ${response.is}` };
  }
  return ("value" in response ? response.value : undefined) as Answer<Is>;
}
