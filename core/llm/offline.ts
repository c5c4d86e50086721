/** The drafter without an LLM: composes a reply from the company's own macros and articles. */
import type { Drafter, DraftRequest, DraftResult } from "./drafter.ts";
import type { Knowledge, Macro } from "./knowledge.ts";
import { breakBefore } from "./markdown.ts";
import { type Mood, type Phrases, phrasesFor } from "./phrases.ts";
import { fillPlaceholders } from "./placeholders.ts";
import { greetableName, languageOf, questionOf } from "./question.ts";
import { type ArticleHit, createRetriever, type Retriever } from "./retrieve.ts";

/** The most text taken over from articles, in characters. */
const longestAnswer = 1_800;
/** A second section is added only if it fits nearly as well as the first. */
const nearlyAsGood = 0.85;
const sureLabel = 0.5;

const noLlm = "No LLM wrote this draft:";

/**
 * A drafter that needs nothing but the knowledge. Every statement of its drafts stands in a macro or an article, which
 * `sources` names; where nothing fits, it writes a holding reply that promises nothing.
 */
export function createOfflineDrafter(options: { knowledge: Knowledge; retriever?: Retriever }): Drafter {
  const retriever = options.retriever ?? createRetriever(options.knowledge);
  return {
    name: "offline",
    async draft(request, signal) {
      signal.throwIfAborted();
      const question = questionOf(request);
      const language = languageOf(request);
      const department = request.labels?.department.value ?? null;
      const hits = retriever.search(question, { language, department, limit: 3 });
      const [best] = retriever.searchMacros(question, { language, department, limit: 1 });
      // A macro is a whole reply, so that one in another language, or one that fits less well, is of no use.
      if (best && best.macro.language === language && best.score >= (hits[0]?.score ?? 0) * 0.8) {
        return macroDraft(request, best.macro, best.score);
      }
      return hits.length > 0 ? articleDraft(request, language, hits) : holdingDraft(request, language);
    },
  };
}

function result(draft: Pick<DraftResult, "text" | "language" | "sources" | "notes">): DraftResult {
  return { ...draft, writtenBy: "offline", usage: null };
}

function macroDraft(request: DraftRequest, macro: Macro, score: number): DraftResult {
  const { language, phrases } = phrasesFor(macro.language);
  const text = fillPlaceholders(macro.text, {
    "requester.name": greetableName(request.requesterName),
    "company.name": request.companyName,
    "ticket.subject": subjectLine(request.subject) ?? phrases.noSubject,
  });
  return result({
    text,
    language: macro.language ?? language,
    sources: [sourceOf(macro, score)],
    notes: [`${noLlm} it is the macro named as its source.`],
  });
}

function articleDraft(request: DraftRequest, language: string | null, hits: ArticleHit[]): DraftResult {
  const { language: written, phrases } = phrasesFor(language);
  const chosen = chooseSections(hits);
  const [first] = chosen;
  if (first === undefined) return holdingDraft(request, language);
  const foreign = first.article.language !== null && first.article.language !== written;
  const lead = foreign
    ? phrases.otherLanguage(languageName(first.article.language, written))
    : phrases.answer;
  const links = new Set(
    chosen.flatMap(({ article }) => (article.url ? [`${article.title} (${article.url})`] : [])),
  );
  const notes = [`${noLlm} composed from the knowledge articles named as sources.`];
  if (foreign)
    notes.push(`The article is in another language (${first.article.language}) than the customer's.`);
  if (language !== null && language !== written)
    notes.push(`There are no phrases for the customer's language (${language}).`);
  return result({
    text: compose(request, phrases, [
      lead,
      ...chosen.map(sectionText),
      ...[...links].map((link) => `${phrases.more} ${link}`),
      phrases.stillOpen,
    ]),
    language: written,
    sources: uniqueSources(chosen),
    notes,
  });
}

function holdingDraft(request: DraftRequest, language: string | null): DraftResult {
  const { language: written, phrases } = phrasesFor(language);
  return result({
    text: compose(request, phrases, [phrases.holding]),
    language: written,
    sources: [],
    notes: [
      `${noLlm} no article or macro fits, so it is a holding reply. Please answer the question yourself.`,
    ],
  });
}

function compose(request: DraftRequest, phrases: Phrases, paragraphs: string[]): string {
  const name = greetableName(request.requesterName);
  const greeting = name === null ? phrases.greeting : phrases.greetingTo(name);
  const [lead = "", ...rest] = paragraphs;
  const opening = `${phrases.acknowledge[moodOf(request)]} ${lead}`;
  return [greeting, opening, ...rest, `${phrases.closing}\n${request.companyName}`].join("\n\n");
}

/** By the labels, where they are sure: companies name them as they like, so that stems are compared. */
function moodOf({ labels }: DraftRequest): Mood {
  if (labels === null) return "plain";
  const sure = (label: { value: string; confidence: number }) =>
    label.confidence >= sureLabel ? label.value.toLowerCase() : "";
  if (/urgent|critical|^high|срочн|критич|высок|dringend|hoch/.test(sure(labels.priority))) return "urgent";
  if (/problem|incident|complaint|bug|defect|жалоб|проблем|beschwerde/.test(sure(labels.type)))
    return "trouble";
  return "plain";
}

/** The best section, and the next ones of the same language while they are nearly as good and fit in. */
function chooseSections(hits: ArticleHit[]): ArticleHit[] {
  const [first] = hits;
  if (first === undefined) return [];
  const chosen = [first];
  let length = first.section.text.length;
  for (const hit of hits.slice(1)) {
    length += hit.section.text.length;
    if (chosen.length >= 2 || length > longestAnswer || hit.score < first.score * nearlyAsGood) break;
    if (hit.article.language === first.article.language) chosen.push(hit);
  }
  return chosen;
}

function sectionText({ section, article }: ArticleHit): string {
  const { text } = section;
  const short =
    text.length <= longestAnswer ? text : `${text.slice(0, breakBefore(text, longestAnswer)).trimEnd()} …`;
  return `${section.heading ?? article.title}\n${short}`;
}

function uniqueSources(hits: ArticleHit[]): DraftResult["sources"] {
  const sources = new Map<string, DraftResult["sources"][number]>();
  for (const { article, score } of hits) {
    if (!sources.has(article.path)) sources.set(article.path, sourceOf(article, score));
  }
  return [...sources.values()];
}

function sourceOf(
  item: { title: string; path: string; url?: string },
  score: number,
): DraftResult["sources"][number] {
  const { title, path, url } = item;
  return { title, path, score: Math.round(score * 1_000) / 1_000, ...(url === undefined ? {} : { url }) };
}

/** A subject fit to stand inside a sentence. */
function subjectLine(subject: string | null): string | null {
  const line = subject?.replace(/\s+/g, " ").trim() ?? "";
  return line === ""
    ? null
    : line.length <= 120
      ? line
      : `${line.slice(0, breakBefore(line, 120)).trimEnd()}…`;
}

function languageName(code: string | null, shownIn: string): string {
  return new Intl.DisplayNames([shownIn], { type: "language" }).of(code ?? "en") ?? String(code);
}
