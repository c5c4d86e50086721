/** The drafter behind any API that speaks OpenAI's chat completions. */
import { createHash } from "node:crypto";
import { APIUserAbortError, BadRequestError } from "openai/error";
import type { DrafterConfig } from "../../config/schema.ts";
import type { Log } from "../../plugins/contract/connector.ts";
import type { Verdict } from "../lib/breaker.ts";
import { type Breakers, createBreakers } from "../lib/breakers.ts";
import { Unavailable } from "../lib/unavailable.ts";
import type { Drafter, DraftRequest, DraftResult } from "./drafter.ts";
import type { Knowledge } from "./knowledge.ts";
import { detectLanguage } from "./language.ts";
import { type Answer, readAnswer } from "./openai-answer.ts";
import { createCompletionCall } from "./openai-call.ts";
import { toDraftError } from "./openai-errors.ts";
import { buildPrompt, type ChatMessage, languageName, type PromptOptions } from "./prompt.ts";
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
  const ask = guard(config, createCall(config), rest.breakers ?? createBreakers({ log }));

  async function write(request: DraftRequest, signal: AbortSignal): Promise<DraftResult> {
    const started = performance.now();
    const language = languageOf(request);
    const options: PromptOptions = { ...gather(retriever, request, language), language };
    if (config.instructions) options.instructions = config.instructions;
    let answer = await ask(buildPrompt(request, options), signal);
    let written = detectLanguage(answer.text);
    const notes: string[] = [];
    if (language !== null && isOtherLanguage(answer.text, written, language)) {
      const first = answer;
      answer = await ask(buildPrompt(request, { ...options, insistOn: language }), signal);
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

  return {
    name: config.model,
    async draft(request, signal) {
      signal.throwIfAborted();
      try {
        return await write(request, signal);
      } catch (error) {
        // Our own stop is no failure of the API.
        signal.throwIfAborted();
        if (error instanceof Unavailable && error.cause === undefined) throw error;
        const said = `${request.subject ?? ""}\n${request.conversation.map(({ text }) => text).join("\n")}`;
        const context = { model: config.model, key: config.key?.reveal() || noKey, said };
        if (!(error instanceof Unavailable)) throw toDraftError(error, context);
        // What the API said may quote the customer here as well.
        throw new Unavailable(theLlm, toDraftError(error.cause, context), error.retryAfterMs);
      }
    },
  };
}

const defaultBaseUrl = "https://api.openai.com/v1";

/** Local servers want no key; what they get is none. */
const noKey = "no-key-needed";

/** Parameters that some models refuse by name; what one refused is not sent again. */
interface Dialect {
  maxTokens: "max_tokens" | "max_completion_tokens";
  temperature: boolean;
}

const theLlm = "the LLM";

type Ask = (messages: ChatMessage[], signal: AbortSignal) => Promise<Answer>;

/** Some 2,500 calls a second, of which few are wasted when an API begins to fail. */
const pace = { burst: 16, perMs: 2.5 };
/** Failures in a row after which an API is left alone. Calls cost money: a few are enough. */
const breakerThreshold = 3;

/** What an error says of the API: content that it refuses, or a request that it does not take, is no trouble of its own. */
function verdictOf(error: unknown): Verdict {
  if (error instanceof APIUserAbortError) return "ignore";
  const { kind, retryAfterMs = 0 } = toDraftError(error, { model: "", key: noKey, said: "" });
  if (kind === "rate_limited") return { aloneMs: retryAfterMs };
  return kind === "permanent" || kind === "config" ? "works" : "trouble";
}

/** Calls go through the breaker of the API, which companies with the same key and model share. */
function guard(config: DrafterConfig, ask: Ask, breakers: Breakers): Ask {
  const { baseUrl = defaultBaseUrl, model, key } = config;
  const account = createHash("sha256").update(JSON.stringify([baseUrl, model, key?.reveal() ?? null]));
  const name = `the LLM ${model} at ${new URL(baseUrl).host}`;
  const options = { what: theLlm, threshold: breakerThreshold, verdict: verdictOf, pace };
  const breaker = breakers.of("llm", account.digest("hex"), name, options);
  return (messages, signal) => breaker.run(() => ask(messages, signal), signal);
}

function createCall(config: DrafterConfig): Ask {
  const { baseUrl = defaultBaseUrl, timeoutMs } = config;
  const call = createCompletionCall({ baseUrl, key: config.key?.reveal() || noKey, timeoutMs });
  const dialect: Dialect = { maxTokens: "max_tokens", temperature: true };

  async function post(messages: ChatMessage[], signal: AbortSignal): Promise<Answer> {
    const body = {
      model: config.model,
      messages,
      [dialect.maxTokens]: config.maxTokens,
      ...(dialect.temperature ? { temperature: config.temperature } : {}),
    };
    return readAnswer(await call(body, signal));
  }

  return async (messages, signal) => {
    for (;;) {
      try {
        return await post(messages, signal);
      } catch (error) {
        if (!adapt(dialect, error)) throw error;
      }
    }
  };
}

/** Newer models of OpenAI take `max_completion_tokens` only, and no temperature. True where another try makes sense. */
function adapt(dialect: Dialect, error: unknown): boolean {
  if (!(error instanceof BadRequestError) || !/^unsupported_/.test(String(error.code))) return false;
  if (error.param === "max_tokens" && dialect.maxTokens === "max_tokens") {
    dialect.maxTokens = "max_completion_tokens";
    return true;
  }
  if (error.param === "temperature" && dialect.temperature) {
    dialect.temperature = false;
    return true;
  }
  return false;
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

function sumUsage(a: Answer["usage"], b: Answer["usage"]): Answer["usage"] {
  if (a === null || b === null) return a ?? b;
  return {
    promptTokens: a.promptTokens + b.promptTokens,
    completionTokens: a.completionTokens + b.completionTokens,
  };
}
