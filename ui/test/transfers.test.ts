import { describe, expect, test, vi } from "vitest";
import { askerSentence, askSentence, foundWords, hasNotes, helpWords, isSendingOver, sendingProgress, sendingSentence, transferDetail, transferProgress, transferSentence } from "../src/sentences";
import { copy, sending, tree, wish } from "./copies";
import { checks } from "./household";

// Words are chosen by the languages of the reader, whom nobody stands in for here.
vi.stubGlobal("navigator", { languages: ["en"] });

describe("a copy", () => {
  test("leaves out what is not known: no rate, no time; one device is not worth a word", () => {
    expect(transferSentence(copy("a", { rate: 0 })).words).toBe("1 GB of 4 GB");
    expect(transferSentence(copy("a", { bytes: null, sources: 0, rate: 0 })).words).toBe("1 GB copied");
    expect(transferSentence(copy("a", { tree: { ...tree, files: null }, bytes: null, rate: 0 })).words).toBe("1 GB copied");
    expect(transferProgress(copy("a", { bytes: null }))).toBeNull();
  });

  test("never counts below nothing when more came than was told", () => {
    expect(transferSentence(copy("a", { bytes_done: 5_000_000_000 })).words).toContain("1 second left");
    expect(transferProgress(copy("a", { bytes_done: 5_000_000_000 }))).toBe(1);
  });

  test("says in the reader's words what there is to know when it stands still", () => {
    const failed = { state: "failed" } as const;
    expect(transferDetail(copy("a", { ...failed, reason: "unreadable" }))).toContain("can't be read or written");
    expect(transferDetail(copy("a", { ...failed, reason: "exists", tree: { ...tree, failed: 2 } }))).toContain("Decide what becomes of it");
    expect(transferDetail(copy("a", { ...failed, reason: "unreadable", tree: { ...tree, failed: 2 } }))).toBe("The rest is there. “What is different…” names what is missing.");
    const partly = transferSentence(copy("a", { ...failed, reason: "exists", tree: { ...tree, files_done: 338, failed: 2 } }));
    expect(partly).toEqual({ tone: "warn", words: "2 files or folders of 340 could not be copied" });
    expect(transferDetail(copy("a", { ...failed, reason: "not_allowed" })), "its sentence says it all").toBeNull();
    expect(transferDetail(copy("a"))).toBeNull();
  });

  test("names the disk that is full by the direction it goes", () => {
    const full = { state: "failed", reason: "disk_full" } as const;
    expect(transferSentence(copy("a", full)).words).toBe("This computer's disk is full. The rest needs 3 GB: make room, then go on");
    expect(transferSentence(copy("a", { ...full, direction: "upload" })).words).toBe("The disk of Ben's desktop is full. The rest needs 3 GB: make room there, then go on");
    expect(transferSentence(copy("a", { ...full, bytes: null })).words).toBe("Not copied: the disk is full");
    const waits = { ...full, state: "waiting" } as const;
    expect(transferSentence(copy("a", waits)).words).toBe("This computer's disk is full. The rest needs 3 GB · goes on by itself when there is room");
    expect(transferSentence(copy("a", { ...waits, direction: "upload" })).words).toContain("The disk of Ben's desktop is full");
  });

  test("of a folder is only all right when all of it came", () => {
    const done = copy("a", { state: "done", tree: { ...tree, files_done: 340 } });
    expect(transferSentence(done)).toEqual({ tone: "ok", words: "340 files · checked: identical to the originals" });
    expect(hasNotes(done)).toBe(false);
    const missing = copy("a", { state: "done", tree: { ...tree, files_done: 338, failed: 2 } });
    expect(transferSentence(missing)).toEqual({ tone: "warn", words: "2 files or folders of 340 could not be copied" });
    expect(hasNotes(missing)).toBe(true);
  });

  test("of which ordinary files are missing because of their names is not told in green", () => {
    const missing = copy("a", { state: "done", tree: { ...tree, files_done: 22, left_out: 1, misnamed: 1 } });
    expect(transferSentence(missing)).toEqual({
      tone: "warn",
      words: "1 file or folder could not be copied: no other computer can read its name · 22 files · checked: identical to the originals",
    });
    expect(transferDetail(missing)).toContain("another name");
    const links = copy("a", { state: "done", tree: { ...tree, files_done: 22, left_out: 1 } });
    expect(transferSentence(links).tone, "links may stay quiet").toBe("ok");
  });

  test("to a person shows no progress before it is accepted", () => {
    const asking = copy("a", { inbox: true, state: "waiting", reason: "must_ask", direction: "upload", bytes: 10, bytes_done: 10 });
    expect(transferProgress(asking)).toBeNull();
    expect(transferSentence(asking).words).toBe("Waiting until Ben's desktop accepts it");
  });

  test("that is not allowed reads as a no only where a person was asked", () => {
    const no = { state: "failed", reason: "not_allowed", direction: "upload" } as const;
    expect(transferSentence(copy("a", { ...no, inbox: true })).words).toBe("Ben's desktop did not accept it");
    expect(transferSentence(copy("a", no)).words).toBe("Not copied: the owner hasn't allowed it");
  });
});

describe("what somebody sends here", () => {
  test("is a question with its size, and says no address where the device is known", () => {
    expect(askSentence(wish)).toBe("Ben's desktop wants to send you 3 things");
    expect(askSentence({ ...wish, names: [] }), "from a device that tells no names").toBe("Ben's desktop wants to send you “Holiday photos + 2”");
    expect(askerSentence(wish).words).toBe("A device of your home · 800 MB");
  });

  test("is over when its sender says so, whatever is missing", () => {
    expect(sendingProgress(sending("a"))).toBe(0.25);
    expect(sendingSentence(sending("a", { bytes_done: 0 })).words).toBe("Accepted · waiting for Ben's desktop");
    for (const state of ["done", "refused", "withdrawn"] as const) {
      expect(isSendingOver(sending("a", { state }))).toBe(true);
      expect(sendingProgress(sending("a", { state }))).toBeNull();
    }
    expect(sendingSentence(sending("a", { state: "withdrawn", names: ["x"] })).words).toBe("Ben's desktop stopped sending · what is whole stays");
  });
});

describe("the self-check", () => {
  test("is told from codes, and in the node's English where this page does not know one", () => {
    expect(foundWords(checks[3]!)).toBe("Ben's desktop and Kitchen Pi can be reached.");
    expect(helpWords(checks[4]!)).toEqual(["sudo ufw allow 7717/tcp && sudo ufw allow 5353/udp", expect.stringMatching(/^Some routers/)]);
    const newer = { ...checks[2]!, found: [{ code: "of_a_later_version" }] as never, helps: [{ code: "of_a_later_version" }] as never };
    expect(foundWords(newer)).toBe("in English");
    expect(helpWords(newer)).toEqual(["in English"]);
    expect(helpWords(checks[0]!)).toEqual([]);
  });
});
