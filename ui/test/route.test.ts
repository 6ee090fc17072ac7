import { expect, test } from "vitest";
import { driveHash, parseRoute } from "../src/state/route";

test("a folder's address leads back to it, whatever its name holds", () => {
  for (const path of ["", "Photos", "a b/ä/100%", "#?&=/\"'<>", "日本/語"]) {
    expect(parseRoute(driveHash("share@device", path)), path).toEqual({ place: "drive", drive: "share@device", path });
  }
});

test("an unknown or broken address is Nearby, and a broken escape is taken as written", () => {
  for (const hash of ["", "#", "#/", "#/nowhere", "#token=abc", "#/drive", "#/drive/"]) {
    expect(parseRoute(hash), hash).toEqual({ place: "nearby" });
  }
  expect(parseRoute("#/drive/d/%E0%A4%A")).toEqual({ place: "drive", drive: "d", path: "%E0%A4%A" });
});
