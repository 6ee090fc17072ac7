// A node that is played: the built page is served as the real one serves it, and a test says what it answers and tells.
// What a real node does with these requests is for the other tests; here it is the screens that are looked at.

import { readFile } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import type { ApiError, Change, Request, Response, Snapshot } from "../src/api";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

type Said = Response | ApiError;
type Answers = { [Do in Request["do"]]?: (request: Extract<Request, { do: Do }>) => Said | Promise<Said> };

export class Stage {
  /** What the page asked for, in order. */
  asked: Request[] = [];
  /** What is answered; whatever is not in here is answered with an error that fails the test's eyes. */
  answers: Answers = {};

  #server: Server;
  #streams = new Set<ServerResponse>();
  #seq = 1;
  /** Who waits for a page that listens. */
  #waiting: (() => void)[] = [];
  /** Names of the files that were sent, in order; the id of each is its place. */
  uploads: string[] = [];

  private constructor(public snapshot: Snapshot) {
    this.#server = createServer((request, answer) => {
      this.#serve(request.url ?? "/", request, answer).catch((error: unknown) => answer.writeHead(500).end(String(error)));
    });
  }

  static async open(snapshot: Snapshot): Promise<Stage> {
    const stage = new Stage(snapshot);
    await new Promise<void>((ready) => stage.#server.listen(0, "127.0.0.1", ready));
    return stage;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  async close() {
    for (const stream of this.#streams) stream.end();
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  /** Until the next page listens: what is told before that, nobody hears. */
  listens(): Promise<void> {
    return new Promise((heard) => this.#waiting.push(heard));
  }

  /** Tells the page that something changed. */
  tell(change: Change) {
    this.#seq += 1;
    for (const stream of this.#streams) stream.write(`${JSON.stringify({ seq: this.#seq, change })}\n`);
  }

  /** Starts over with another snapshot. */
  set(snapshot: Snapshot) {
    this.snapshot = snapshot;
    this.tell({ what: "snapshot", value: { ...snapshot, seq: this.#seq + 1 } });
  }

  async #serve(url: string, request: AsyncIterable<Buffer>, answer: ServerResponse) {
    if (url === "/events") {
      answer.writeHead(200, { "content-type": "application/x-ndjson" });
      this.#streams.add(answer);
      answer.on("close", () => this.#streams.delete(answer));
      answer.write(`${JSON.stringify({ seq: this.#seq, change: { what: "snapshot", value: { ...this.snapshot, seq: this.#seq } } })}\n`);
      for (const heard of this.#waiting.splice(0)) heard();
      return;
    }
    if (url === "/rpc") {
      let text = "";
      for await (const part of request) text += part.toString();
      const asked = JSON.parse(text) as Request;
      this.asked.push(asked);
      const play = this.answers[asked.do] as ((asked: Request) => Said | Promise<Said>) | undefined;
      const said = (await play?.(asked)) ?? { code: "internal", detail: `nobody plays ${asked.do}` };
      answer.writeHead(200, { "content-type": "application/json" });
      answer.end(JSON.stringify("code" in said ? { error: said } : { ok: said }));
      return;
    }
    if (url.startsWith("/upload")) {
      for await (const _ of request);
      this.uploads.push(new URL(url, "http://stage").searchParams.get("name") ?? "");
      answer.writeHead(200, { "content-type": "application/json" });
      answer.end(JSON.stringify({ ok: { id: String(this.uploads.length) } }));
      return;
    }
    const path = normalize(new URL(url, "http://stage").pathname).replace(/^\/$/, "/index.html");
    const content = await readFile(join(DIST, path));
    answer.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream" }).end(content);
  }
}
