/**
 * One call of an API that speaks OpenAI's chat completions. The openai package says what is sent and what its errors are; the
 * request itself goes out here, since the package's client costs a node a tenth of its processor time.
 */

import { APIConnectionError, APIError, APIUserAbortError } from "openai/error";
import type { ChatCompletionCreateParamsNonStreaming as CompletionRequest } from "openai/resources/chat/completions";
import { http } from "../lib/http.ts";

/** The largest answer of an API that is read, in bytes: drafts are a thousandth of it. */
const maxAnswerBytes = 4_000_000;

export type CompletionCall = (request: CompletionRequest, signal: AbortSignal) => Promise<unknown>;

export interface CallOptions {
  /** Of the API, such as https://api.openai.com/v1 */
  baseUrl: string;
  key: string;
  /** Milliseconds for the whole answer. */
  timeoutMs: number;
}

/** What an API says of a request that it refuses. */
function refusal(status: number, headers: Headers, said: string): APIError {
  let body: object | undefined;
  try {
    body = JSON.parse(said);
  } catch {
    // A proxy's page, say: it is quoted as it is.
  }
  return APIError.generate(status, body, body ? undefined : said, headers);
}

/**
 * @returns a function that resolves with the answer's JSON, whatever it says
 * @throws (the function) APIError with the answer's status, APIConnectionError, APIUserAbortError, or SyntaxError
 */
export function createCompletionCall({ baseUrl, key, timeoutMs }: CallOptions): CompletionCall {
  const url = `${baseUrl.replace(/\/$/, "")}/chat/completions`;
  const headers = {
    accept: "application/json",
    authorization: `Bearer ${key}`,
    "content-type": "application/json",
  };
  return async (request, signal) => {
    const body = JSON.stringify(request);
    const init = { method: "POST", headers, body, signal, timeoutMs, maxBytes: maxAnswerBytes };
    const response = await http(url, init).catch((cause) => {
      throw signal.aborted ? new APIUserAbortError() : new APIConnectionError({ cause });
    });
    if (!response.ok) throw refusal(response.status, response.headers, await response.text());
    return response.json();
  };
}
