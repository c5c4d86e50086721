/** Asking an OpenAI-compatible API: its parameters, the breaker before it, and errors that give nothing away. */
import { createHash } from "node:crypto";
import { APIUserAbortError, BadRequestError } from "openai/error";
import type { DrafterConfig } from "../../config/schema.ts";
import type { Verdict } from "../lib/breaker.ts";
import type { Breakers } from "../lib/breakers.ts";
import { Unavailable } from "../lib/unavailable.ts";
import { type Answer, readAnswer } from "./openai-answer.ts";
import { createCompletionCall } from "./openai-call.ts";
import { toDraftError } from "./openai-errors.ts";
import type { ChatMessage } from "./prompt.ts";

const defaultBaseUrl = "https://api.openai.com/v1";

/** Local servers want no key; what they get is none. */
const noKey = "no-key-needed";

const theLlm = "the LLM";

export interface Question {
  messages: ChatMessage[];
  /** Default: the config's. */
  temperature?: number;
  /** What the answer has to look like, where it is JSON. APIs that do not know of it are asked without. */
  form?: { name: string; schema: object };
  /** The customer's words: an error that repeats them is not quoted. */
  said(): string;
}

/**
 * Asks once; no retries.
 * @throws ConnectorError; `Unavailable` while the API is in trouble, without a call; the signal's reason
 */
export type Ask = (question: Question, signal: AbortSignal) => Promise<Answer>;

/** @param breakers where the API's breaker is found, which companies with the same key and model share */
export function createAsk(config: DrafterConfig, breakers: Breakers): Ask {
  const call = guard(config, createCall(config), breakers);
  return async (question, signal) => {
    signal.throwIfAborted();
    try {
      return await call(question, signal);
    } catch (error) {
      // Our own stop is no failure of the API.
      signal.throwIfAborted();
      if (error instanceof Unavailable && error.cause === undefined) throw error;
      const context = { model: config.model, key: config.key?.reveal() || noKey, said: question.said() };
      if (!(error instanceof Unavailable)) throw toDraftError(error, context);
      // What the API said may quote the customer here as well.
      throw new Unavailable(theLlm, toDraftError(error.cause, context), error.retryAfterMs);
    }
  };
}

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

function guard(config: DrafterConfig, ask: Ask, breakers: Breakers): Ask {
  const { baseUrl = defaultBaseUrl, model, key } = config;
  const account = createHash("sha256").update(JSON.stringify([baseUrl, model, key?.reveal() ?? null]));
  const name = `the LLM ${model} at ${new URL(baseUrl).host}`;
  const options = { what: theLlm, threshold: breakerThreshold, verdict: verdictOf, pace };
  const breaker = breakers.of("llm", account.digest("hex"), name, options);
  return (question, signal) => breaker.run(() => ask(question, signal), signal);
}

/** Parameters that some models refuse by name; what one refused is not sent again. */
interface Dialect {
  readonly maxTokens: "max_tokens" | "max_completion_tokens";
  readonly temperature: boolean;
  readonly form: boolean;
}

function createCall(config: DrafterConfig): Ask {
  const { baseUrl = defaultBaseUrl, timeoutMs } = config;
  const call = createCompletionCall({ baseUrl, key: config.key?.reveal() || noKey, timeoutMs });
  let dialect: Dialect = { maxTokens: "max_tokens", temperature: true, form: true };

  async function post(
    { messages, temperature = config.temperature, form }: Question,
    sent: Dialect,
    signal: AbortSignal,
  ): Promise<Answer> {
    const body = {
      model: config.model,
      messages,
      [sent.maxTokens]: config.maxTokens,
      ...(sent.temperature ? { temperature } : {}),
      ...(form && sent.form ? responseFormat(form) : {}),
    };
    return readAnswer(await call(body, signal));
  }

  return async (question, signal) => {
    for (;;) {
      const sent = dialect;
      try {
        return await post(question, sent, signal);
      } catch (error) {
        const refused = refusedBy(error, sent);
        if (!refused) throw error;
        dialect = { ...dialect, ...refused };
      }
    }
  };
}

const responseFormat = ({ name, schema }: { name: string; schema: object }) => ({
  response_format: {
    type: "json_schema" as const,
    json_schema: { name, strict: true, schema: { ...schema } },
  },
});

/**
 * Newer models of OpenAI take `max_completion_tokens` only, and no temperature; older ones, and some servers, no schema of the
 * answer. @returns what another try does otherwise, undefined where none makes sense
 */
function refusedBy(error: unknown, sent: Dialect): Partial<Dialect> | undefined {
  if (!(error instanceof BadRequestError)) return undefined;
  const { param, code, message } = error;
  // The code differs from server to server here, and some give none.
  if (sent.form && (param === "response_format" || message.includes("response_format")))
    return { form: false };
  if (!/^unsupported_/.test(String(code))) return undefined;
  if (param === "max_tokens" && sent.maxTokens === "max_tokens")
    return { maxTokens: "max_completion_tokens" };
  if (param === "temperature" && sent.temperature) return { temperature: false };
  return undefined;
}
