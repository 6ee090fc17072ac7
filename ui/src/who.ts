// Who may do what with a share: what a person chooses, and the node's list of grants. Pure, both ways.

import type { Grant, QuietHours, Share, ShareKind, SharePolicy } from "./api";

/** What some may do. Of a printer everybody prints; the others are about folders. */
export type Right = "use" | "write" | "add";
export const RIGHTS: Right[] = ["use", "write", "add"];

/** The four answers to "Who?". */
export type Group = "home" | "chosen" | "ask" | "network";

/** How much of it: the owner's limits for each of them. */
export interface Rules {
  /** Printers: jobs a day. */
  jobs: number | null;
  /** Printers: sides of paper a day. */
  pages: number | null;
  /** Folders: bytes brought a day. */
  bytes: number | null;
  /** Printers: grey only. */
  gray: boolean;
  /** Printers: nothing is printed then. */
  quiet: QuietHours | null;
}
export const NO_RULES: Rules = { jobs: null, pages: null, bytes: null, gray: false, quiet: null };

/** Whether a single device has the rules of all, none at all, or such as were set elsewhere. */
export type Under = "same" | "free" | "kept";

export interface Person {
  id: string;
  right: Right;
  under: Under;
}

export interface Who {
  group: Group;
  /** What the whole group may do; nothing with `chosen`. */
  right: Right;
  /** Devices with rights of their own. With `chosen` only these may do anything. With `ask` they are not asked about. */
  devices: Person[];
  /** Everyone else on an own network may ask; only with `home`. */
  mayAsk: boolean;
  /** The share ends by itself then. */
  until: number | null;
  /** For each of them. */
  rules: Rules;
}

/** What the node does when nothing is said. */
export function usual(inHome: boolean): Who {
  return { group: inHome ? "home" : "network", right: "use", devices: [], mayAsk: false, until: null, rules: NO_RULES };
}

function rulesOf(grant: Grant): Rules {
  return { jobs: grant.max_jobs, pages: grant.max_pages, bytes: grant.max_bytes, gray: grant.no_color, quiet: grant.quiet };
}

const sameRules = (a: Rules, b: Rules) =>
  a.jobs === b.jobs &&
  a.pages === b.pages &&
  a.bytes === b.bytes &&
  a.gray === b.gray &&
  a.quiet?.from === b.quiet?.from &&
  a.quiet?.to === b.quiet?.to;

/** Whether there is any limit at all. */
export const areRules = (rules: Rules) => !sameRules(rules, NO_RULES);

/** The node's list as a choice. Passes of guests are not part of it: they come and go on their own. */
export function fromPolicy(policy: SharePolicy, kind: ShareKind): Who {
  const right = (grant: Grant): Right => (grant.add_only ? "add" : grant.write || policy.write ? "write" : "use");
  const network = policy.audience.find((grant) => grant.who === "network");
  const home = policy.audience.find((grant) => grant.who === "home");
  const single = policy.audience.filter((grant) => grant.who === "device");

  const asked = network ?? home;
  const group: Group = network && !network.ask ? "network" : home && !home.ask ? "home" : asked || single.length === 0 ? "ask" : "chosen";
  const whole = group === "home" ? home : asked;
  const ruled = whole ?? single.find((grant) => areRules(rulesOf(grant)));
  const rules = ruled ? rulesOf(ruled) : NO_RULES;
  const under = (grant: Grant): Under => {
    const own = rulesOf(grant);
    return sameRules(own, rules) ? "same" : areRules(own) ? "kept" : "free";
  };
  return {
    group,
    right: whole ? right(whole) : "use",
    devices: single.map((grant) => ({ id: grant.id, right: kind === "printer" ? "use" : right(grant), under: under(grant) })),
    mayAsk: group === "home" && network !== undefined,
    until: policy.until,
    rules,
  };
}

/**
 * The choice as the node's list. The first grant that fits decides there, so single devices stand before groups.
 * What a screen does not show (an end of one grant, the right to see to others' jobs) is kept from `before`; what
 * has ended there is not begun anew for a single device.
 */
export function toGrants(who: Who, kind: ShareKind, before: Grant[] = [], now = Date.now()): Grant[] {
  type Whom = { who: "network" | "home" } | { who: "device"; id: string };
  const earlier = (of: Whom) =>
    before.find((other) => other.who === of.who && (of.who !== "device" || (other.who === "device" && other.id === of.id)));
  const ended = (grant: Grant | undefined) => grant !== undefined && grant.until !== null && grant.until <= now;

  const grant = (of: Whom, right: Right, ask: boolean, under: Under = "same"): Grant => {
    const old = earlier(of);
    const rules = under === "same" ? who.rules : under === "kept" && old ? rulesOf(old) : NO_RULES;
    const printer = kind === "printer";
    return {
      ...of,
      write: !printer && right === "write",
      add_only: !printer && right === "add",
      manage: old?.manage ?? false,
      ask,
      until: ended(old) ? null : (old?.until ?? null),
      // The other kind's limits mean nothing here and are left as they were.
      max_jobs: printer ? rules.jobs : (old?.max_jobs ?? null),
      max_pages: printer ? rules.pages : (old?.max_pages ?? null),
      max_bytes: printer ? (old?.max_bytes ?? null) : rules.bytes,
      no_color: printer ? rules.gray : (old?.no_color ?? false),
      quiet: printer ? rules.quiet : (old?.quiet ?? null),
    };
  };
  const grants = who.devices
    .filter(({ id }) => !ended(earlier({ who: "device", id })))
    .map(({ id, right, under }) => grant({ who: "device", id }, right, false, under));
  if (who.group === "home") grants.push(grant({ who: "home" }, who.right, false));
  if (who.group === "network") grants.push(grant({ who: "network" }, who.right, false));
  if (who.group === "ask") {
    // Where only the home may ask, strangers are not let in to ask as well.
    const homeOnly = before.some((old) => old.who === "home" && old.ask) && !before.some((old) => old.who === "network");
    grants.push(grant({ who: homeOnly ? "home" : "network" }, who.right, true));
  }
  if (who.group === "home" && who.mayAsk) grants.push(grant({ who: "network" }, "use", true));
  return grants;
}

/** Whether a choice says something that the node can keep. */
export const isComplete = (who: Who) =>
  (who.group !== "chosen" || who.devices.length > 0) && (who.rules.quiet === null || who.rules.quiet.from !== who.rules.quiet.to);

/** `22:00` as minutes after midnight, and back. */
export function minutesOf(time: string): number | null {
  const parts = /^(\d{1,2}):(\d{2})(?::\d{2})?$/.exec(time);
  if (!parts) return null;
  const minutes = Number(parts[1]) * 60 + Number(parts[2]);
  return Number(parts[1]) < 24 && Number(parts[2]) < 60 ? minutes : null;
}

export function timeOf(minutes: number): string {
  const two = (part: number) => String(part).padStart(2, "0");
  return `${two(Math.floor(minutes / 60) % 24)}:${two(minutes % 60)}`;
}

/** A group's rights with writing turned on or off, for the switch in the list; none where a switch says too little. */
export function writing(policy: SharePolicy): boolean | null {
  const who = fromPolicy(policy, "folder");
  if (who.group === "chosen" || who.right === "add") return null;
  return who.right === "write";
}

export function withWriting(policy: SharePolicy, write: boolean): Grant[] {
  // What single devices may do is their own: the share's switch for all of them goes into the group's right.
  const who = fromPolicy({ ...policy, write: false }, "folder");
  return toGrants({ ...who, right: write ? "write" : "use" }, "folder", policy.audience);
}

/** What one device may do with a share, for that device's page; the first that is for it decides. */
export function rightOf(share: Share, device: { id: string; inHome: boolean }): { right: Right; ask: boolean; rules: Rules } | null {
  const fits = (grant: Grant) =>
    grant.who === "network" ||
    (grant.who === "home" && device.inHome) ||
    (grant.who === "device" && grant.id === device.id);
  const grant = share.policy.audience.find(fits);
  if (!grant) return null;
  const write = grant.write || share.policy.write;
  return { right: grant.add_only ? "add" : share.kind === "folder" && write ? "write" : "use", ask: grant.ask, rules: rulesOf(grant) };
}
