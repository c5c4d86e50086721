/** A full-text index of one language: BM25 by MiniSearch, with a floor under which a text is no answer. */
import MiniSearch from "minisearch";
import { type Analyzer, createAnalyzer } from "./terms.ts";

/** The most telling terms of a query that are searched for. */
export const mostTerms = 24;
/** Evidence from the text of a section counts less than from what names its subject. */
const weights: Readonly<Record<string, number>> = { title: 1.1, keywords: 0.8, heading: 0.8, body: 0.4 };
const boost = { title: 3, keywords: 3, heading: 2, body: 1 };
const departmentBoost = 1.15;
/** Evidence from a keyword that stands in the query as a whole: one of several words, and one of a single word. */
const phraseEvidence = { several: 1, single: 0.5 };
/** How far apart the words of a keyword may stand in the query, in words beyond their number. */
const phraseSlack = 3;
/** The score that is shown as 0.5. */
const middle = 60;

export interface Entry<Item> {
  item: Item;
  /** Entries of one article share it. */
  group: string;
  language: string | null;
  department: string | undefined;
  title: string;
  keywords: string[];
  heading: string;
  body: string;
}

export interface Hit<Item> {
  item: Item;
  /** Above 0 and below 1. */
  score: number;
}

/**
 * Indexes entries of one language.
 * @param options.keywordsOnly only entries with a keyword that stands in the query as a whole are found
 * @returns the search: best first
 */
export function createIndex<Item>(
  language: string | null,
  entries: Array<Entry<Item>>,
  options: { keywordsOnly: boolean },
) {
  const analyze = createAnalyzer(language);
  const index = new MiniSearch({
    fields: ["title", "keywords", "heading", "body"],
    tokenize: analyze,
    // The analyzer gives terms already.
    processTerm: (term) => term,
  });
  index.addAll(entries.map((entry, id) => ({ ...entry, id, keywords: entry.keywords.join("\n") })));
  const rarity = rarityOf(entries, analyze);
  const phrases = phrasesOf(entries, analyze);

  return (query: string, department: string | null | undefined): Array<Hit<Item>> => {
    const words = analyze(query);
    const terms = tellingTerms(words, rarity);
    if (terms.length === 0) return [];
    const said = saidPhrases(words, phrases);
    const floor = floorFor(new Set(words).size);
    const results = index.search(terms.join(" "), {
      tokenize: (joined) => joined.split(" "),
      boost,
      // "Liefer" finds "Lieferzeit", too.
      prefix: (term) => term.length >= 5,
      weights: { prefix: 0.3, fuzzy: 0 },
    });
    const hits: Array<Hit<Item>> = [];
    for (const { id, score, match } of results) {
      const entry = entries[Number(id)];
      if (entry === undefined) continue;
      const phrase = said.get(entry.group) ?? 0;
      if (options.keywordsOnly && phrase === 0) continue;
      if (phrase + evidenceOf(match, terms, rarity) < floor) continue;
      const near = department && entry.department === department ? departmentBoost : 1;
      const sum = score * (1 + phrase) * near;
      hits.push({ item: entry.item, score: sum / (sum + middle) });
    }
    return hits.sort((a, b) => b.score - a.score);
  };
}

/** For every term 0 (in all articles) to 1 (in one of them). */
function rarityOf<Item>(entries: Array<Entry<Item>>, analyze: Analyzer): Map<string, number> {
  const groups = new Map<string, Set<string>>();
  for (const { group, title, keywords, heading, body } of entries) {
    const terms = groups.get(group) ?? new Set();
    groups.set(group, terms);
    for (const term of analyze(`${title}\n${keywords.join("\n")}\n${heading}\n${body}`)) terms.add(term);
  }
  const counts = new Map<string, number>();
  for (const terms of groups.values()) {
    for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
  }
  const most = Math.log(1 + groups.size);
  return new Map([...counts].map(([term, count]) => [term, Math.log(1 + groups.size / count) / most]));
}

/** The rarest known terms first: they say what a text is about. Unknown ones cannot be found and are left out. */
function tellingTerms(words: string[], rarity: Map<string, number>): string[] {
  return [...new Set(words)]
    .filter((term) => rarity.has(term))
    .sort((a, b) => (rarity.get(b) ?? 0) - (rarity.get(a) ?? 0))
    .slice(0, mostTerms);
}

/**
 * How much of the query an entry speaks of: the rarities of the terms that it has, each counted in the best field.
 * Unlike the BM25 score it does not depend on the size of the collection, so that a floor can stand on it.
 */
function evidenceOf(match: Record<string, string[]>, terms: string[], rarity: Map<string, number>): number {
  let evidence = 0;
  for (const term of terms) {
    let best = 0;
    for (const field of match[term] ?? []) best = Math.max(best, weights[field] ?? 0);
    evidence += best * (rarity.get(term) ?? 0);
  }
  return evidence;
}

interface Phrase {
  words: string[];
  group: string;
}

/** The keywords of all articles by their first word. */
function phrasesOf<Item>(entries: Array<Entry<Item>>, analyze: Analyzer): Map<string, Phrase[]> {
  const byFirst = new Map<string, Phrase[]>();
  const seen = new Set<string>();
  for (const { group, keywords, title } of entries) {
    if (seen.has(group)) continue;
    seen.add(group);
    for (const words of [title, ...keywords].map(analyze)) {
      const first = words[0];
      if (first === undefined) continue;
      const phrases = byFirst.get(first);
      if (phrases) phrases.push({ words, group });
      else byFirst.set(first, [{ words, group }]);
    }
  }
  return byFirst;
}

/** For each article the evidence of its best keyword among those that stand in the query, close together. */
function saidPhrases(words: string[], phrases: Map<string, Phrase[]>): Map<string, number> {
  const said = new Map<string, number>();
  for (const [position, word] of words.entries()) {
    for (const phrase of phrases.get(word) ?? []) {
      const evidence = phrase.words.length > 1 ? phraseEvidence.several : phraseEvidence.single;
      if ((said.get(phrase.group) ?? 0) < evidence && standsNear(words, position, phrase.words)) {
        said.set(phrase.group, evidence);
      }
    }
  }
  return said;
}

/** In any order: "order change" is as good as "change my order". */
function standsNear(words: string[], position: number, phrase: string[]): boolean {
  const reach = phrase.length + phraseSlack;
  const near = words.slice(Math.max(0, position - reach), position + reach);
  return phrase.every((part) => near.includes(part));
}

/**
 * The evidence under which an entry is no answer. One word must name the subject; a long text has something in common
 * with any article by chance, so that more is asked of it.
 * @param count the different terms of the query, unknown ones too
 */
function floorFor(count: number): number {
  if (count <= 1) return 0.35;
  if (count === 2) return 0.6;
  return Math.max(0.9, 0.4 * Math.sqrt(count));
}
