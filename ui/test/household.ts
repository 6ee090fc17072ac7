// A node with everything on it: a home, guests, questions, printers and folders. For tests that look at screens.

import type { Ask, CheckSign, Check, Device, Drive, Grant, Home, Invite, Member, NewPass, Printer, Share, Snapshot } from "../src/api";
import { job, snapshot } from "./samples";

const MINUTE = 60_000;
const now = Date.now();

export const ME = "a".repeat(52);
export const BEN = "b".repeat(52);
export const PI = "c".repeat(52);
export const STRANGER = "d".repeat(52);

const signs = (...pairs: [string, string][]): CheckSign[] => pairs.map(([sign, word]) => ({ sign, word }));
const SIGNS = signs(["🐢", "turtle"], ["☂️", "umbrella"], ["🚲", "bicycle"], ["🍉", "melon"], ["⚓", "anchor"], ["🦉", "owl"]);

const member = (id: string, name: string, more: Partial<Member> = {}): Member => ({
  id,
  name,
  os: "linux",
  role: "member",
  this_device: false,
  state: "online",
  last_seen: now,
  check_words: "k7bq 2m4x wd3a p6ty",
  check_signs: SIGNS,
  can_wake: false,
  ...more,
});

export const home: Home = {
  id: "h".repeat(52),
  name: "Smith home",
  role: "keeper",
  members: [
    member(ME, "Anna's laptop", { role: "keeper", this_device: true }),
    member(BEN, "Ben's desktop", { os: "windows", role: "keeper" }),
    member(PI, "Kitchen Pi", { state: "unreachable", last_seen: now - 3 * 3_600_000, can_wake: true }),
  ],
  heard: now,
};

const device = (id: string, name: string, relation: Device["relation"], state: Device["state"] = "online"): Device => ({
  id,
  check_words: "k7bq 2m4x wd3a p6ty",
  check_signs: SIGNS,
  relation,
  name,
  os: "linux",
  state,
  addresses: ["192.168.1.23:7717"],
  last_seen: now - 2 * MINUTE,
});

const printer = (id: string, name: string, device_name: string, more: Partial<Printer> = {}): Printer => ({
  id,
  name,
  device: BEN,
  device_name,
  model: null,
  location: null,
  state: "ready",
  reasons: [],
  waiting: 0,
  access: "allowed",
  usable: true,
  supplies: [],
  routes: [id],
  added: false,
  ...more,
});

const drive = (id: string, name: string, device_name: string, more: Partial<Drive> = {}): Drive => ({
  id,
  name,
  device: BEN,
  device_name,
  access: "allowed",
  writable: false,
  disc: false,
  available: true,
  free_bytes: 380e9,
  total_bytes: 1000e9,
  ...more,
});

const may = { write: false, add_only: false, manage: false, ask: false, until: null, max_jobs: null, max_bytes: null, max_pages: null, no_color: false, quiet: null };
const share = (id: string, kind: Share["kind"], name: string, target: string, audience: Grant[]): Share => ({
  id,
  kind,
  name,
  target,
  policy: { audience, write: false, until: null },
  available: true,
});

export const invite: Invite = {
  purpose: "add_device",
  code: "42-493-117",
  link: "lanyard:j?v=1&k=abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq&i=abcdefghijklmnopqrstuv&s=abcdefghijklmnopqrstuv&a=192.168.1.7:7717",
  qr: pretend(41),
  ends_at: now + 8.5 * MINUTE,
  state: "open",
  failed: 0,
  device: null,
};

/** What a QR code looks like, without meaning anything. */
function pretend(size: number): string[] {
  const finder = (x: number, y: number) => Math.max(Math.abs(x - 3), Math.abs(y - 3));
  return Array.from({ length: size }, (_, y) =>
    Array.from({ length: size }, (_, x) => {
      for (const [cx, cy] of [[0, 0], [size - 7, 0], [0, size - 7]] as const) {
        const at = finder(x - cx, y - cy);
        if (at <= 3) return at === 2 ? "0" : "1";
        if (at === 4 && x - cx >= -1 && y - cy >= -1 && x - cx < 8 && y - cy < 8) return "0";
      }
      return (x * 7 + y * 13 + ((x * y) % 5) * 3 + (x ^ y)) % 3 === 0 ? "1" : "0";
    }).join(""),
  );
}

export const RECOVERY = "0123-4567-89AB-CDEF-GHJK-MNPQ-RSTV";

export const ask: Ask = {
  id: "q1",
  device: STRANGER,
  device_name: "Cora's phone laptop",
  address: "192.168.1.44",
  known: false,
  share: "laser",
  share_name: "Laser",
  share_kind: "printer",
  title: "letter.pdf",
  pages: 3,
  bytes: 120_000,
  files: null,
  names: [],
  folder: null,
  asked_at: now,
  ends_at: now + 4.2 * MINUTE,
};

export const newPass: NewPass = {
  pass: { id: "p1", share: "laser", share_name: "Laser", action: "print", label: "", created_at: now, ends_at: now + 120 * MINUTE, last_used: null },
  link: "https://anna.local:7717/g#abcdefghijklmnopqrstuv",
  page: "https://192.168.1.7:7717/g",
  pin: "49301172",
  qr: pretend(33),
  fingerprint: Array.from({ length: 32 }, (_, i) => ((i * 37 + 11) % 256).toString(16).padStart(2, "0")).join(":").toUpperCase(),
};

export const checks: Check[] = [
  check("network", "good", [{ code: "own_network", networks: ["Home Wi-Fi"] }]),
  check("listening", "good", [{ code: "open", port: 7717, addresses: 2 }]),
  {
    ...check("inbound", "failed", [{ code: "not_reached", devices: ["Ben's desktop", "Kitchen Pi"], port: 7717, error: "timed out" }], [{ code: "ufw", port: 7717 }]),
    action: "check_again",
  },
  check("outbound", "good", [{ code: "reachable", devices: ["Ben's desktop", "Kitchen Pi"] }]),
  check("multicast", "warning", [{ code: "hears", all: 2, us: 1, them: 2 }], [{ code: "ufw", port: 7717 }, { code: "multicast_filters" }]),
  check("clock", "unknown", [{ code: "nobody_to_compare" }]),
];

/** What a node adds in English for scripts is not what is shown. */
function check(what: Check["what"], outcome: Check["outcome"], found: Check["found"], helps: Check["helps"] = []): Check {
  return { what, outcome, found, helps, detail: "in English", fix: helps.length > 0 ? "in English" : null, action: null };
}

/** A whole evening's state. */
export function household(): Snapshot {
  const empty = snapshot(1);
  return {
    ...empty,
    status: {
      ...empty.status,
      id: ME,
      check_words: "k7bq 2m4x wd3a p6ty",
      check_signs: SIGNS,
      networks: [
        { id: "wifi", name: "Home Wi-Fi", profile: "trusted", connected: true, interface: "wlan0", addresses: ["192.168.1.7"], suggested: false },
      ],
    },
    nearby: {
      devices: [device(BEN, "Ben's desktop", "home"), device(PI, "Kitchen Pi", "home", "unreachable"), device(STRANGER, "Office PC", "stranger")],
      printers: [
        printer("hall@ben", "Brother HL-L2350", "Ben's desktop"),
        printer("office@pc", "Label printer", "Office PC", { device: STRANGER, access: "ask" }),
        printer("photo@pc", "Canon TS5350", "Office PC", { device: STRANGER, access: "waiting" }),
      ],
      drives: [
        drive("photos@ben", "Family photos", "Ben's desktop"),
        drive("project@pc", "Project files", "Office PC", { device: STRANGER, access: "refused" }),
      ],
    },
    shares: [
      share("laser", "printer", "Laser", "Laser", [
        { who: "home", ...may },
        { who: "network", ...may, ask: true },
      ]),
      share("music", "folder", "Music", "/home/anna/Music", [{ who: "home", ...may }]),
      share("inbox", "folder", "Inbox", "/home/anna/Inbox", [{ who: "network", ...may, add_only: true }]),
      share("plans", "folder", "Plans for the garden and the shed", "/home/anna/Documents/Plans for the garden and the shed", [
        { who: "device", id: BEN, ...may, write: true },
        { who: "device", id: PI, ...may },
      ]),
    ],
    home: { home, put_out_of: null, invite: null, windows: [], paired: [] },
    passes: [{ ...newPass.pass, label: "Grandma's tablet" }],
    queues: [
      { id: "Laser", name: "Laser", model: "Brother HL-L2350DW", state: "ready", reasons: [], is_default: true, built_in: false, share: "laser", supplies: [], paused: false },
      { id: "save-as-pdf", name: "Save as PDF", model: null, state: "ready", reasons: [], is_default: false, built_in: true, share: null, supplies: [], paused: false },
    ],
    jobs: [{ ...job("letter", now - MINUTE), reason: "must_ask", printer: "Label printer", device_name: "Office PC" }],
  };
}

/** The same computer before it knew anybody. */
export function alone(): Snapshot {
  const all = household();
  return {
    ...all,
    nearby: { devices: [], printers: [], drives: [] },
    shares: [],
    home: { home: null, put_out_of: null, invite: null, windows: [], paired: [] },
    passes: [],
    jobs: [],
  };
}
