import { describe, expect, test } from "vitest";
import { apart, bytes, extension, legible, region, straight, timeLeft, when } from "../src/format";

describe("sizes", () => {
  test.each([
    [0, "0 bytes"],
    [1, "1 byte"],
    [999, "999 bytes"],
    [1000, "1 kB"],
    [1_234_567, "1.2 MB"],
    [380_000_000_000, "380 GB"],
    [1.5e18, "1,500 PB"],
  ])("%d is read as %s", (count, words) => expect(bytes("en", count)).toBe(words));

  test("are written the German way in German", () => expect(bytes("de", 1_234_567)).toBe("1,2 MB"));
});

describe("times", () => {
  const noon = new Date(2026, 10, 22, 12, 0).getTime();

  test("of today are a time, of this year a day, of another year a day with its year", () => {
    expect(when("en", new Date(2026, 10, 22, 9, 5).getTime(), noon)).toBe("9:05 AM");
    expect(when("en", new Date(2026, 2, 1).getTime(), noon)).toBe("Mar 1");
    expect(when("en", new Date(2019, 2, 1).getTime(), noon)).toBe("Mar 1, 2019");
  });

  test("left are told in one unit, and not at all while nothing moves", () => {
    expect(timeLeft("en", 1000, 0)).toBeNull();
    expect(timeLeft("en", 10, 1000)).toBe("1 second");
    expect(timeLeft("en", 120_000, 1000)).toBe("2 minutes");
    expect(timeLeft("de", 7_200_000, 1000)).toBe("2 Stunden");
  });
});

describe("dates and times", () => {
  test("are written as where the reader is, when that place's language is the page's", () => {
    expect(region("en", ["en-GB", "en"])).toBe("en-GB");
    expect(region("en", ["de-AT", "en-US"])).toBe("en-US");
    expect(region("de", ["en-GB"])).toBe("de");
    expect(region("en", [])).toBe("en");
  });
});

describe("a name that turns its parts round", () => {
  test.each([
    ["evil\u202egnp.exe", "evil\ufffdgnp.exe"],
    ["\u2067a\u2069b", "\ufffda\ufffdb"],
    ["a\u2069\u2068b", "a\ufffd\ufffdb"],
    ["x\u200f\u200e\u061c", "x\ufffd\ufffd\ufffd"],
    ["שלום.pdf", "שלום.pdf"],
    ["plain.txt", "plain.txt"],
  ])("%j is shown as %j", (name, seen) => expect(legible(name)).toBe(seen));

  test("loses nothing else when it is put straight", () => expect(straight("evil\u202egnp.exe שלום")).toBe("evilgnp.exe שלום"));

  test("is kept apart in a sentence only where it is written from right to left, and only once", () => {
    expect(apart("letter.pdf")).toBe("letter.pdf");
    expect(apart("שלום.pdf")).toBe("\u2068שלום.pdf\u2069");
    expect(apart(apart("שלום.pdf"))).toBe("\u2068שלום.pdf\u2069");
    expect(legible(`“${apart("سلام")}” was copied`)).toBe("“\u2068سلام\u2069” was copied");
    expect(apart("שלום\u2069\u202e")).toBe("\u2068שלום\ufffd\ufffd\u2069");
  });
});

describe("the kind of a file", () => {
  test.each([
    ["Report.pdf", "PDF"],
    ["archive.tar.gz", "GZ"],
    [".bashrc", null],
    ["README", null],
    ["a.verylongending", null],
    ["trailing.", null],
  ])("%s is %s", (name, kind) => expect(extension(name)).toBe(kind));
});
