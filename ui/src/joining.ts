// Codes that people type, and what is left of the time they hold. Pure.

/** What somebody typed where a code is wanted. */
export type Typed =
  | { is: "nothing" }
  /** Digits so far, fewer than a code has. */
  | { is: "part"; digits: string }
  /** As the node takes it: `42-493-117`, or the whole link. */
  | { is: "code"; code: string }
  /** A home's recovery code: right, but not here. */
  | { is: "recovery" }
  | { is: "wrong" };

const DIGITS = 8;
const LINK = /lanyard:j\?\S+/i;
/** Spaces, full stops and every dash that a keyboard or a messenger makes of one. */
const BETWEEN = /[\s.\-_\u2010-\u2015\u2212]/g;

export function readCode(typed: string): Typed {
  const link = LINK.exec(typed);
  if (link) return { is: "code", code: link[0] };
  const bare = typed.normalize("NFKC").replace(BETWEEN, "");
  if (bare === "") return { is: "nothing" };
  if (/^\d+$/.test(bare)) {
    if (bare.length === DIGITS) return { is: "code", code: grouped(bare) };
    return bare.length < DIGITS ? { is: "part", digits: bare } : { is: "wrong" };
  }
  return readRecovery(typed).is === "code" ? { is: "recovery" } : { is: "wrong" };
}

/** Digits with the dashes that the other screen shows. */
export function grouped(digits: string): string {
  return [digits.slice(0, 2), digits.slice(2, 5), digits.slice(5)].filter((part) => part !== "").join("-");
}

const RECOVERY = 28;

/** A recovery code in groups of four; look-alikes are taken for what they look like. */
export function readRecovery(typed: string): { is: "nothing" | "part" | "wrong" } | { is: "code"; code: string } {
  const bare = typed.normalize("NFKC").replace(BETWEEN, "").toUpperCase().replace(/[IL]/g, "1").replace(/O/g, "0");
  if (bare === "") return { is: "nothing" };
  if (!/^[0-9A-HJKMNP-TV-Z]+$/.test(bare) || bare.length > RECOVERY) return { is: "wrong" };
  if (bare.length < RECOVERY) return { is: "part" };
  return { is: "code", code: bare.match(/.{4}/g)!.join("-") };
}

/** Whole minutes until then, the one that has begun included; 0 when it is over. */
export function minutesLeft(until: number, now: number): number {
  return Math.max(0, Math.ceil((until - now) / 60_000));
}
