/** Full-text search over a company's articles and macros, in the customer's language where possible. */
import MiniSearch from "minisearch";
import type { Article, Knowledge, Macro } from "./knowledge.ts";
import { languageCode } from "./language.ts";
import type { Section } from "./markdown.ts";
import { type Analyzer, createAnalyzer } from "./terms.ts";

/** What is read of a query, in characters: a customer's question stands in its first words, not on its tenth page. */
export const longestQuery = 4_000;
/** The most telling terms of a query that are searched for. */
export const mostTerms = 24;
/** Results with less evidence than this are no answers: see `evidenceOf`. */
const floor = 1;
/** Evidence from the text of a section counts less than from what names its subject. */
const weights = { title: 1, keywords: 1, heading: 0.7, body: 0.4 };
const boost = { title: 3, keywords: 3, heading: 2, body: 1 };
const departmentBoost = 1.15;

export interface SearchOptions {
  /** ISO 639-1 of the customer; others are searched only where this one has nothing. */
  language?: string | null;
  /** Articles of this department are preferred a little. */
  department?: string | null;
  /** The most results (default 5). */
  limit?: number;
}

export interface ArticleHit {
  article: Article;
  section: Section;
  /** Above 0 and below 1; to compare hits of one search, and to tell strong from weak. */
  score: number;
}

export interface MacroHit {
  macro: Macro;
  score: number;
}

export interface Retriever {
  /** The best sections, best first; at most two of one article. Nothing where no article has to do with the text. */
  search(text: string, options?: SearchOptions): ArticleHit[];
  /** The best macros, best first. */
  searchMacros(text: string, options?: SearchOptions): MacroHit[];
}

interface Entry<Item> {
  item: Item;
  language: string | null;
  department: string | undefined;
  title: string;
  keywords: string;
  heading: string;
  body: string;
}

interface Hit<Item> {
  item: Item;
  score: number;
}

/** Indexes the knowledge; takes about a millisecond per article. */
export function createRetriever(knowledge: Pick<Knowledge, "articles" | "macros">): Retriever {
  const sections = createIndexes(knowledge.articles.flatMap(sectionEntries));
  const macros = createIndexes(knowledge.macros.map(macroEntry));
  return {
    search(text, options = {}) {
      const limit = options.limit ?? 5;
      const counts = new Map<Article, number>();
      const hits: ArticleHit[] = [];
      for (const { item, score } of sections(text, options)) {
        const count = counts.get(item.article) ?? 0;
        if (count >= 2) continue;
        counts.set(item.article, count + 1);
        hits.push({ ...item, score });
        if (hits.length >= limit) break;
      }
      return hits;
    },
    searchMacros(text, options = {}) {
      const hits = macros(text, options).slice(0, options.limit ?? 5);
      return hits.map(({ item, score }) => ({ macro: item, score }));
    },
  };
}

function sectionEntries(article: Article): Array<Entry<{ article: Article; section: Section }>> {
  return article.sections.map((section) => ({
    item: { article, section },
    language: article.language,
    department: article.department,
    title: article.title,
    keywords: article.keywords.join(" "),
    heading: section.heading ?? "",
    body: section.text,
  }));
}

function macroEntry(macro: Macro): Entry<Macro> {
  const { language, department, title } = macro;
  return {
    item: macro,
    language,
    department,
    title,
    keywords: macro.keywords.join(" "),
    heading: "",
    body: macro.text,
  };
}

/** One index per language: stems and the rarity of words are a language's own. */
function createIndexes<Item>(entries: Array<Entry<Item>>) {
  const byLanguage = new Map<string | null, Array<Entry<Item>>>();
  for (const entry of entries) {
    const group = byLanguage.get(entry.language);
    if (group) group.push(entry);
    else byLanguage.set(entry.language, [entry]);
  }
  const indexes = [...byLanguage].map(([language, group]) => ({
    language,
    find: createIndex(language, group),
  }));
  return (text: string, options: SearchOptions): Array<Hit<Item>> => {
    const query = text.slice(0, longestQuery);
    const wanted = languageCode(options.language);
    const own = indexes.filter(({ language }) => language === wanted);
    const found = own.flatMap(({ find }) => find(query, options));
    if (found.length > 0) return found;
    return indexes
      .filter((index) => !own.includes(index))
      .flatMap(({ find }) => find(query, options))
      .sort((a, b) => b.score - a.score);
  };
}

function createIndex<Item>(language: string | null, entries: Array<Entry<Item>>) {
  const analyze = createAnalyzer(language);
  const index = new MiniSearch({
    fields: ["title", "keywords", "heading", "body"],
    tokenize: analyze,
    // The analyzer gives terms already.
    processTerm: (term) => term,
  });
  index.addAll(
    entries.map(({ title, keywords, heading, body }, id) => ({ id, title, keywords, heading, body })),
  );
  const rarity = rarityOf(entries, analyze);
  return (query: string, options: SearchOptions): Array<Hit<Item>> => {
    const terms = tellingTerms(analyze(query), rarity);
    if (terms.length === 0) return [];
    const results = index.search(terms.join(" "), {
      tokenize: (joined) => joined.split(" "),
      boost,
      // A customer writes "refund", the article "refundable": a long word also finds those that begin with it.
      prefix: (term) => term.length >= 5,
      weights: { prefix: 0.3, fuzzy: 0 },
    });
    const hits: Array<Hit<Item>> = [];
    for (const result of results) {
      const entry = entries[result.id as number];
      if (entry === undefined || evidenceOf(result.match, terms, rarity) < floor) continue;
      const near = options.department && entry.department === options.department ? departmentBoost : 1;
      const score = result.score * near;
      hits.push({ item: entry.item, score: score / (score + 20) });
    }
    return hits.sort((a, b) => b.score - a.score);
  };
}

/** For every term 0 (in all entries) to 1 (in one of them). */
function rarityOf<Item>(entries: Array<Entry<Item>>, analyze: Analyzer): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { title, keywords, heading, body } of entries) {
    for (const term of new Set(analyze(`${title}\n${keywords}\n${heading}\n${body}`))) {
      counts.set(term, (counts.get(term) ?? 0) + 1);
    }
  }
  const most = Math.log(1 + entries.length);
  return new Map([...counts].map(([term, count]) => [term, Math.log(1 + entries.length / count) / most]));
}

/** The rarest known terms first: they say what a text is about. Unknown ones cannot be found and are left out. */
function tellingTerms(terms: string[], rarity: Map<string, number>): string[] {
  const known = [...new Set(terms)];
  return known
    .map((term) => ({ term, weight: rarity.get(term) ?? 0 }))
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .slice(0, mostTerms)
    .map(({ term }) => term);
}

/**
 * How much of the query an entry speaks of: the rarities of the terms that it has, each counted in the best field.
 * Unlike the BM25 score it does not depend on the size of the collection, so that a floor can stand on it.
 */
function evidenceOf(match: Record<string, string[]>, terms: string[], rarity: Map<string, number>): number {
  let evidence = 0;
  for (const term of terms) {
    let best = 0;
    for (const field of match[term] ?? []) best = Math.max(best, weights[field as keyof typeof weights] ?? 0);
    evidence += best * (rarity.get(term) ?? 0);
  }
  return evidence;
}
