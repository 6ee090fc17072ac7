// Words for people, from the catalogues in locales/. Pure: the language is an argument.

import de from "@locales/de.json";
import en from "@locales/en.json";
import { apart } from "./format";

export type Key = keyof typeof en;
/** Keys that come in `.one` and `.other`, chosen by the language's own rule. */
export type PluralKey = Key extends infer K ? (K extends `${infer Base}.other` ? Base : never) : never;
export type Values = Record<string, string | number>;

export const languages = ["en", "de"] as const;
export type Language = (typeof languages)[number];

const catalogues: Record<Language, Record<string, string>> = { en, de };

/** The words behind a key, with `{name}` replaced. */
export function translate(language: Language, key: Key, values: Values = {}): string {
  return fill(catalogues[language][key] ?? en[key], values);
}

/** The words for a number of things; `{count}` is the number in the language's own writing. */
export function translateCount(language: Language, key: PluralKey, count: number, values: Values = {}): string {
  const rule = new Intl.PluralRules(language).select(count);
  const catalogue = catalogues[language];
  const words = catalogue[`${key}.${rule}`] ?? catalogue[`${key}.other`] ?? key;
  return fill(words, { count: new Intl.NumberFormat(language).format(count), ...values });
}

/** Whether there are words for a key that was put together at run time. */
export function isKey(key: string): key is Key {
  return key in en;
}

function fill(words: string, values: Values): string {
  return words.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "string" ? apart(value) : String(value);
  });
}
