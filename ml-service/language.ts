/** Tells the language of a message. */
import { eld } from "eld/extrasmall";
import { languageByFunctionWords } from "./function-words.ts";

/** More text does not make the guess better, only slower. */
const lookedAt = 160;
/** Fewer letters than this are too few for a language in Latin letters. */
const fewLetters = 8;
/** From here on a guess counts even where the detector itself is unsure. */
const manyLetters = 40;

// Of languages that share an alphabet only the common ones, so that a typing error does not make Estonian of English.
const detector = eld.newInstance();
detector.setLanguageSubset("en de ru uk be bg sr fr es pt it nl pl cs sk sv da no fi ro hu tr".split(" "));

/** Languages that have a script to themselves, or nearly so; Japanese before Chinese, since it uses both. */
const scripts: readonly (readonly [string, RegExp])[] = [
  ["ja", /[\p{Script=Hiragana}\p{Script=Katakana}]/u],
  ["zh", /\p{Script=Han}/u],
  ["ko", /\p{Script=Hangul}/u],
  ["ar", /\p{Script=Arabic}/u],
  ["he", /\p{Script=Hebrew}/u],
  ["el", /\p{Script=Greek}/u],
  ["hi", /\p{Script=Devanagari}/u],
  ["th", /\p{Script=Thai}/u],
  ["ka", /\p{Script=Georgian}/u],
  ["hy", /\p{Script=Armenian}/u],
];

/**
 * Scripts first, then function words, then n-grams. Short Cyrillic without letters of other alphabets counts as Russian, since short Russian is
 * often taken for its neighbours.
 * @param text as `normalise` gives it: NFKC, lower case
 * @returns ISO 639-1, or null where the text is too short or unclear
 */
export function detectLanguage(text: string): string | null {
  const head = text.slice(0, lookedAt);
  const { letters, latin, cyrillic } = countLetters(head);
  if (letters < 2) return null;
  if (cyrillic * 2 > letters) return detectCyrillic(head, letters);
  if (latin * 2 < letters) return scripts.find(([, script]) => script.test(head))?.[0] ?? null;
  if (letters < fewLetters) return null;
  return languageByFunctionWords(head) ?? guess(head, letters);
}

function detectCyrillic(head: string, letters: number): string | null {
  if (head.includes("ў")) return "be";
  if (/[їєґ]/.test(head)) return "uk";
  if (/[ђјљњћџ]/.test(head)) return "sr";
  if (/[ыэё]/.test(head) || letters < manyLetters) return "ru";
  return guess(head, letters);
}

function guess(head: string, letters: number): string | null {
  const found = detector.detect(head);
  if (found.language === "") return null;
  return letters >= manyLetters || found.isReliable() ? found.language : null;
}

/** By ranges of code points: regular expressions for scripts took as long as the n-grams. */
function countLetters(text: string): { letters: number; latin: number; cyrillic: number } {
  let latin = 0;
  let cyrillic = 0;
  let others = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x250) {
      if ((code >= 0x61 && code <= 0x7a) || (code >= 0xdf && code !== 0xf7)) latin += 1;
    } else if (code >= 0x400 && code < 0x530) cyrillic += 1;
    else if (/\p{L}/u.test(text.charAt(at))) others += 1;
  }
  return { letters: latin + cyrillic + others, latin, cyrillic };
}
