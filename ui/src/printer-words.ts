// Printers in plain words: what they do, what they lack, how they are reached.

import type { Nearby, Printer, Queue, Supply } from "./api";
import type { Sentence } from "./sentences";
import { look } from "./state/look.svelte";
import { n, t, told } from "./state/say";
import { isKey } from "./words";

/** What a printer is doing, in a word or two. */
export function printerState(printer: Pick<Printer, "state" | "reasons"> & { waiting?: number }): Sentence {
  const reason = worst(printer.reasons);
  const along = (first: string, ...more: (string | false | null)[]) => {
    const waiting = printer.waiting ? n("printer.waiting", printer.waiting) : null;
    return [first, ...more, waiting].filter(Boolean).join(" · ");
  };
  // What goes on all the same is told beside it: a low toner, not every keyword that a driver leaves behind.
  const warning = reason !== null && isWarning(reason) && isKey(`reason.${bare(reason)}`) && reasonWords(reason);
  switch (printer.state) {
    case "ready":
      return { tone: warning ? "warn" : "ok", words: along(t("printer.ready"), warning) };
    case "busy": {
      // CUPS says that it prints as long as a job is with the printer, whatever the printer waits for.
      const wants = reason !== null && WANTS_A_PERSON.test(bare(reason));
      return { tone: wants ? "warn" : "accent", words: along(t("printer.busy"), wants ? reasonWords(reason) : warning) };
    }
    case "stopped":
      return { tone: "warn", words: along(reasonWords(reason)) };
    case "unreachable":
      return { tone: "quiet", words: t("printer.unreachable") };
  }
}

/** IPP's keyword for what a printer wants, as a person would say it. */
export function reasonWords(reason: string | null | undefined): string {
  if (!reason || reason === "none") return t("reason.other");
  return told("reason", bare(reason), "reason.other");
}

/** All that a printer reports, each said once, the worst first. */
export function allReasons(reasons: string[]): string[] {
  const known = reasons.filter((reason) => isKey(`reason.${bare(reason)}`));
  return [...new Set([...known.filter((reason) => !isWarning(reason)), ...known.filter(isWarning)].map(reasonWords))];
}

/** The keyword without its severity (RFC 8011 §5.4.12). */
const bare = (reason: string) => reason.replace(/-(report|warning|error)$/, "");

/** What nobody but a person at the printer can put right (RFC 8011 §5.4.12). */
const WANTS_A_PERSON =
  /^(media-(empty|needed|jam)|(toner|developer|marker-supply)-empty|marker-supply-missing|marker-waste-full|(door|cover|interlock)-open|(in|out)put-tray-missing|output-area-full|offline)$/;

/** Something that stops no printing yet. */
const isWarning = (reason: string) =>
  /-(low|almost-full|almost-empty|near-eol)$/.test(bare(reason)) || bare(reason) === "fuser-under-temp";

/** What must be seen to first: whatever stops it before whatever will. A plain `paused` or `stopped` tells the least. */
function worst(reasons: string[]): string | null {
  const real = reasons.filter((reason) => reason !== "none");
  const stops = real.filter((reason) => !isWarning(reason));
  const known = stops.filter((reason) => isKey(`reason.${bare(reason)}`));
  const telling = known.filter((reason) => !["paused", "stopped", "moving-to-paused"].includes(bare(reason)));
  const warnings = real.filter(isWarning);
  return telling[0] ?? known[0] ?? warnings[0] ?? stops[0] ?? null;
}

export function queueState(queue: Queue): Sentence {
  if (queue.paused) return { tone: "warn", words: t("sharing.paused") };
  return printerState({ state: queue.state, reasons: queue.reasons });
}

/** How much of a supply is left: `12 %, low`. */
export function supplyLeft(supply: Supply): string {
  const left =
    supply.level === null
      ? t("supply.some")
      : supply.level === 0
        ? t("supply.empty")
        : new Intl.NumberFormat(look.language, { style: "percent" }).format(supply.level / 100);
  return supply.low && supply.level !== 0 ? `${left}, ${t("supply.low")}` : left;
}

/** Every way to a printer, the one that is taken first in front. */
export function routesOf(printer: Printer, nearby: Nearby): string[] {
  return printer.routes.map((route) => {
    const device = /^[^:]*@(.+)$/.exec(route)?.[1];
    if (device === undefined) return t("route.direct");
    const known = device === printer.device ? printer.device_name : nearby.devices.find(({ id }) => id === device)?.name;
    return t("route.first", { device: known ?? t("device.other") });
  });
}

/** `also through Ben's desktop`: the ways besides the first; none when there is but one. */
export function otherRoutes(printer: Printer, nearby: Nearby): string | null {
  const ways = [...new Set(routesOf(printer, nearby).slice(1))];
  if (ways.length === 0) return null;
  return t("route.also", { ways: new Intl.ListFormat(look.language, { type: "conjunction" }).format(ways) });
}
