// Copies, sendings and mounts to begin a test with.

import type { Ask, Mount, Sending, Snapshot, Transfer, TransferNote } from "../src/api";
import { BEN, household, PI } from "./household";
import { snapshot } from "./samples";

const MINUTE = 60_000;
const now = Date.now();

export function copy(id: string, more: Partial<Transfer> = {}): Transfer {
  return {
    id,
    direction: "download",
    name: `${id}.mkv`,
    drive: "Films",
    drive_id: `films@${BEN}`,
    device: BEN,
    device_name: "Ben's desktop",
    remote_path: `${id}.mkv`,
    local_path: `/downloads/${id}.mkv`,
    state: "running",
    reason: null,
    detail: null,
    bytes: 4_000_000_000,
    bytes_done: 1_000_000_000,
    rate: 50_000_000,
    limit: null,
    sources: 1,
    inbox: false,
    tree: null,
    created_at: now - 2 * MINUTE,
    ended_at: null,
    ...more,
  };
}

export const tree = { files: 340, files_done: 12, failed: 0, left_out: 0, misnamed: 0, renamed: 0 };

export function sending(id: string, more: Partial<Sending> = {}): Sending {
  return {
    id,
    device: BEN,
    device_name: "Ben's desktop",
    title: "Holiday photos + 2",
    bytes: 800_000_000,
    bytes_done: 200_000_000,
    files: 3,
    folder: "/downloads/Lanyard",
    names: [],
    state: "accepted",
    asked_at: now - MINUTE,
    ...more,
  };
}

export const wish: Ask = {
  id: "7d5e0c3a-1b2f-4f63-9c59-3a5d1c1e9f10",
  device: BEN,
  device_name: "Ben's desktop",
  address: "",
  known: true,
  share: "inbox",
  share_name: "Lanyard",
  share_kind: "folder",
  title: "Holiday photos + 2",
  pages: null,
  bytes: 800_000_000,
  files: 3,
  names: ["Holiday photos", "Letter to grandmother.odt", "evil\u202egnp.exe"],
  folder: "/downloads/Lanyard",
  asked_at: now,
  ends_at: now + 5 * MINUTE,
};

export function mount(more: Partial<Mount> = {}): Mount {
  return {
    dir: "/home/anna/Films on Ben's desktop",
    drive_id: `films@${BEN}`,
    drive: "Films",
    device: BEN,
    device_name: "Ben's desktop",
    at_start: true,
    mounted: true,
    note: null,
    detail: null,
    ...more,
  };
}

export const notes: TransferNote[] = [
  { path: "2024/broken.raw", copy: "2024/broken.raw", fate: "failed", reason: "unreadable", detail: "“2024/broken.raw” cannot be read on Ben's desktop." },
  { path: "latest", copy: "latest", fate: "left_out", reason: "invalid", detail: "Links are not copied." },
  { path: "2024/a:b.txt", copy: "2024/a%3Ab.txt", fate: "renamed", reason: null, detail: null },
];

/** Copies in every state, with everything a sentence may hold. */
export function copying(): Snapshot {
  const ended_at = now - MINUTE;
  return {
    ...household(),
    asks: [],
    jobs: [],
    transfers: [
      copy("film", { sources: 3 }),
      copy("photos", { name: "Photos", tree, bytes: 9_400_000_000, bytes_done: 600_000_000, rate: 8_000_000 }),
      copy("paused", { state: "paused", rate: 0 }),
      copy("away", { state: "waiting", reason: "peer_unreachable", rate: 0, device: PI, device_name: "Kitchen Pi", drive: "Recipes" }),
      copy("letter", { direction: "upload", name: "letter.pdf", inbox: true, state: "waiting", reason: "must_ask", bytes: 90_000, bytes_done: 0, rate: 0 }),
      copy("full", { state: "failed", reason: "disk_full", detail: "There is no room left on the disk for /downloads/full.mkv.", rate: 0, ended_at }),
      copy("refused", { direction: "upload", name: "slides.odp", inbox: true, state: "failed", reason: "not_allowed", rate: 0, ended_at }),
      copy("done", { state: "done", bytes_done: 4_000_000_000, rate: 0, ended_at }),
      copy("tree", { name: "Letters", state: "done", tree: { ...tree, files_done: 337, failed: 1, left_out: 1, renamed: 1 }, rate: 0, ended_at }),
    ],
    inbox: {
      folder: "/downloads/Lanyard",
      chosen: false,
      usable: true,
      always: [{ device: PI, device_name: "Kitchen Pi" }],
      sendings: [sending("s1"), sending("s2", { title: "recipe.pdf", bytes: 80_000, bytes_done: 80_000, state: "done", names: ["recipe.pdf"], asked_at: now - 30 * MINUTE })],
    },
    mounts: [],
  };
}

/** Nothing of all that. */
export const nothing = (): Snapshot => ({ ...household(), asks: [], jobs: [], transfers: [], inbox: snapshot(1).inbox, mounts: [] });
