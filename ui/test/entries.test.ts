import { expect, test } from "vitest";
import type { Entry } from "../src/api";
import { beginning, comparison, hasPicture, hasSize, inSight, kindOf, parent, placeNow } from "../src/state/entries";

const file = (name: string, size = 1, modified: number | null = 0): Entry => ({ name, kind: "file", size, modified, etag: null });
const folder = (name: string): Entry => ({ name, kind: "folder", size: 0, modified: 0, etag: null });
const names = (entries: Entry[]) => entries.map(({ name }) => name);

test("one is found again where it stands after others came or went", () => {
  const list = (...names: string[]) => names.map((name) => file(name));
  const before = list("a", "b", "c");
  expect(placeNow(before, list("a", "b", "c"), 1)).toBe(1);
  expect(placeNow(before, list("0", "a", "b"), 1)).toBe(2);
  expect(placeNow(before, list("a", "c"), 1)).toBe(-1);
});

test("names are sorted as people count, in the letters of their language, folders first", () => {
  const entries = [file("IMG 10.jpg"), file("img 9.jpg"), folder("zoo"), file("Äpfel"), file("Zebra"), folder("Attic")];
  expect(names(entries.toSorted(comparison("name", false, "de")))).toEqual(["Attic", "zoo", "Äpfel", "img 9.jpg", "IMG 10.jpg", "Zebra"]);
});

test("turned around, folders stay first and equals are still in one order", () => {
  const entries = [file("b", 5), file("a", 5), folder("x"), file("c", 9)];
  expect(names(entries.toSorted(comparison("size", true, "en")))).toEqual(["x", "c", "b", "a"]);
  expect(names(entries.toSorted(comparison("size", false, "en")))).toEqual(["x", "a", "b", "c"]);
});

test("what has no date is the oldest", () => {
  const entries = [file("new", 1, 20), file("none", 1, null), file("old", 1, 10), file("none too", 1, null)];
  expect(names(entries.toSorted(comparison("date", false, "en")))).toEqual(["none", "none too", "old", "new"]);
});

test("a kind is told by the ending, and small pictures only of what can be one", () => {
  expect(kindOf(file("a.JPG"))).toBe("picture");
  expect(kindOf(file(".jpg"))).toBe("file");
  expect(kindOf(folder("a.jpg"))).toBe("folder");
  expect(kindOf(file("song.flac"))).toBe("sound");
  expect(kindOf(file("setup.exe"))).toBe("program");
  expect(hasPicture(file("a.pdf", 1000))).toBe(true);
  expect(hasPicture(file("a.jpg", 40 << 20))).toBe(false);
  expect(hasPicture(file("a.svg", 10))).toBe(false);
});

test("typing goes to the next name that begins like that, around the end", () => {
  const entries = ["Anna", "ben", "Bert", "Carl"].map((name) => file(name));
  expect(beginning(entries, "b", 0, "en")).toBe(1);
  expect(beginning(entries, "b", 2, "en")).toBe(2);
  expect(beginning(entries, "a", 3, "en")).toBe(0);
  expect(beginning(entries, "x", 0, "en")).toBe(-1);
  expect(beginning([], "x", 0, "en")).toBe(-1);
});

test("only the rows in sight are in the page, and some around them", () => {
  expect(inSight(0, 480, 48, 100_000, 8)).toEqual({ first: 0, end: 18 });
  expect(inSight(48_000, 48_480, 48, 100_000, 8)).toEqual({ first: 992, end: 1018 });
  expect(inSight(4_799_600, 4_800_000, 48, 100_000, 8)).toEqual({ first: 99_983, end: 100_000 });
  expect(inSight(9_000_000, 9_000_480, 48, 10, 8).end).toBe(10);
  expect(inSight(0, 480, 48, 0)).toEqual({ first: 0, end: 0 });
});

test("the folder above a path", () => {
  expect([parent("a/b/c"), parent("a"), parent("")]).toEqual(["a/b", "", ""]);
});

test("what only its name keeps from being opened is drawn as what it is, and no picture of it is asked for", () => {
  const entry: Entry = { name: "M\ufffdller.pdf", kind: "other", misnamed: "file", size: 9, modified: 0, etag: null };
  expect([kindOf(entry), hasSize(entry), hasPicture(entry)]).toEqual(["document", true, false]);
  expect(kindOf({ ...entry, misnamed: "folder" })).toBe("folder");
  expect(kindOf({ name: "link", kind: "other", size: 0, modified: 0, etag: null })).toBe("other");
});
