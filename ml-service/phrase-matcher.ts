/** Finds phrases in a text in one walk through it, however many phrases there are. */

const space = 32;

interface Step {
  readonly next: Map<number, Step>;
  /** After any further letters of the word, or none. */
  rest: Step | null;
  /** After a whole word. */
  any: Step | null;
  /** After a run of digits. */
  number: Step | null;
  /** What ends here. */
  readonly values: number[];
}

/** Is told the value of a phrase and where it ends. */
export type OnFound = (value: number, end: number) => void;

/** A text as words with a space before, between and behind. Valid until the reader's next call. */
export interface Words {
  readonly codes: Uint16Array;
  /** 1 where a word begins that punctuation parts from the one before, else 0. */
  readonly parted: Uint8Array;
  readonly length: number;
}

export type PhraseMatcher = ReturnType<typeof createPhraseMatcher>;

/**
 * Words of a phrase: letters and digits, with stars at their ends, lone stars and number signs.
 * @returns none where the phrase has no letter and no digit
 */
export function phraseWords(phrase: string): string[] {
  const text = phrase.normalize("NFKC").toLowerCase().replaceAll("ё", "е");
  const words: string[] = text.match(/[\p{L}\p{N}]+\*?|#(?!\p{N})[\p{L}\p{N}]*\*?|\*/gu) ?? [];
  const isWord = (word: string) => word !== "*";
  const trimmed = words.slice(words.findIndex(isWord), words.findLastIndex(isWord) + 1);
  return trimmed.some((word) => /[\p{L}\p{N}]/u.test(word)) ? trimmed : [];
}

/** The most lone stars in one phrase: each of them doubles the ways in which it may be met. */
export const mostLoneStars = 3;

/** Phrases with their values: add them all, then look. */
export function createPhraseMatcher() {
  const root = newStep();

  function insert(from: Step, words: readonly string[], at: number, value: number): void {
    const word = words[at] as string;
    if (word === "*") {
      from.any ??= newStep();
      insert(after(from.any, space), words, at + 1, value);
      insert(from, words, at + 1, value);
      return;
    }
    const hasStar = word.endsWith("*");
    let step = from;
    for (const letter of hasStar ? word.slice(0, -1) : word) {
      if (letter === "#") {
        step.number ??= newStep();
        step = step.number;
      } else for (let unit = 0; unit < letter.length; unit += 1) step = after(step, letter.charCodeAt(unit));
    }
    if (hasStar) {
      step.rest ??= newStep();
      step = step.rest;
    }
    if (at === words.length - 1) step.values.push(value);
    else insert(after(step, space), words, at + 1, value);
  }

  function walk(step: Step, words: Words, at: number, onFound: OnFound): void {
    const { codes } = words;
    const code = codes[at] as number;
    if (code === space) for (const value of step.values) onFound(value, at);
    if (at >= words.length) return;
    const next = step.next.get(code);
    if (next) walk(next, words, at + 1, onFound);
    if (step.rest) walk(step.rest, words, endOfWord(codes, at), onFound);
    if (step.any && code !== space) walk(step.any, words, endOfWord(codes, at), onFound);
    if (step.number) {
      let end = at;
      while (isDigit(codes[end] as number)) end += 1;
      if (end > at) walk(step.number, words, end, onFound);
    }
  }

  return {
    /** A phrase without words, or with too many lone stars, is left out: the config's schema has refused it. */
    add(phrase: string, value: number): void {
      const words = phraseWords(phrase);
      const stars = words.filter((word) => word === "*").length;
      if (words.length > 0 && stars <= mostLoneStars) insert(root, words, 0, value);
    },
    /** All phrases that begin at a place, which must be the beginning of a word. */
    at(words: Words, from: number, onFound: OnFound): void {
      walk(root, words, from, onFound);
    },
  };
}

/** @returns a function that cuts text into words, into buffers of its own */
export function createWordReader(): (normal: string) => Words {
  let codes = new Uint16Array(0);
  let parted = new Uint8Array(0);
  return (normal) => {
    if (codes.length < normal.length + 2) {
      codes = new Uint16Array(normal.length + 2);
      parted = new Uint8Array(normal.length + 2);
    }
    codes[0] = space;
    let length = 1;
    let isParted = 0;
    for (let at = 0; at < normal.length; at += 1) {
      const code = normal.charCodeAt(at);
      if (isWordCode(code)) {
        parted[length] = isParted;
        isParted = 0;
        codes[length++] = code === 0x451 ? 0x435 : code;
      } else {
        if (code !== space && partings.includes(code)) isParted = 1;
        if (codes[length - 1] !== space) {
          parted[length] = 0;
          codes[length++] = space;
        }
      }
    }
    if (codes[length - 1] !== space) codes[length++] = space;
    return { codes, parted, length };
  };
}

const partings = Array.from(".,!?;:()\n–—", (mark) => mark.charCodeAt(0));

/** Where the word ends that a place lies in. */
export function endOfWord(codes: Uint16Array, at: number): number {
  let end = at;
  while (codes[end] !== space) end += 1;
  return end;
}

const wordPattern = /[\p{L}\p{N}\uD800-\uDFFF]/u;
const common = Uint8Array.from({ length: 0x530 }, (_, code) =>
  wordPattern.test(String.fromCharCode(code)) ? 1 : 0,
);

function isWordCode(code: number): boolean {
  return code < common.length ? common[code] === 1 : wordPattern.test(String.fromCharCode(code));
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function after(step: Step, code: number): Step {
  const next = step.next.get(code) ?? newStep();
  step.next.set(code, next);
  return next;
}

function newStep(): Step {
  return { next: new Map(), rest: null, any: null, number: null, values: [] };
}
