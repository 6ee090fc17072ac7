// Real nodes without a screen, driven by the `lanyard` command. On the loopback interface only.

import { execFile, spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

const built = (name: string) => fileURLToPath(new URL(`../../target/debug/${name}`, import.meta.url));

/** The program under test: from the environment, or where a debug build puts it. A missing one fails the test. */
export function program(variable: string, name: string): string {
  const path = process.env[variable] ?? built(name);
  if (!existsSync(path)) throw new Error(`${path} is missing: build it, or say where it is in ${variable}`);
  return path;
}

/** Stay on this computer, and treat it as the owner's own network. */
export const LOOPBACK = { LANYARD_LOOPBACK: "1" };

/** Other nodes on this computer's loopback do not share these names. */
export const unique = (name: string) => `${name} ${process.pid}`;

export class Node {
  #child: ChildProcess;

  private constructor(
    readonly data: string,
    child: ChildProcess,
    readonly id: string,
  ) {
    this.#child = child;
  }

  static async start(data: string, name?: string, environment: Record<string, string> = {}): Promise<Node> {
    const named = name === undefined ? [] : ["--name", name];
    const child = spawn(program("LANYARD_BIN", "lanyard"), ["--data", data, "run", "--json", ...named], {
      env: { ...process.env, ...LOOPBACK, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let errors = "";
    child.stderr.on("data", (bytes: Buffer) => (errors += bytes.toString()));
    const ready = await new Promise<{ id: string }>((resolve, reject) => {
      let line = "";
      child.stdout.on("data", (bytes: Buffer) => {
        line += bytes.toString();
        if (line.includes("\n")) resolve(JSON.parse(line) as { id: string });
      });
      child.once("exit", (code) => reject(new Error(`the node ended with ${code}: ${errors}`)));
      child.once("error", reject);
    });
    return new Node(data, child, ready.id);
  }

  /** Runs `lanyard … --json` against this node. */
  ask<T = unknown>(...words: string[]): Promise<T> {
    return ask<T>(this.data, ...words);
  }

  stop() {
    return this.#end("SIGTERM");
  }

  /** As when the plug is pulled: no goodbye, nothing saved. */
  kill() {
    return this.#end("SIGKILL");
  }

  async #end(signal: NodeJS.Signals) {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill(signal);
    await ended;
  }
}

/** Runs `lanyard … --json` against the node of a data directory, whoever runs it. */
export async function ask<T>(data: string, ...words: string[]): Promise<T> {
  const { stdout } = await run(program("LANYARD_BIN", "lanyard"), ["--data", data, "--json", ...words], {
    env: { ...process.env, ...LOOPBACK },
    maxBuffer: 64 << 20,
  });
  return JSON.parse(stdout) as T;
}

/** A folder that is gone after `await using` ends. */
export async function scratch(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "lanyard-e2e-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Waits until `look` gives something, or fails with what it was waiting for. */
export async function until<T>(what: string, look: () => Promise<T | null | undefined | false>, seconds = 20): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${seconds} s for ${what}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}
