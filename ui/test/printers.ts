// A house full of printers, with jobs in every state. For tests that look at screens.

import type { Job, Printer, PrinterCapabilities, Snapshot, Supply } from "../src/api";
import { BEN, household, PI } from "./household";
import { job } from "./samples";

const MINUTE = 60_000;
const now = Date.now();

const supply = (name: string, color: string | null, level: number | null, low = false): Supply => ({ name, color, level, low });

export const COLORS: Supply[] = [
  supply("Black", "#1d1f23", 64),
  supply("Cyan", "#00a0d8", 41),
  supply("Magenta", "#d6277c", 8, true),
  supply("Yellow", "#f2d200", 77),
];

const base = household().nearby.printers[0]!;
const printer = (id: string, name: string, more: Partial<Printer>): Printer => ({ ...base, id, name, routes: [id], ...more });

export const printers: Printer[] = [
  printer(`hall@${BEN}`, "Brother HL-L2350", {
    device: BEN,
    model: "Brother HL-L2350DW series",
    location: "Hall",
    supplies: [supply("Toner", "#1d1f23", 34), supply("Drum", null, null)],
    routes: [`hall@${BEN}`, `hall@${PI}`, "dnssd:Brother HL-L2350DW._ipp._tcp.local"],
    added: true,
  }),
  printer(`photo@${PI}`, "Canon TS5350", {
    device: PI,
    device_name: "Kitchen Pi",
    location: "Wi-Fi",
    state: "stopped",
    reasons: ["media-empty-error", "marker-supply-low-warning"],
    waiting: 1,
    supplies: COLORS,
  }),
  printer("dnssd:Office._ipp._tcp.local", "Office LaserJet of the second floor", {
    device: null,
    device_name: "printer-07.local",
    model: "HP LaserJet M404",
    state: "busy",
    waiting: 2,
  }),
  printer(`label@${BEN}`, "Label printer", { device: BEN, access: "ask" }),
  printer(`attic@${PI}`, "Attic", { device: PI, device_name: "Kitchen Pi", state: "unreachable" }),
];

export const color: PrinterCapabilities = {
  formats: ["application/pdf", "image/jpeg", "image/png", "text/plain"],
  color: true,
  sides: ["two-sided-long-edge", "one-sided", "two-sided-short-edge"],
  media: ["iso_a4_210x297mm", "na_letter_8.5x11in", "iso_a5_148x210mm", "na_5x7_5x7in"],
  media_default: "iso_a4_210x297mm",
  max_copies: 99,
  quality: ["normal", "draft", "high"],
  sources: ["auto", "tray-1", "by-pass-tray", "rear"],
  media_types: ["stationery", "photographic-glossy", "envelope"],
  number_up: [1, 2, 4, 6, 9, 16],
};

export const plain: PrinterCapabilities = {
  ...color,
  color: false,
  sides: ["one-sided"],
  media: ["iso_a4_210x297mm"],
  quality: [],
  sources: [],
  media_types: [],
};

const one = (id: string, minutes: number, state: Job["state"], more: Partial<Job>): Job => ({
  ...job(id, now - minutes * MINUTE, state),
  title: `${id.replaceAll("-", " ")}.pdf`,
  printer: "Brother HL-L2350",
  bytes: 240_000,
  ...more,
});

export const jobs: Job[] = [
  one("Shopping-list", 1, "waiting", { pages: 1, actions: ["cancel", "hold", "move"] }),
  one("Thesis", 3, "printing", { pages: 120, pages_done: 37, actions: ["cancel"] }),
  one("Poster", 4, "held", { reason: "quiet_hours", pages: 1, actions: ["cancel", "release", "move"], direction: "incoming", printer: "Laser", user: "cora" }),
  one("Recipe", 5, "held", { reason: "owner", pages: 2, actions: ["cancel", "release"] }),
  one("Letter", 6, "held", { reason: "must_ask", pages: 3, actions: ["cancel", "release"], direction: "incoming", printer: "Laser", device_name: "Cora's phone laptop", user: "cora" }),
  one("Invoice", 8, "stopped", { reason: "media-empty", detail: "Tray 1 is empty.", pages: 2, pages_done: 1, actions: ["cancel", "move"] }),
  one("Ticket", 20, "sending", { reason: "peer_unreachable", printer: "Attic", device_name: "Kitchen Pi", actions: ["cancel", "move"] }),
  one("Contract", 30, "stopped", { reason: "maybe_printed", detail: "The queue was restarted while it printed.", actions: ["cancel", "retry"] }),
  one("Report", 50, "done", { pages: 12, actions: ["reprint"] }),
  one("Photos", 70, "failed", { reason: "unsupported_document", detail: "The document is protected with a password.", actions: ["retry", "move"] }),
  one("Draft", 90, "cancelled", { actions: ["reprint"] }),
];

export function printShop(): Snapshot {
  const all = household();
  return {
    ...all,
    nearby: { ...all.nearby, printers },
    queues: [
      { ...all.queues[0]!, supplies: COLORS, reasons: ["marker-supply-low"] },
      { ...all.queues[0]!, id: "Attic", name: "Attic", model: "Epson XP-4200", share: "attic", is_default: false, paused: true, state: "stopped", reasons: ["paused"] },
      { ...all.queues[0]!, id: "Cellar", name: "Cellar", model: "Kyocera FS-1041", share: null, is_default: false, state: "stopped", reasons: ["cover-open"] },
      all.queues[1]!,
    ],
    shares: [
      ...all.shares.map((share) =>
        share.id === "laser"
          ? { ...share, policy: { ...share.policy, audience: share.policy.audience.map((grant) => ({ ...grant, max_pages: 50, no_color: true, quiet: { from: 22 * 60, to: 7 * 60 } })) } }
          : share,
      ),
      { ...all.shares[0]!, id: "attic", name: "Attic", target: "Attic" },
    ],
    jobs,
  };
}
