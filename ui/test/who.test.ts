import { describe, expect, test } from "vitest";
import type { Grant, Share, SharePolicy } from "../src/api";
import { fromPolicy, isComplete, minutesOf, NO_RULES, rightOf, timeOf, toGrants, usual, withWriting, writing, type Who } from "../src/who";

const limits = { manage: false, ask: false, until: null, max_jobs: null, max_bytes: null, max_pages: null, no_color: false, quiet: null };
const may = { write: false, add_only: false, ...limits };
const home: Grant = { who: "home", ...may };
const network: Grant = { who: "network", ...may };
const device = (id: string): Grant => ({ who: "device", id, ...may });
const policy = (audience: Grant[], write = false): SharePolicy => ({ audience, write, until: null });

describe("who may use a share", () => {
  test.each<[string, SharePolicy, Partial<Who>]>([
    ["everyone at home", policy([home]), { group: "home", right: "use" }],
    ["everyone at home, writing", policy([{ ...home, write: true }]), { group: "home", right: "write" }],
    ["everyone at home, writing by the share's own switch", policy([home], true), { group: "home", right: "write" }],
    ["anyone on the network", policy([network]), { group: "network" }],
    ["who asks", policy([{ ...network, ask: true }]), { group: "ask" }],
    ["home, and others ask", policy([home, { ...network, ask: true }]), { group: "home", mayAsk: true }],
    ["chosen people", policy([device("b")]), { group: "chosen", devices: [{ id: "b", right: "use", under: "same" }], mayAsk: false }],
    ["a drop box", policy([{ ...home, add_only: true }]), { group: "home", right: "add" }],
  ])("is read as %s", (_, given, expected) => expect(fromPolicy(given, "folder")).toMatchObject(expected));

  test("nobody, which a node may say, is read as asking and not as everyone", () => {
    expect(fromPolicy(policy([]), "folder").group).toBe("ask");
  });

  test("comes back the same from the node's list, whatever was chosen", () => {
    for (const group of ["home", "chosen", "ask", "network"] as const) {
      for (const right of ["use", "write", "add"] as const) {
        for (const [mayAsk, under] of [[false, "same"], [true, group === "chosen" ? "same" : "free"]] as const) {
          const who: Who = {
            group,
            right: group === "chosen" ? "use" : right,
            devices: [{ id: "b", right, under }],
            mayAsk: mayAsk && group === "home",
            until: null,
            rules: { ...NO_RULES, bytes: 5_000_000 },
          };
          expect(fromPolicy(policy(toGrants(who, "folder")), "folder"), JSON.stringify(who)).toEqual(who);
        }
      }
    }
  });

  test("lets single devices stand before their group, because the first that fits decides", () => {
    const grants = toGrants({ ...usual(true), devices: [{ id: "b", right: "write", under: "same" }] }, "folder");
    expect(grants.map((grant) => grant.who)).toEqual(["device", "home"]);
  });

  test("gives those who ask no more than looking, however much the home may do", () => {
    const grants = toGrants({ ...usual(true), right: "write", mayAsk: true }, "folder");
    expect(grants).toEqual([{ ...home, write: true }, { ...network, ask: true }]);
  });

  test("gives nobody a folder's rights on a printer", () => {
    expect(toGrants({ ...usual(true), right: "write" }, "printer")).toEqual([home]);
  });

  const rules = { jobs: 20, pages: 100, bytes: 5, gray: true, quiet: { from: 22 * 60, to: 7 * 60 } };
  const ruled = { max_jobs: 20, max_pages: 100, no_color: true, quiet: { from: 22 * 60, to: 7 * 60 } };

  test("limits printing on a printer and bytes into a folder", () => {
    const who = { ...usual(false), rules };
    expect(toGrants(who, "printer")).toEqual([{ ...network, ...ruled }]);
    expect(toGrants(who, "folder")).toEqual([{ ...network, max_bytes: 5 }]);
  });

  test("holds a printer's rules for everyone, but for the devices that are free of them", () => {
    const devices = [{ id: "b", right: "use", under: "same" }, { id: "c", right: "use", under: "free" }] as const;
    const who: Who = { ...usual(true), devices: [...devices], mayAsk: true, rules: { ...rules, bytes: null } };
    const grants = toGrants(who, "printer");
    expect(grants).toEqual([{ ...device("b"), ...ruled }, device("c"), { ...home, ...ruled }, { ...network, ask: true, ...ruled }]);
    expect(fromPolicy(policy(grants), "printer")).toEqual(who);
  });

  test("leaves alone what was set for one device elsewhere, until somebody says otherwise", () => {
    const before = [{ ...device("b"), max_pages: 3 }, { ...home, max_pages: 50 }];
    const who = fromPolicy(policy(before), "printer");
    expect(who.devices).toEqual([{ id: "b", right: "use", under: "kept" }]);
    expect(toGrants(who, "printer", before)).toEqual(before);
    expect(toGrants({ ...who, devices: [{ ...who.devices[0]!, under: "same" }] }, "printer", before)[0]?.max_pages).toBe(50);
  });

  test("reads the rules of chosen people from the first of them that has any", () => {
    const who = fromPolicy(policy([device("b"), { ...device("c"), no_color: true }]), "printer");
    expect(who).toMatchObject({ group: "chosen", rules: { gray: true } });
    expect(who.devices.map(({ under }) => under)).toEqual(["free", "same"]);
  });

  test("takes no quiet hours that begin when they end", () => {
    expect(isComplete({ ...usual(true), rules: { ...NO_RULES, quiet: { from: 60, to: 60 } } })).toBe(false);
    expect(isComplete({ ...usual(true), rules })).toBe(true);
  });

  test("keeps what the screen does not show", () => {
    const before = [{ ...device("b"), manage: true, until: 99 }, { ...device("c"), until: 1 }];
    const who: Who = { ...usual(false), group: "chosen", devices: [{ id: "b", right: "use", under: "same" }] };
    expect(toGrants(who, "printer", before, 50)).toEqual([{ ...device("b"), manage: true, until: 99 }]);
  });

  test("does not begin anew what has ended for a device", () => {
    const before = [{ ...device("b"), until: 99 }, { ...home, until: 99 }];
    expect(toGrants({ ...usual(true), devices: [{ id: "b", right: "use", under: "same" }] }, "printer", before, 100)).toEqual([home]);
  });

  test("does not let strangers ask where only the home may", () => {
    const before = [{ ...home, ask: true }];
    expect(toGrants(fromPolicy(policy(before), "printer"), "printer", before)).toEqual(before);
  });

  test("is not complete while nobody is chosen", () => {
    expect(isComplete({ ...usual(true), group: "chosen" })).toBe(false);
    expect(isComplete(usual(true))).toBe(true);
  });

  test("never names a guest: passes come and go on their own", () => {
    const guest: Grant = { who: "guest", id: "p", ...may };
    expect(toGrants(fromPolicy(policy([guest, home]), "folder"), "folder", [guest, home])).toEqual([home]);
  });
});

describe("the switch for writing", () => {
  test("is on when the whole group may write, and is not there for single people and drop boxes", () => {
    expect(writing(policy([home]))).toBe(false);
    expect(writing(policy([home], true))).toBe(true);
    expect(writing(policy([device("b")]))).toBeNull();
    expect(writing(policy([{ ...home, add_only: true }]))).toBeNull();
  });

  test("takes nothing from single devices", () => {
    const given = policy([{ ...device("b"), write: true }, home]);
    expect(withWriting(given, true)).toEqual([{ ...device("b"), write: true }, { ...home, write: true }]);
    expect(withWriting(given, false)).toEqual([{ ...device("b"), write: true }, home]);
  });
});

test("what a device may use is decided by the first grant that is for it", () => {
  const share = (audience: Grant[]): Share => ({
    id: "s",
    kind: "folder",
    name: "Photos",
    target: "/photos",
    policy: policy(audience),
    available: true,
  });
  const ben = { id: "b", inHome: true };
  expect(rightOf(share([{ ...device("b"), write: true }, home]), ben)).toEqual({ right: "write", ask: false, rules: NO_RULES });
  expect(rightOf(share([home]), ben)).toEqual({ right: "use", ask: false, rules: NO_RULES });
  expect(rightOf(share([home]), { ...ben, inHome: false })).toBeNull();
  expect(rightOf(share([{ ...network, ask: true }]), ben)).toEqual({ right: "use", ask: true, rules: NO_RULES });
});

describe("times of day", () => {
  test.each([["00:00", 0], ["07:05", 425], ["23:59", 1439], ["22:00:00", 1320]])("%s is %i minutes", (time, minutes) => {
    expect(minutesOf(time)).toBe(minutes);
    expect(timeOf(minutes)).toBe(time.slice(0, 5));
  });

  test.each(["", "24:00", "7", "07:60", "seven"])("%j is none", (typed) => expect(minutesOf(typed)).toBeNull());
});
