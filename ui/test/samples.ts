// A snapshot and a job to begin a test with.

import type { Job, Snapshot } from "../src/api";
import { NO_OPTIONS } from "../src/printing";

export function snapshot(seq: number): Snapshot {
  return {
    seq,
    status: {
      id: "a".repeat(52),
      check_words: "abcd efgh ijkl mnop",
      check_signs: [],
      name: "Anna's laptop",
      name_shown: true,
      version: "0.1.0",
      os: "linux",
      data_dir: "/data",
      downloads_dir: "/downloads",
      port: 7717,
      pid: 1,
      started_at: 0,
      first_run: false,
      sharing: "visible",
      paused_until: null,
      moved: false,
      networks: [],
      notices: [],
    },
    nearby: { devices: [], printers: [], drives: [] },
    shares: [],
    home: { home: null, put_out_of: null, invite: null, windows: [], paired: [] },
    asks: [],
    passes: [],
    queues: [],
    jobs: [],
    transfers: [],
    media: [],
    inbox: { folder: "/downloads/Lanyard", chosen: false, usable: true, always: [], sendings: [] },
    mounts: [],
  };
}

export function job(id: string, created_at: number, state: Job["state"] = "sending"): Job {
  return {
    id,
    title: `${id}.pdf`,
    direction: "outgoing",
    printer: "Hall",
    device: "b".repeat(52),
    device_name: "Ben's desktop",
    user: null,
    actions: [],
    state,
    reason: null,
    detail: null,
    bytes: 1000,
    pages: null,
    pages_done: null,
    options: NO_OPTIONS,
    created_at,
    ended_at: null,
  };
}
