/** Attribution lines: what a mail program writes above the mail that it quotes ("On 20 Nov 2026, X wrote:"). */
import { hasDate, hasTime, startsWithDate, withoutDates } from "./dates.ts";
import type { Line } from "./lines.ts";

/**
 * How sure a line is an attribution. `strong`: whatever stands below is quoted. `weak`: only if quote marks follow, for a
 * person writes such lines too.
 */
export type Certainty = "strong" | "weak";

export interface Attribution {
  /** The index after its last line. */
  readonly end: number;
  readonly certainty: Certainty;
  /** Says "wrote": without it there are only a date, a time and an address. */
  readonly verbed: boolean;
}

/** Programs wrap an attribution over this many lines at most. */
const mostLines = 4;
const longest = 400;

const address = /[<([]*(?:mailto:)?[^\s<>()[\]"',;:@]{1,80}@[^\s<>()[\]"',;:]{1,120}[>)\]]*/gu;
const verb =
  /(?<!\p{L})(?:wrote|writes|said|replied|schrieb|schreibt|geschrieben|написал(?:а|\(а\)|\(-а\)|\/а)?|писал(?:а|\(а\))?|пишет|сообщает)(?!\p{L})/iu;
// The Bat! writes so.
const youWrote = /^(?:вы писали|вы написали|you wrote|sie schrieben) /iu;
const opening = /^(?:on|am|at|in|le|el|il|op|в|во|от) /iu;
const filler =
  /(?<!\p{L})(?:on|at|am|um|uhr|den|dem|hat|в|во|от|г|года|письме|сообщении|via|по|через|время|московское|время)(?!\p{L})\.?/giu;
// Who "wrote" in a person's own sentence.
const person =
  /(?<!\p{L})(?:i|we|you|the|this|he|she|they|my|your|our|his|her|their|ich|wir|sie|er|es|mir|uns|ihnen|mein\p{L}{0,2}|ihre?\p{L}?|unser\p{L}{0,2}|я|мы|вы|ты|он|она|они|мне|нам|вам|ваш\p{L}{0,3}|наш\p{L}{0,3}|мой|моя)(?!\p{L})/iu;
const title = /(?<!\p{L})(?:mr|mrs|ms|miss|herr|frau|господин|госпожа|г-н|г-жа)(?!\p{L})/iu;
const particle =
  /^(?:von|van|zu|zur|zum|der|den|de|da|di|del|della|la|le|du|bin|al|el|und|and|и|of|from|team|via|i\.|v\.)$/u;

/** The attribution that begins at this line, over up to four lines, or null. */
export function attributionAt(lines: readonly Line[], at: number): Attribution | null {
  const first = lines[at];
  if (first === undefined || first.seen === "" || first.marked) return null;
  let joined = "";
  for (let index = at; index < at + mostLines; index += 1) {
    const line = lines[index];
    if (line === undefined || line.seen === "" || line.marked) return null;
    joined = joined === "" ? line.seen : `${joined} ${line.seen}`;
    if (joined.length > longest) return null;
    if (line.seen.endsWith(":")) {
      const certainty = certaintyOf(plain(joined), index > at ? plain(first.seen) : null);
      return certainty === null ? null : { end: index + 1, certainty, verbed: verb.test(joined) };
    }
  }
  return null;
}

/** Without the asterisks of bold type. */
function plain(text: string): string {
  return text.replaceAll("*", "").trim();
}

/** @param first the first of several lines: it must show by itself that an attribution begins here */
function certaintyOf(text: string, first: string | null): Certainty | null {
  if (youWrote.test(text)) return hasDate(text) && hasTime(text) ? "weak" : null;
  const addressed = text.includes("@") && text.search(address) >= 0;
  const dated = hasDate(text);
  const timed = hasTime(text);
  const verbed = verb.test(text);
  if (!verbed && !(addressed && dated && timed)) return null;
  const whenFirst = startsWithDate(text) || (opening.test(text) && startsSoon(text));
  if (first !== null && !whenFirst && !first.includes("@")) return null;
  const words = nameOf(text);
  if (words === null) return null;
  const named = words.every(isNameWord);
  if (!named && !whenFirst) return verbed && addressed && words.length <= 5 && first === null ? "weak" : null;
  if (!verbed && !whenFirst) return null;
  const whole = dated && (timed || addressed) && (words.length > 0 || addressed);
  const sure = whenFirst ? named || (addressed && words.length <= 4) : named && addressed;
  return whole && sure && !title.test(text) ? "strong" : "weak";
}

/** Whether a date, or an address, comes soon after an opening word such as "On". */
function startsSoon(text: string): boolean {
  const rest = text.slice(text.indexOf(" ") + 1);
  return (
    startsWithDate(rest) ||
    startsWithDate(rest.replace(/^(?:письме|сообщении) от /iu, "")) ||
    startsWithDate(rest.replace(/^(?:the|dem|den) /iu, ""))
  );
}

/** The words that are left as a name once date, address and verb are gone; null where they are a sentence. */
function nameOf(text: string): string[] | null {
  const rest = withoutDates(text.replace(address, " ")).replace(verb, " ");
  if (/[?!;]/u.test(rest) || person.test(rest)) return null;
  const words = rest
    .replace(filler, " ")
    .replace(/https?:\/\/\S{1,200}/giu, " ")
    .split(/[\s,:<>()[\]"'«»„“”‘’|/]+/u)
    .filter((word) => /[\p{L}\p{N}]/u.test(word));
  return words.length > 8 ? null : words;
}

function isNameWord(word: string): boolean {
  if (/^\p{L}{4,}\.$/u.test(word)) return false;
  return /^[\p{Lu}\p{N}]/u.test(word) || particle.test(word);
}
