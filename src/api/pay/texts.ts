/** What the page says, in both languages; the compiler keeps the two key sets equal. */
import type { Language } from './format.js';
import { en } from './texts/en.js';
import { ru, type Texts } from './texts/ru.js';

export const texts: Readonly<Record<Language, Texts>> = { ru, en };

/** Fills `{name}` in a text. */
export function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}
