/** Tells the language of a message. */
import { eld } from "eld/extrasmall";

/** More text does not make the guess better, only slower. */
const lookedAt = 300;
/** Fewer letters than this are too few for a language in Latin letters. */
const fewLetters = 8;
/** From here on a guess counts even where the detector itself is unsure. */
const manyLetters = 40;

const detector = eld.newInstance();
detector.setLanguageSubset([
  "en",
  "de",
  "ru",
  "uk",
  "be",
  "bg",
  "sr",
  "fr",
  "es",
  "pt",
  "it",
  "nl",
  "pl",
  "cs",
  "sk",
  "sv",
  "da",
  "no",
  "fi",
  "et",
  "lv",
  "lt",
  "ro",
  "hu",
  "tr",
  "el",
  "he",
  "ar",
  "fa",
  "hi",
  "th",
  "vi",
  "zh",
  "ja",
  "ko",
  "ka",
  "hy",
  "az",
]);

/**
 * Languages by script first: Cyrillic without letters of other alphabets counts as Russian, since short Russian is often
 * taken for its neighbours.
 * @param text as `normalise` gives it: NFKC, lower case
 * @returns ISO 639-1, or null where the text is too short or unclear
 */
export function detectLanguage(text: string): string | null {
  const head = text.slice(0, lookedAt);
  const letters = head.match(/\p{L}/gu)?.length ?? 0;
  if (letters < 2) return null;
  const cyrillic = head.match(/[а-яё]/g)?.length ?? 0;
  if (cyrillic * 2 > letters) {
    if (/[іїєґ]/.test(head)) return /ў/.test(head) ? "be" : "uk";
    if (/[ыэё]/.test(head) || letters < manyLetters) return /[ђјљњћџѓќѕ]/.test(head) ? "sr" : "ru";
  } else if (letters < fewLetters) {
    // A short word in Latin letters may be anything; one in another script (ελ, 日本) tells by itself.
    if (/[a-z]/.test(head)) return null;
  }
  const guess = detector.detect(head);
  if (guess.language === "") return null;
  return guess.isReliable() || letters >= manyLetters ? guess.language : null;
}
