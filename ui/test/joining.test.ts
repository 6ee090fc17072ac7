import { describe, expect, test } from "vitest";
import { grouped, minutesLeft, readCode, readRecovery } from "../src/joining";

describe("a typed code", () => {
  test.each(["42-493-117", "42493117", "42 493 117", " 42–493–117 ", "42.493.117", "４２４９３１１７", "42-493-117\n"])(
    "%j is understood",
    (typed) => expect(readCode(typed)).toEqual({ is: "code", code: "42-493-117" }),
  );

  test("is taken out of a pasted message that holds a link", () => {
    const link = "lanyard:j?v=1&k=abc&i=def&s=ghi&a=192.168.1.7:7717";
    expect(readCode(`Here: ${link} , see you`)).toEqual({ is: "code", code: link });
  });

  test("is not complete before its eighth digit", () => {
    expect(readCode("42-49")).toEqual({ is: "part", digits: "4249" });
    expect(readCode(" - ")).toEqual({ is: "nothing" });
  });

  test.each(["424931178", "hello", "42-493-11x", "https://example.org"])("%j is none", (typed) =>
    expect(readCode(typed)).toEqual({ is: "wrong" }),
  );

  test("that is a home's recovery code is told apart, because it belongs elsewhere", () => {
    expect(readCode("ABCD-EFGH-JKMN-PQRS-TVWX-YZ01-2345")).toEqual({ is: "recovery" });
  });

  test("shows its dashes as it grows", () => {
    expect(["4", "42", "424", "42493", "424931", "42493117"].map(grouped)).toEqual(["4", "42", "42-4", "42-493", "42-493-1", "42-493-117"]);
  });
});

describe("a typed recovery code", () => {
  const code = "0123-4567-89AB-CDEF-GHJK-MNPQ-RSTV";

  test("is understood in small letters, without dashes and with what looks alike", () => {
    for (const typed of [code, code.toLowerCase(), code.replaceAll("-", ""), code.replaceAll("-", " "), code.replace("0", "O").replace("1", "l")]) {
      expect(readRecovery(typed), typed).toEqual({ is: "code", code });
    }
  });

  test("is not complete, or none at all", () => {
    expect(readRecovery("0123-45").is).toBe("part");
    expect(readRecovery("").is).toBe("nothing");
    expect(readRecovery(`${code}0`).is).toBe("wrong");
    expect(readRecovery("U123").is, "there is no U in it").toBe("wrong");
  });
});

test("minutes left are told with the one that has begun, and never below nothing", () => {
  expect(minutesLeft(600_000, 0)).toBe(10);
  expect(minutesLeft(600_000, 1)).toBe(10);
  expect(minutesLeft(600_000, 540_001)).toBe(1);
  expect(minutesLeft(600_000, 600_000)).toBe(0);
  expect(minutesLeft(600_000, 900_000)).toBe(0);
});
