/** The drafter behind any API that speaks OpenAI's chat completions. */
import type { DrafterConfig } from "../../config/schema.ts";
import type { Log } from "../../plugins/contract/connector.ts";
import { type Breakers, createBreakers } from "../lib/breakers.ts";
import type { Drafter, DraftRequest, DraftResult } from "./drafter.ts";
import type { Knowledge } from "./knowledge.ts";
import { detectLanguage } from "./language.ts";
import { createAsk } from "./openai-ask.ts";
import { buildPrompt, languageName, type PromptOptions } from "./prompt.ts";
import { languageOf, questionOf } from "./question.ts";
import { createRetriever, type Retriever } from "./retrieve.ts";

/** Shorter texts are too often taken for another language. In characters. */
const sureLength = 120;
const articlesGiven = 6;
const macrosGiven = 2;

export interface OpenAiDrafterOptions {
  config: DrafterConfig;
  knowledge: Knowledge;
  /** Default: one made from `knowledge`. */
  retriever?: Retriever;
  log: Log;
  /** Where the breaker of the API is found. Default: one of its own. */
  breakers?: Breakers;
}

/**
 * A drafter that asks an LLM. One call per draft, two where the answer comes in another language than the customer's;
 * no retries beyond that, since the pipeline has its own. Each call ends after `config.timeoutMs`. While the API is in
 * trouble no call is made, and `draft` throws `Unavailable`.
 */
export function createOpenAiDrafter({ config, knowledge, log, ...rest }: OpenAiDrafterOptions): Drafter {
  const retriever = rest.retriever ?? createRetriever(knowledge);
  const ask = createAsk(config, rest.breakers ?? createBreakers({ log }));

  async function draft(request: DraftRequest, signal: AbortSignal): Promise<DraftResult> {
    const started = performance.now();
    const said = () => [request.subject ?? "", ...request.conversation.map(({ text }) => text)].join("\n");
    const put = (options: PromptOptions) => ask({ messages: buildPrompt(request, options), said }, signal);
    const language = languageOf(request);
    const options: PromptOptions = { ...gather(retriever, request, language), language };
    if (config.instructions) options.instructions = config.instructions;
    let answer = await put(options);
    let written = detectLanguage(answer.text);
    const notes: string[] = [];
    if (language !== null && isOtherLanguage(answer.text, written, language)) {
      const first = answer;
      answer = await put({ ...options, insistOn: language });
      answer.usage = sumUsage(first.usage, answer.usage);
      written = detectLanguage(answer.text);
      if (isOtherLanguage(answer.text, written, language)) {
        notes.push(`The draft is not in the customer's language (${languageName(language)}).`);
      }
    }
    notes.push(...answer.checks.map((check) => `Please check: ${check}`));
    const sources = sourcesOf(options);
    if (sources.length === 0)
      notes.push("No article or macro fits this message: please check every statement.");
    const writtenBy = answer.model ?? config.model;
    log.debug("draft written", {
      company: request.company,
      model: writtenBy,
      ms: Math.round(performance.now() - started),
    });
    const { text, usage } = answer;
    return { text, language: written ?? language, writtenBy, sources, usage, notes };
  }

  return { name: config.model, draft };
}

function gather(retriever: Retriever, request: DraftRequest, language: string | null): PromptOptions {
  const question = questionOf(request);
  const department = request.labels?.department.value ?? null;
  return {
    articles: retriever.search(question, { language, department, limit: articlesGiven }),
    macros: retriever.searchMacros(question, { language, department, limit: macrosGiven }),
  };
}

/** What the model was given, each article once, best first. */
function sourcesOf({ articles, macros }: PromptOptions): DraftResult["sources"] {
  const sources = new Map<string, DraftResult["sources"][number]>();
  const given = [
    ...articles.map(({ article, score }) => ({ item: article, score })),
    ...macros.map(({ macro, score }) => ({ item: macro, score })),
  ].sort((a, b) => b.score - a.score);
  for (const { item, score } of given) {
    if (sources.has(item.path)) continue;
    const { title, path, url } = item;
    const rounded = Math.round(score * 1_000) / 1_000;
    sources.set(path, { title, path, score: rounded, ...(url === undefined ? {} : { url }) });
  }
  return [...sources.values()];
}

function isOtherLanguage(text: string, detected: string | null, wanted: string): boolean {
  return text.length >= sureLength && detected !== null && detected !== wanted;
}

function sumUsage(a: DraftResult["usage"], b: DraftResult["usage"]): DraftResult["usage"] {
  if (a === null || b === null) return a ?? b;
  return {
    promptTokens: a.promptTokens + b.promptTokens,
    completionTokens: a.completionTokens + b.completionTokens,
  };
}
