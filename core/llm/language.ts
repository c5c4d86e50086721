/** Tells the language of a text: ISO 639-1 codes, by function words or, where they leave a doubt, by n-grams. */
import { eld } from "eld/extrasmall";
import { languageByFunctionWords } from "./function-words.ts";

/** More text than this makes the answer no surer, only slower. In characters. */
const enough = 200;

/**
 * The language of a text, or null where it cannot be told for sure (too short, mixed, or no language at all).
 * Links, addresses and numbers are left out, since they say nothing about it.
 */
export function detectLanguage(text: string): string | null {
  const words = text
    .slice(0, enough)
    .replace(/\S*(?:https?:\/\/|www\.|@)\S*/g, " ")
    .replace(/[\d`#*_>|=~[\]{}<]+/g, " ");
  const told = languageByFunctionWords(words);
  if (told !== null) return told;
  const result = eld.detect(words);
  return result.language !== "" && result.isReliable() ? result.language : null;
}

/** "pt-BR", "RU" or "de_AT" as the two-letter code; null for anything else. */
export function languageCode(tag: string | null | undefined): string | null {
  const code = tag
    ?.trim()
    .toLowerCase()
    .match(/^([a-z]{2})(?:[-_][a-z0-9]+)*$/)?.[1];
  return code ?? null;
}
