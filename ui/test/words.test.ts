import de from "@locales/de.json";
import en from "@locales/en.json";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { isKey, translate, translateCount } from "../src/words";

const placeholders = (words: string) => [...words.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

/** Every source file of the page, the shell's, and those of the guests' pages. */
function sources(): string {
  const page = readdirSync("src", { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|svelte)$/.test(name) && !name.startsWith("api"))
    .map((name) => readFileSync(`src/${name}`, "utf8"));
  const shell = readdirSync("../src-tauri/src").map((name) => readFileSync(`../src-tauri/src/${name}`, "utf8"));
  const guest = "../crates/node/src/doors/guest";
  const guests = readdirSync(guest)
    .filter((name) => name.endsWith(".rs"))
    .map((name) => readFileSync(`${guest}/${name}`, "utf8"));
  const door = readFileSync(`${guest}.rs`, "utf8");
  return [...page, ...shell, ...guests, door].join("\n");
}

test("a name in a sentence turns nothing round", () => {
  expect(translate("en", "folder.rename_title", { name: "evil\u202egnp.exe" })).toBe("Rename “evil\ufffdgnp.exe”");
});

describe("the catalogues", () => {
  test("have the same keys in the same order", () => {
    expect(Object.keys(de)).toEqual(Object.keys(en));
  });

  test("have the same placeholders behind each key", () => {
    for (const [key, words] of Object.entries(en)) {
      expect(placeholders((de as Record<string, string>)[key] ?? ""), key).toEqual(placeholders(words));
    }
  });

  test("have no empty words, no stray spaces and no exclamation marks", () => {
    for (const [key, words] of [...Object.entries(en), ...Object.entries(de)]) {
      expect(words, key).toBe(words.trim());
      expect(words, key).not.toBe("");
      expect(words, key).not.toContain("!");
    }
  });

  test("have both forms of everything that is counted", () => {
    for (const key of Object.keys(en)) {
      if (key.endsWith(".one")) expect(isKey(key.replace(/one$/, "other")), key).toBe(true);
    }
  });

  test("have words and a way out for every error code of the node", () => {
    const api = readFileSync("src/api/index.ts", "utf8");
    const codes = /export type ErrorCode = ([^;]+);/.exec(api)?.[1]?.match(/"(\w+)"/g) ?? [];
    expect(codes.length, "the error codes are found in the generated types").toBeGreaterThan(10);
    for (const code of codes.map((quoted) => quoted.slice(1, -1))) {
      expect(isKey(`error.${code}`), code).toBe(true);
      expect(isKey(`error.${code}.do`), code).toBe(true);
    }
  });

  test("have words for everything that a printer does otherwise than it was chosen", () => {
    const api = readFileSync("src/api/index.ts", "utf8");
    const type = /export type Difference = ([^;]+(?:;[^;]+)*?);\n/.exec(api)?.[1] ?? "";
    const kinds = [...type.matchAll(/"what": "(\w+)"/g)].map(([, kind]) => kind!);
    expect(kinds.length, "they are found in the generated types").toBeGreaterThan(5);
    for (const kind of kinds) expect(isKey(`differs.${kind}`), kind).toBe(true);
  });

  test("have words for everything that the self-check finds and for all that helps, with every value in them", () => {
    const api = readFileSync("src/api/index.ts", "utf8");
    for (const [name, prefix] of [["Finding", "finding"], ["Remedy", "remedy"]] as const) {
      const type = new RegExp(`export type ${name} = ([\\s\\S]+?)(?=\\n\\n|\\nexport )`).exec(api)?.[1] ?? "";
      const kinds = [...type.matchAll(/"code": "(\w+)"([^{}|]*)/g)];
      expect(kinds.length, `${name} is found in the generated types`).toBeGreaterThan(20);
      for (const [, code, rest] of kinds) {
        const key = `${prefix}.${code}`;
        expect(isKey(key), key).toBe(true);
        const values = [...rest!.matchAll(/^\s*(\w+): /gm)].map(([, value]) => value!).sort();
        expect([...new Set(placeholders(translate("en", key as never)))], key).toEqual(values);
      }
    }
  });

  test("have no words that nobody uses", () => {
    const text = sources();
    // Keys put together at run time: `theme.${…}`, told("reason", …).
    const composed = [
      ...[...text.matchAll(/`([a-z][a-z_.]*)\$\{/g)].map(([, prefix]) => prefix!),
      ...[...text.matchAll(/told\(\s*"(\w+)"/g)].map(([, prefix]) => `${prefix}.`),
    ];
    expect(composed, "the way keys are put together is recognised").toEqual(expect.arrayContaining(["theme.", "reason."]));
    const unused = Object.keys(en).filter((key) => {
      const used = key.replace(/\.(one|other)$/, "");
      return !composed.some((prefix) => key.startsWith(prefix)) && !text.includes(`"${used}"`);
    });
    expect(unused).toEqual([]);
  });
});

describe("words", () => {
  test("are filled with what they are about, and a value that looks like a placeholder stays as it is", () => {
    expect(translate("en", "job.on", { title: "{printer}", printer: "Hall" })).toBe("{printer} on Hall");
  });

  test("are chosen by the language's own plural rule", () => {
    expect(translateCount("en", "device.printers", 1)).toBe("1 printer");
    expect(translateCount("en", "device.printers", 0)).toBe("0 printers");
    expect(translateCount("de", "device.folders", 1200)).toBe("1.200 Ordner");
  });
});
