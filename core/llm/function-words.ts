/** Tells a language by its function words, where there are so many of them that nothing else is possible. */
import { stopWords } from "./stop-words.ts";

/** Languages whose neighbours do not share their function words, or give themselves away by a letter. */
const told: Readonly<Record<string, RegExp | null>> = {
  en: null,
  de: null,
  ru: /^(?=[^іїєґўјљњћџђ]*$).*[ыэ]/su,
};

const languages = Object.keys(stopWords);
/** For each word the languages that have it, as bits. */
const languagesOf = new Map<string, number>();
for (const [index, language] of languages.entries())
  for (const word of stopWords[language] ?? [])
    languagesOf.set(word, (languagesOf.get(word) ?? 0) | (1 << index));

/** Fewer function words than this may be a coincidence, and so may a smaller share of the words. */
const enough = { words: 6, share: 0.3 };

/** @returns ISO 639-1, or null where other means have to tell */
export function languageByFunctionWords(text: string): string | null {
  const lower = text.toLowerCase();
  const words = lower.match(/[\p{L}'’]+/gu) ?? [];
  const counts = languages.map(() => 0);
  for (const word of words) {
    const bits = languagesOf.get(word) ?? 0;
    for (let index = 0; bits >> index > 0; index++)
      if ((bits >> index) & 1) counts[index] = (counts[index] ?? 0) + 1;
  }
  const most = Math.max(...counts);
  const language = languages[counts.indexOf(most)] ?? "";
  const sign = told[language];
  if (sign === undefined || most < enough.words || most < words.length * enough.share) return null;
  const others = counts.filter((count) => count * 2 > most).length - 1;
  return others > 0 || (sign && !sign.test(lower)) ? null : language;
}
