import { expect, test } from "vitest";
import { unfit } from "../src/state/names";

// The same tables as in `crates/drive/src/path/names.rs`.
const REFUSED: Record<string, string[]> = {
  character: ["a\\b", "c:", "a:b", "a<b", "a>b", 'a"b', "a|b", "a?b", "a*b", "a/b"],
  unseen: ["a\nb", "a\u007fb"],
  end: ["dot.", "space "],
  device: ["CON", "con.txt", "Aux", "nul.tar.gz", "COM1", "com9.log", "LPT¹", "COM³.x", "CONIN$", "nul .txt"],
  dots: [".", ".."],
  long: ["ü".repeat(128)],
};

test("what a name holds that not every computer can is told by its kind", () => {
  for (const [why, names] of Object.entries(REFUSED)) for (const name of names) expect(unfit(name)?.why, JSON.stringify(name)).toBe(why);
  expect(unfit("a:b"), "and which it is").toEqual({ why: "character", what: ":" });
  expect(unfit("con.txt")).toEqual({ why: "device", what: "con" });
});

test("all others are good", () => {
  for (const name of ["a.txt", "Ünïcødé 日本", ".hidden", "console", "com", "com10", "COMx", "a (2).pdf", "a%b", "x".repeat(255)]) {
    expect(unfit(name), name).toBe(null);
  }
});
