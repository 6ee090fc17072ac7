// The words in the language that is chosen now. Used in templates, it follows a change of language.

import { isKey, translate, translateCount, type Key, type PluralKey, type Values } from "../words";
import { look } from "./look.svelte";

export const t = (key: Key, values?: Values) => translate(look.language, key, values);

export const n = (key: PluralKey, count: number, values?: Values) => translateCount(look.language, key, count, values);

/** Words for a code that came from the node, or for `otherwise` when this version has none. */
export const told = (prefix: string, code: string, otherwise: Key, values?: Values) => {
  const key = `${prefix}.${code}`;
  return t(isKey(key) ? key : otherwise, values);
};

/** Words that begin something and stand in the middle elsewhere. */
export const capital = (words: string) => words.charAt(0).toLocaleUpperCase(look.language) + words.slice(1);
