import { expect, test } from "vitest";
import { fileUri } from "../src/state/dragging.svelte";

test("a path is passed on as an address that means just this file", () => {
  expect(fileUri("/home/anna/Lanyard/Fotos/100 % #1?.jpg")).toBe("file:///home/anna/Lanyard/Fotos/100%20%25%20%231%3F.jpg");
  expect(fileUri("/x/Zürich; a&b.txt")).toBe("file:///x/Z%C3%BCrich%3B%20a%26b.txt");
});
