// Who may do what with a share: what a person chooses, and the node's list of grants. Pure, both ways.

import type { Grant, Share, ShareKind, SharePolicy } from "./api";

/** What some may do. Of a printer everybody prints; the others are about folders. */
export type Right = "use" | "write" | "add";
export const RIGHTS: Right[] = ["use", "write", "add"];

/** The four answers to "Who?". */
export type Group = "home" | "chosen" | "ask" | "network";

export interface Who {
  group: Group;
  /** What the whole group may do; nothing with `chosen`. */
  right: Right;
  /** Devices with rights of their own. With `chosen` only these may do anything. With `ask` they are not asked about. */
  devices: { id: string; right: Right }[];
  /** Everyone else on an own network may ask; only with `home`. */
  mayAsk: boolean;
  /** The share ends by itself then. */
  until: number | null;
  /** For each of them a day: jobs on a printer, bytes into a folder. */
  aDay: number | null;
}

/** What the node does when nothing is said. */
export function usual(inHome: boolean): Who {
  return { group: inHome ? "home" : "network", right: "use", devices: [], mayAsk: false, until: null, aDay: null };
}

/** The node's list as a choice. Passes of guests are not part of it: they come and go on their own. */
export function fromPolicy(policy: SharePolicy, kind: ShareKind): Who {
  const right = (grant: Grant): Right => (grant.add_only ? "add" : grant.write || policy.write ? "write" : "use");
  const network = policy.audience.find((grant) => grant.who === "network");
  const home = policy.audience.find((grant) => grant.who === "home");
  const own = policy.audience.flatMap((grant) => (grant.who === "device" ? [{ id: grant.id, right: right(grant) }] : []));

  const asked = network ?? home;
  const group: Group = network && !network.ask ? "network" : home && !home.ask ? "home" : asked || own.length === 0 ? "ask" : "chosen";
  const whole = group === "home" ? home : asked;
  const limit = policy.audience.map((grant) => (kind === "printer" ? grant.max_jobs : grant.max_bytes)).find((limit) => limit !== null);
  return {
    group,
    right: whole ? right(whole) : "use",
    devices: own,
    mayAsk: group === "home" && network !== undefined,
    until: policy.until,
    aDay: limit ?? null,
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

  const grant = (of: Whom, right: Right, ask: boolean): Grant => {
    const old = earlier(of);
    return {
      ...of,
      write: kind === "folder" && right === "write",
      add_only: kind === "folder" && right === "add",
      manage: old?.manage ?? false,
      ask,
      until: ended(old) ? null : (old?.until ?? null),
      max_jobs: kind === "printer" ? who.aDay : (old?.max_jobs ?? null),
      max_bytes: kind === "folder" ? who.aDay : (old?.max_bytes ?? null),
    };
  };
  const grants = who.devices
    .filter(({ id }) => !ended(earlier({ who: "device", id })))
    .map(({ id, right }) => grant({ who: "device", id }, right, false));
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
export const isComplete = (who: Who) => who.group !== "chosen" || who.devices.length > 0;

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
export function rightOf(share: Share, device: { id: string; inHome: boolean }): { right: Right; ask: boolean } | null {
  const fits = (grant: Grant) =>
    grant.who === "network" ||
    (grant.who === "home" && device.inHome) ||
    (grant.who === "device" && grant.id === device.id);
  const grant = share.policy.audience.find(fits);
  if (!grant) return null;
  const write = grant.write || share.policy.write;
  return { right: grant.add_only ? "add" : share.kind === "folder" && write ? "write" : "use", ask: grant.ask };
}
