/** The process that sends messages: raw dispatches over kept connections, so that it takes little of the machine. */
import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "undici";
import { sign, signatureHeader } from "./desk/index.ts";
import { percentile } from "./figures.ts";
import { idOf, messageOf } from "./messages.ts";

export interface Load {
  /** Where a message is posted. */
  url: string;
  /** What messages are signed with. */
  secret: string;
  /** Begins the id of each message. */
  prefix: string;
  messages: number;
  /** With it the load is open: a message is sent when it is due, whatever became of those before. Else as fast as it goes. */
  perSecond?: number;
  /** Sends what was refused again until it is taken, as sources do. */
  persistent?: boolean;
}

export interface LoadResult {
  /** When each accepted message was due to be sent, in milliseconds since 1970, by its id. */
  sentAt: Record<string, number>;
  /** Milliseconds since 1970. */
  startedAt: number;
  /** Until the last answer. */
  seconds: number;
  /** Milliseconds from the due moment to the whole answer. */
  p50: number;
  p99: number;
  /** Answers other than 2xx, and connections that broke, by status or error code. */
  refused: Record<string, number>;
}

const connections = 32;
/** Milliseconds before a persistent sender tries again. */
const retryMs = 100;

interface Request {
  headers: Record<string, string>;
  body: string;
}

type Post = (request: Request) => Promise<string>;

/** Resolves with the status as text, or the code of the error. */
function createPost(pool: Pool, path: string): Post {
  return (request) =>
    new Promise((resolve) => {
      let status = "";
      pool.dispatch(
        { path, method: "POST", ...request },
        {
          onRequestStart: () => undefined,
          onResponseStart: (_controller, code) => {
            status = String(code);
          },
          onResponseData: () => undefined,
          onResponseEnd: () => resolve(status),
          onResponseError: (_controller, error) =>
            resolve((error as NodeJS.ErrnoException).code ?? error.message),
        },
      );
    });
}

/** Made before the clock starts. */
function makeRequest({ secret }: Load, id: string, index: number): Request {
  const body = JSON.stringify(messageOf(id, index));
  return { body, headers: { "content-type": "application/json", [signatureHeader]: sign(secret, body) } };
}

const now = () => performance.timeOrigin + performance.now();

async function run(load: Load): Promise<LoadResult> {
  const { origin, pathname } = new URL(load.url);
  const pool = new Pool(origin, { connections, pipelining: 1, headersTimeout: 60_000 });
  const post = createPost(pool, pathname);
  const ids = Array.from({ length: load.messages }, (_, index) => idOf(load.prefix, index));
  const requests = ids.map((id, index) => makeRequest(load, id, index));
  const result: Pick<LoadResult, "sentAt" | "refused"> = { sentAt: {}, refused: {} };
  const times: number[] = [];

  const send = async (index: number, due: number) => {
    for (;;) {
      const status = await post(requests[index] as Request);
      if (/^2\d\d$/.test(status)) break;
      result.refused[status] = (result.refused[status] ?? 0) + 1;
      if (!load.persistent) return;
      await sleep(retryMs);
    }
    times.push(now() - due);
    result.sentAt[ids[index] as string] = due;
  };

  const startedAt = now();
  if (load.perSecond === undefined) {
    let next = 0;
    const sender = async () => {
      for (let index = next++; index < load.messages; index = next++) await send(index, now());
    };
    await Promise.all(Array.from({ length: connections }, sender));
  } else {
    const sends: Array<Promise<void>> = [];
    for (let index = 0; index < load.messages; index++) {
      const due = startedAt + (index * 1000) / load.perSecond;
      await sleep(Math.max(0, due - now()));
      sends.push(send(index, due));
    }
    await Promise.all(sends);
  }
  const seconds = (now() - startedAt) / 1000;
  await pool.close();
  return { ...result, startedAt, seconds, p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
}

process.once("message", async (load) => {
  const result = await run(load as Load);
  process.send?.(result, () => process.disconnect());
});
