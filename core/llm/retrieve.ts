/** Full-text search over a company's articles and macros, in the customer's language where possible. */
import type { Article, Knowledge, Macro } from "./knowledge.ts";
import { languageCode } from "./language.ts";
import type { Section } from "./markdown.ts";
import { createIndex, type Entry, type Hit } from "./search-index.ts";

/** What is read of a query, in characters: a customer's question stands in its first words, not on its tenth page. */
export const longestQuery = 4_000;
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
  /** The best macros, best first: only those that have a keyword that stands in the text as a whole. */
  searchMacros(text: string, options?: SearchOptions): MacroHit[];
}

/** Indexes the knowledge; takes about a millisecond per article. */
export function createRetriever(knowledge: Pick<Knowledge, "articles" | "macros">): Retriever {
  const sections = createIndexes(knowledge.articles.flatMap(sectionEntries), { keywordsOnly: false });
  const macros = createIndexes(knowledge.macros.map(macroEntry), { keywordsOnly: true });
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
    group: article.path,
    language: article.language,
    department: article.department,
    title: article.title,
    keywords: article.keywords,
    heading: section.heading ?? "",
    body: section.text,
  }));
}

function macroEntry(macro: Macro): Entry<Macro> {
  const { path, language, department, title, keywords, text } = macro;
  return { item: macro, group: path, language, department, title, keywords, heading: "", body: text };
}

/** One index per language: stems and the rarity of words are a language's own. */
function createIndexes<Item>(entries: Array<Entry<Item>>, options: { keywordsOnly: boolean }) {
  const byLanguage = new Map<string | null, Array<Entry<Item>>>();
  for (const entry of entries) {
    const group = byLanguage.get(entry.language);
    if (group) group.push(entry);
    else byLanguage.set(entry.language, [entry]);
  }
  const indexes = [...byLanguage].map(([language, group]) => ({
    language,
    find: createIndex(language, group, options),
  }));
  return (text: string, { language, department }: SearchOptions): Array<Hit<Item>> => {
    const query = text.slice(0, longestQuery);
    const wanted = languageCode(language);
    const own = indexes.filter(({ language }) => language === wanted);
    const found = own.flatMap(({ find }) => find(query, department));
    if (found.length > 0) return found;
    return indexes
      .filter((index) => !own.includes(index))
      .flatMap(({ find }) => find(query, department))
      .sort((a, b) => b.score - a.score);
  };
}
