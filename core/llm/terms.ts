/** From text to search terms: words in lower case, without stop words, cut to their stems. */
import { stemmer as nl } from "@orama/stemmers/dutch";
import { stemmer as en } from "@orama/stemmers/english";
import { stemmer as fr } from "@orama/stemmers/french";
import { stemmer as de } from "@orama/stemmers/german";
import { stemmer as it } from "@orama/stemmers/italian";
import { stemmer as pt } from "@orama/stemmers/portuguese";
import { stemmer as ru } from "@orama/stemmers/russian";
import { stemmer as es } from "@orama/stemmers/spanish";
import { stopWords } from "./stop-words.ts";

const stemmers: Readonly<Record<string, (word: string) => string>> = { nl, en, fr, de, it, pt, ru, es };

/** Longer "words" are encoded data, not language. In characters. */
const longestWord = 40;
/** Stems are kept, since customers use the same words again and again. */
const mostCached = 20_000;

const word = /[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu;

/** Turns text of one language into terms; the same word in any of its forms gives the same term. */
export type Analyzer = (text: string) => string[];

/** The analyzer of a language; a language without a stemmer gets whole words. */
export function createAnalyzer(language: string | null): Analyzer {
  const stem = stemmers[language ?? ""];
  const stops = stopWords[language ?? ""];
  const cache = new Map<string, string>();

  function termOf(token: string): string {
    const known = cache.get(token);
    if (known !== undefined) return known;
    const stopped = stops?.has(token) === true;
    const term = stopped ? "" : fold(stem === undefined ? token : stem(token));
    if (cache.size >= mostCached) cache.clear();
    cache.set(token, term);
    return term;
  }

  return (text) => {
    const terms: string[] = [];
    for (const [match] of text.normalize("NFC").toLowerCase().matchAll(word)) {
      const token = match.replaceAll("’", "'");
      if (token.length > longestWord) continue;
      addTerm(terms, termOf(token));
      // "e-mail" is found by "mail", too, and "order-number" by "number".
      if (token.includes("-")) for (const part of token.split("-")) addTerm(terms, termOf(part));
    }
    return terms;
  };
}

function addTerm(terms: string[], term: string): void {
  if (term.length > 1) terms.push(term);
}

/** Customers leave out accents and the dots of ё. */
function fold(term: string): string {
  return term.normalize("NFD").replace(/\p{M}/gu, "").normalize("NFC");
}
