// Real print services: a CUPS of a test's own, and one with a real printer behind it. Nothing of them is on a network:
// what the printer speaks with CUPS stays in a network namespace of theirs, and nodes reach CUPS by its socket.

import { execFile, spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { until } from "./nodes";

const run = promisify(execFile);

/** Where the printer listens inside its namespace. */
const PORT = "8631";

/** What the printer does with a document: it waits while paper or patience is missing, then lays it on the tray, whole. */
const PAPER_PATH = `#!/bin/sh
dir='@DIR@'
echo "ATTR: $(cat "$dir/supplies")" >&2
if [ -e "$dir/paper-out" ]; then
    echo 'STATE: +media-empty-error' >&2
    while [ -e "$dir/paper-out" ]; do sleep 0.1; done
    echo 'STATE: -media-empty-error' >&2
fi
while [ -e "$dir/busy" ]; do sleep 0.1; done
mkdir "$dir/tray/.$IPP_JOB_ID"
cp "$1" "$dir/tray/.$IPP_JOB_ID/document"
env | grep -E '^(IPP_|CONTENT_TYPE)' > "$dir/tray/.$IPP_JOB_ID/ticket"
mv "$dir/tray/.$IPP_JOB_ID" "$dir/tray/$IPP_JOB_ID"
`;

/** The printer will not start without Avahi, which will not without a bus. All end with the shell's own children. */
const START = `set -e
dir=$1
ip link set lo up
mount -t tmpfs tmpfs /run
mkdir -p /run/dbus /run/avahi-daemon /run/cups
dbus-daemon --system --fork --nopidfile
avahi-daemon -D --no-drop-root --no-chroot --no-rlimits
ippeveprinter -2 -k -s 20,20 -d "$dir/spool" -c "$dir/paper-path" -f application/pdf -n localhost -p ${PORT} -r off "Lab Printer" &
exec cupsd -f -c "$dir/cups/cupsd.conf" -s "$dir/cups/cups-files.conf"
`;

/** A document as it lies on the tray. */
export interface Printed {
  /** The text of each page, in the order of the pile. */
  pages: string[];
  copies: number;
  /** What the printer was told, by its IPP names: `IPP_SIDES`. */
  ticket: Record<string, string>;
}

/** A print service that nobody else has. */
export class Cups {
  private constructor(
    readonly dir: string,
    private readonly child: ChildProcess,
    private readonly end: NodeJS.Signals,
  ) {}

  /** CUPS alone, on this computer's own network, so that its queues reach what a node offers to them. */
  static async start(dir: string): Promise<Cups> {
    await configure(dir);
    return Cups.by(dir, "SIGTERM", "cupsd", "-f", "-c", join(dir, "cups/cupsd.conf"), "-s", join(dir, "cups/cups-files.conf"));
  }

  /** Runs what becomes CUPS, until it answers. */
  static async by(dir: string, end: NodeJS.Signals, ...command: [string, ...string[]]): Promise<Cups> {
    const [program, ...words] = command;
    const cups = new Cups(dir, spawn(program, words, { stdio: "ignore" }), end);
    await until("CUPS to answer", async () => {
      if (cups.child.exitCode !== null) throw new Error(`${program} ended with ${cups.child.exitCode}`);
      return (await cups.run("lpstat", "-r").catch(() => "")).includes("is running");
    });
    return cups;
  }

  /** What a program needs to print here and nowhere else. */
  get environment(): Record<string, string> {
    return { CUPS_SERVER: join(this.dir, "cups/socket"), CUPS_SERVERROOT: join(this.dir, "cups/root") };
  }

  /** Runs a command of CUPS with this CUPS. */
  async run(command: string, ...words: string[]): Promise<string> {
    const { stdout } = await run(command, words, { env: { ...process.env, LC_ALL: "C", ...this.environment } });
    return stdout;
  }

  /** The names of its queues. */
  async queues(): Promise<string[]> {
    // With no queue lpstat fails.
    const told = await this.run("lpstat", "-e").catch(() => "");
    return told.split("\n").filter(Boolean);
  }

  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill(this.end);
    await ended;
  }
}

/** CUPS with an IPP Everywhere printer behind one queue. */
export class Shop {
  private constructor(
    readonly dir: string,
    readonly cups: Cups,
  ) {}

  static async open(dir: string, queue: string): Promise<Shop> {
    await configure(dir);
    for (const sub of ["tray", "spool"]) await mkdir(join(dir, sub));
    await writeFile(join(dir, "supplies"), SUPPLIES(80));
    await writeFile(join(dir, "paper-path"), PAPER_PATH.replace("@DIR@", dir), { mode: 0o755 });
    // unshare hears of no other signal while it waits; with it ends the first process of the namespace, and so all.
    const own = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    const cups = await Cups.by(dir, "SIGKILL", "unshare", ...own, "--", "sh", "-c", START, "sh", dir);
    // The printer may still be on its way up.
    const device = `ipp://localhost:${PORT}/ipp/print`;
    const add = () => cups.run("lpadmin", "-p", queue, "-E", "-v", device, "-m", "everywhere", "-o", "printer-error-policy=retry-job");
    await until("the queue to be made", () => add().then(() => true, () => false));
    return new Shop(dir, cups);
  }

  /** What lies on the tray, in the order of printing. */
  async tray(): Promise<Printed[]> {
    const jobs = (await readdir(join(this.dir, "tray"))).filter((name) => /^\d+$/.test(name)).map(Number);
    return Promise.all(jobs.sort((a, b) => a - b).map((job) => printed(join(this.dir, "tray", String(job)))));
  }

  /** The document on the tray whose first page says this. */
  async paper(text: string): Promise<Printed | undefined> {
    return (await this.tray()).find(({ pages }) => pages[0]?.includes(text));
  }

  /** Takes the paper out, or puts new paper in. */
  setPaper = (there: boolean) => this.#set("paper-out", !there);

  /** Lets the printer take its time with every document until it is told otherwise. */
  setBusy = (busy: boolean) => this.#set("busy", busy);

  /** How much toner the printer tells of from the next document on. */
  setToner = (percent: number) => writeFile(join(this.dir, "supplies"), SUPPLIES(percent));

  async #set(name: string, there: boolean) {
    const path = join(this.dir, name);
    if (there) await writeFile(path, "");
    else await rm(path, { force: true });
  }
}

const SUPPLIES = (percent: number) =>
  `marker-names='Black Toner,Cyan' marker-colors='#000000,#00FFFF' marker-levels=${percent},80 marker-low-levels=10,10 marker-types=toner,toner`;

async function printed(sheet: string): Promise<Printed> {
  const lines = (await readFile(join(sheet, "ticket"), "utf8")).split("\n").filter(Boolean);
  const ticket = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
  const { stdout } = await run("pdftotext", ["-layout", join(sheet, "document"), "-"]);
  // Every page ends with a form feed.
  const pages = stdout.replace(/\f+$/, "").split("\f").map((page) => page.trim());
  // What lands face up is sent from the last page to the first, so that the pile is in order.
  if (ticket["IPP_OUTPUT_BIN"] === "face-up") pages.reverse();
  return { pages, copies: Number(ticket["IPP_COPIES"] ?? 1), ticket };
}

async function configure(dir: string) {
  if (!existsSync("/usr/sbin/cupsd")) throw new Error("CUPS is missing: install cups");
  for (const sub of ["root/ppd", "requests/tmp", "cache", "state"]) await mkdir(join(dir, "cups", sub), { recursive: true });
  // CUPS runs its filters as `lp`, which has no rights here otherwise.
  for (const sub of ["requests", "requests/tmp", "cache", "state"]) await chmod(join(dir, "cups", sub), 0o777);
  const cups = join(dir, "cups");
  await writeFile(
    join(cups, "cupsd.conf"),
    `LogLevel info
Listen ${cups}/socket
Browsing No
WebInterface No
DefaultAuthType None
JobRetryInterval 2
PreserveJobHistory Yes
<Location />
Allow all
</Location>
<Policy default>
JobPrivateAccess all
JobPrivateValues none
<Limit All>
Allow all
</Limit>
</Policy>
`,
  );
  await writeFile(
    join(cups, "cups-files.conf"),
    `User lp
Group lp
SystemGroup root
ServerRoot ${cups}/root
RequestRoot ${cups}/requests
TempDir ${cups}/requests/tmp
CacheDir ${cups}/cache
StateDir ${cups}/state
AccessLog ${cups}/access_log
ErrorLog ${cups}/error_log
PageLog ${cups}/page_log
`,
  );
}
