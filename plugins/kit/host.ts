/** A host for one connector that treats it as the core does, in memory: opens, reads, takes posts, delivers, stops. */
import { z } from "zod";
import type {
  AnyConnector,
  Context,
  Delivered,
  HttpReply,
  OutgoingDraft,
  OutgoingReply,
  RawRequest,
} from "../contract/connector.ts";
import { ConnectorError, kindOf } from "../contract/errors.ts";
import type { ConnectorEvent } from "../contract/events.ts";
import { createKitHttp, type KitHttp } from "./http.ts";
import type { Journal } from "./journal.ts";
import { createMemory, type Memory } from "./memory.ts";
import { type Reading, startReading } from "./reading.ts";
import { createGate, endsWithin, untilAborted } from "./waiting.ts";
import { kitAddress } from "./world.ts";

/** How far a webhook's own time may be from ours, in milliseconds. */
export const replayWindowMs = 5 * 60_000;
/** The longest time that one delivery may take, in milliseconds. */
const deliveryMs = 60_000;
/** The longest time that the closing of a refused connector may hold up its reader, in milliseconds. */
const closingMs = 2_000;

/** How a post is answered: 202 after the commit, 401 not genuine, 422 not readable, 500 try again. */
export type Received =
  | { status: 202; accepted: ConnectorEvent[] }
  | { status: 401; reason: string }
  | { status: 422 | 500; error: unknown }
  | { status: 404 }
  | { status: 200; reply: HttpReply };

export interface KitHost {
  readonly memory: Memory;
  readonly http: KitHttp;
  /** The config as the schema gave it back. */
  readonly config: unknown;
  /** The open client; opens where there is none. */
  client(): Promise<unknown>;
  /** Reads as the core's reader does, again and again, from the last committed cursor. */
  read(): Reading;
  /** @param config another one than the connector's own, for `verify` alone */
  receive(request: RawRequest, config?: unknown): Promise<Received>;
  put(draft: OutgoingDraft, signal?: AbortSignal): Promise<Delivered>;
  find(draft: OutgoingDraft): Promise<{ externalId: string } | null>;
  send(reply: OutgoingReply, signal?: AbortSignal): Promise<void>;
  /**
   * Aborts the connector's signals and closes it; the next use opens it again, with the same memory. As in the core, an
   * error of `close` is no more than noted.
   * @returns whether it closed within `ms` milliseconds
   */
  close(ms: number): Promise<boolean>;
}

interface Opened {
  abort: AbortController;
  client: Promise<unknown>;
}

function isUnreadable(error: unknown): boolean {
  // By name: a package may bring its own copy of zod.
  return (
    kindOf(error) === "permanent" || error instanceof z.ZodError || (error as Error)?.name === "ZodError"
  );
}

export function createKitHost(spec: AnyConnector, rawConfig: unknown, journal: Journal): KitHost {
  const config = spec.config.parse(rawConfig);
  const memory = createMemory();
  const http = createKitHttp();
  const gate = createGate(spec.limits.concurrency);
  const underWay = new Map<string, Promise<Delivered>>();
  let opened: Opened | undefined;

  const noted = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      journal.note(`${what} threw`, error);
      throw error;
    }
  };

  const open = () => {
    if (opened) return opened;
    const abort = new AbortController();
    const context: Context<unknown> = {
      ...kitAddress,
      companyName: "Acme",
      config,
      log: journal.log,
      fetch: http.fetch,
      conversations: memory.conversations,
      tokens: memory.tokens,
      since: async () => memory.since(),
    };
    const mine: Opened = { abort, client: noted("open", async () => spec.open(context, abort.signal)) };
    // What failed to open is opened afresh the next time.
    mine.client.catch(() => {
      if (opened === mine) opened = undefined;
    });
    opened = mine;
    return mine;
  };

  const close = async (ms: number) => {
    const last = opened;
    opened = undefined;
    if (!last) return true;
    last.abort.abort(new ConnectorError("transient", "the connector is being closed"));
    const closing = last.client.then((client) => noted("close", async () => spec.close(client)));
    return endsWithin(closing, ms);
  };

  const verify = (request: RawRequest, verifiedWith: unknown): string | { id: string } | null => {
    const verdict = spec.push?.verify(request, verifiedWith) ?? {
      ok: false as const,
      reason: "it takes no posts",
    };
    if (!verdict.ok) return verdict.reason;
    if (!verdict.replay) return null;
    const isNear = Math.abs(Date.now() - verdict.replay.at.getTime()) <= replayWindowMs;
    return isNear ? { id: verdict.replay.id } : "the request is too old, or from the future";
  };

  const take = async (request: RawRequest, verifiedWith: unknown): Promise<Received> => {
    const client = await open().client;
    const reply = (await spec.serve?.handle(client, request)) ?? null;
    if (reply) return { status: 200, reply };
    if (!spec.push || request.method !== "POST") return { status: 404 };
    const verdict = verify(request, verifiedWith);
    if (typeof verdict === "string") return { status: 401, reason: verdict };
    if (verdict && memory.wasSeen(verdict.id)) return { status: 202, accepted: [] };
    const accepted = memory.commitPush(await spec.push.parse(client, request));
    if (verdict) memory.markSeen(verdict.id);
    return { status: 202, accepted };
  };

  return {
    memory,
    http,
    config,
    client: () => open().client,
    close,
    read: () =>
      startReading(async () => {
        const { client, abort } = open();
        return { spec, memory, client: await client, signal: abort.signal };
      }, reopenOnAuth),
    async receive(request, verifiedWith = config) {
      try {
        return await noted("a request", () => take(request, verifiedWith));
      } catch (error) {
        return { status: isUnreadable(error) ? 422 : 500, error };
      }
    },
    async put(draft, signal) {
      const { client, abort } = open();
      const { deliver } = spec;
      if (!deliver) return { externalId: draft.id, created: true };
      const ready = await client;
      const signals = [abort.signal, AbortSignal.timeout(deliveryMs), ...(signal ? [signal] : [])];
      const within = AbortSignal.any(signals);
      const running = underWay.get(draft.idempotencyKey);
      const attempt =
        running ?? noted("deliver.put", () => gate(async () => deliver.put(ready, draft, within), within));
      if (!running) {
        underWay.set(draft.idempotencyKey, attempt);
        const done = () => underWay.delete(draft.idempotencyKey);
        attempt.then(done, done);
      }
      return untilAborted(attempt, within);
    },
    async find(draft) {
      const { client, abort } = open();
      const ready = await client;
      const within = AbortSignal.any([abort.signal, AbortSignal.timeout(deliveryMs)]);
      return noted("deliver.find", async () => (await spec.deliver?.find?.(ready, draft, within)) ?? null);
    },
    async send(reply, signal) {
      const { client, abort } = open();
      const ready = await client;
      const within = signal ? AbortSignal.any([abort.signal, signal]) : abort.signal;
      await noted("deliver.send", async () => spec.deliver?.send?.(ready, reply, within));
    },
  };

  /** The core pauses such a connector, and signs in afresh after the pause. */
  async function reopenOnAuth(error: unknown): Promise<void> {
    journal.note("pull.pages threw", error);
    if (kindOf(error) === "auth") await close(closingMs);
  }
}
