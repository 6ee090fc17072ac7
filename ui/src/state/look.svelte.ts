// Theme and language: the screen's own affairs, kept on this screen.

import { languages, type Language } from "../words";

export type Theme = "system" | "light" | "dark";
export const THEMES: Theme[] = ["system", "light", "dark"];

const THEME_KEY = "lanyard.theme";
const LANGUAGE_KEY = "lanyard.language";

class Look {
  theme = $state<Theme>(stored(THEME_KEY, THEMES) ?? "system");
  /** `system` follows the browser's. */
  chosen = $state<Language | "system">(stored(LANGUAGE_KEY, ["system", ...languages] as const) ?? "system");

  language = $derived<Language>(this.chosen === "system" ? systemLanguage() : this.chosen);

  setTheme(theme: Theme) {
    this.theme = theme;
    store(THEME_KEY, theme);
  }

  setLanguage(language: Language | "system") {
    this.chosen = language;
    store(LANGUAGE_KEY, language);
  }
}

export const look = new Look();

function systemLanguage(): Language {
  for (const wanted of navigator.languages) {
    const known = languages.find((language) => wanted.toLowerCase().split("-")[0] === language);
    if (known) return known;
  }
  return "en";
}

function stored<T extends string>(key: string, allowed: readonly T[]): T | undefined {
  try {
    const value = localStorage.getItem(key);
    return allowed.find((known) => known === value);
  } catch {
    return undefined;
  }
}

function store(key: string, value: string) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // A browser that keeps nothing shows the choice until it is closed.
  }
}
