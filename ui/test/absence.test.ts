import { expect, test } from "vitest";
import type { Drive, Nearby } from "../src/api";
import { absence } from "../src/state/absence";
import { household } from "./household";

const { nearby } = household();
const drive = nearby.drives[0]!;
const id = `photos@${drive.device}`;
const around = (state: "online" | "unreachable" | "gone", shown: Partial<Drive> | null): Nearby => ({
  ...nearby,
  devices: nearby.devices.flatMap((device) => (device.id !== drive.device ? [device] : state === "gone" ? [] : [{ ...device, state }])),
  drives: shown === null ? [] : [{ ...drive, id, ...shown }],
});

test("a drive is there, its disk is out, its owner is silent, or it is shared no more", () => {
  expect(absence(around("online", { available: true }), id)).toBe(null);
  expect(absence(around("online", { available: false }), id)).toBe("out");
  expect(absence(around("unreachable", { available: false }), id)).toBe("silent");
  expect(absence(around("online", null), id)).toBe("unshared");
  expect(absence(around("gone", null), id), "who said goodbye shares nothing, and will again").toBe("silent");
});
