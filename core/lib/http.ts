/** Requests to other systems over connections that are kept, at a fraction of what the global `fetch` costs. */
import { Agent, type Dispatcher } from "undici";
import { type PlainAnswer, toResponse } from "./http-answer.ts";
import { byReset, createConnector } from "./http-connect.ts";
import { BodyTooLarge, HttpFailure } from "./http-failure.ts";
import { InvalidRequest, type PlainRequest, toPlainRequest } from "./http-request.ts";

/** Connections to one origin. More requests than that wait: whoever calls has a lower limit of its own. */
const connections = 256;
/** What is read of a body that nobody wants, so that its connection can be used again. In bytes. */
const drained = 64_000;

export interface HttpInit extends RequestInit {
  /** Milliseconds until the whole answer must be here. */
  timeoutMs: number;
  /** The largest answer that is read, in bytes. */
  maxBytes: number;
  /** Answers of 400 and above come without their body, as soon as their headers are here. */
  dropErrorBodies?: boolean;
}

/**
 * `fetch` whose answer is whole when it comes: nothing breaks while it is read. Redirects are not followed, and come back.
 * @throws HttpFailure, BodyTooLarge, or the reason of `init.signal`
 */
export type Http = (url: string, init: HttpInit) => Promise<Response>;

function toFailure(error: Error): Error {
  if (error instanceof HttpFailure || error instanceof BodyTooLarge) return error;
  const { code } = error as NodeJS.ErrnoException;
  // Of these, the messages may quote what was given.
  if (error instanceof InvalidRequest || code === "UND_ERR_INVALID_ARG" || code === "UND_ERR_NOT_SUPPORTED")
    return new HttpFailure("invalid", "the request is not valid");
  if (error.name === "HTTPParserError") return new HttpFailure("garbage", "the answer is no HTTP", error);
  return new HttpFailure("unreachable", "the connection failed", error);
}

interface Asked {
  request: PlainRequest;
  init: HttpInit;
  onEnd(): void;
  onAnswer(answer: PlainAnswer): void;
  onError(error: Error): void;
}

/** What the dispatcher tells of one request; `stop` ends it wherever it stands. */
function createHandler(url: string, { init, onEnd, onAnswer, onError }: Asked) {
  const answer: PlainAnswer = { url, status: 0, statusText: "", headers: {}, chunks: [] };
  let controller: Dispatcher.DispatchController | undefined;
  let stopped: Error | undefined;
  let size = 0;
  let limit = init.maxBytes;
  const stop = (reason: Error) => {
    stopped ??= reason;
    const end = () => controller?.abort(stopped as Error);
    // A request without an answer may lie here still, whole or in part.
    if (answer.status === 0) byReset(end);
    else end();
    onError(stopped);
  };
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      controller = started;
      // It waited for a connection while it was stopped: nothing of it goes out.
      if (stopped) started.abort(stopped);
    },
    onResponseStart(_, status, headers, statusText = "") {
      if (status < 200) return;
      Object.assign(answer, { status, headers, statusText });
      if (status < 400 || !init.dropErrorBodies) return;
      limit = drained;
      onAnswer({ ...answer, chunks: [] });
    },
    onResponseData(_, chunk) {
      size += chunk.length;
      if (size > limit) stop(new BodyTooLarge(limit));
      else answer.chunks.push(chunk);
    },
    onResponseEnd() {
      onEnd();
      onAnswer(answer);
    },
    onResponseError(_, error) {
      onEnd();
      onError(stopped ?? error);
    },
  };
  return { handler, stop };
}

/** One request from its start to the last byte of its answer. */
function exchange(agent: Agent, url: string, request: PlainRequest, init: HttpInit): Promise<PlainAnswer> {
  return new Promise((resolve, reject) => {
    const { signal, timeoutMs } = init;
    const onAbort = () => stop(signal?.reason);
    const timer = setTimeout(
      () => stop(new HttpFailure("timeout", `no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const onEnd = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
    const onError = (error: Error) => {
      onEnd();
      reject(error);
    };
    const { handler, stop } = createHandler(url, { request, init, onEnd, onAnswer: resolve, onError });
    signal?.addEventListener("abort", onAbort, { once: true });
    agent.dispatch({ ...request, headersTimeout: 0, bodyTimeout: 0 }, handler);
  });
}

/** Connections that nobody uses close by themselves, and keep no process from its end. */
function createHttp(): Http {
  const agent = new Agent({ connections, allowH2: false, connect: createConnector() });
  return async (url, init) => {
    const { signal } = init;
    signal?.throwIfAborted();
    try {
      return await toResponse(
        await exchange(agent, url, await toPlainRequest(url, init), init),
        init.maxBytes,
      );
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw toFailure(error as Error);
    }
  };
}

/** The one client of this process, so that connections are shared. */
export const http: Http = createHttp();
