/** What the core keeps in PostgreSQL, in memory: events and cursors, committed together or not at all. */
import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import { z } from "zod";
import type { ConversationEntry, Conversations, Page, Tokens } from "../contract/connector.ts";
import { type ConnectorEvent, connectorEventSchema, type InboundMessage } from "../contract/events.ts";

/** The commit that the kit made fail. */
export class CommitFailed extends Error {
  constructor() {
    super("the commit failed: the database is away");
    this.name = "CommitFailed";
  }
}

export interface Memory {
  /** What is stored: each kind and externalId once. */
  readonly events: readonly ConnectorEvent[];
  /** Everything that was handed over and committed, repeats included. */
  readonly handedOver: readonly ConnectorEvent[];
  /** The cursor of the last page that was committed, as JSON gave it back; null before. */
  readonly cursor: unknown;
  /** Cursors as connectors gave them, before they became JSON. */
  readonly cursors: readonly unknown[];
  /** The next commits that hold an event fail: this many of them. */
  failCommits: number;
  /** A page with its cursor. An event that breaks the contract becomes a rejected one. */
  commitPage(page: Page<unknown>): void;
  /** Events of a push. Throws a ZodError, and stores nothing, where one of them is not valid. */
  commitPush(events: unknown[]): ConnectorEvent[];
  wasSeen(webhookId: string): boolean;
  markSeen(webhookId: string): void;
  readonly conversations: Conversations;
  readonly tokens: Tokens;
  /** When the first page was committed, or now. */
  since(): Date;
}

function readEvent(input: unknown, index: number): ConnectorEvent {
  const parsed = connectorEventSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const given = (input as { externalId?: unknown } | null | undefined)?.externalId;
  const externalId =
    typeof given === "string" && given.length > 0 ? given : `unnamed-${randomUUID()}-${index}`;
  const reason = `the connector handed over an event that breaks the contract: ${z.prettifyError(parsed.error)}`;
  const raw = new TextEncoder().encode(inspect(input, { depth: 4, maxStringLength: 1_000 }));
  return { kind: "rejected", externalId: storable(externalId, 512), reason: storable(reason, 2_000), raw };
}

function storable(text: string, max: number): string {
  return text.slice(0, max).toWellFormed().replaceAll("\u0000", "\ufffd");
}

const threadOf = (event: InboundMessage) => event.threadId ?? event.externalId;

function conversationsOf(events: readonly ConnectorEvent[]): Conversations {
  const ids = new WeakMap<ConnectorEvent, string>();
  const idOf = (event: ConnectorEvent) => {
    const id = ids.get(event) ?? randomUUID();
    ids.set(event, id);
    return id;
  };
  const entryOf = (event: ConnectorEvent, threadId: string): ConversationEntry[] => {
    const id = idOf(event);
    if (event.kind === "message" && threadOf(event) === threadId) {
      const attachments = (event.attachments ?? []).map(({ name, mediaType, content }, i) => {
        return { id: `${id}-${i}`, name, mediaType, bytes: content.length };
      });
      const { requester, text, sentAt: at = new Date() } = event;
      return [{ id, from: "requester", name: requester.name ?? null, text, at, attachments }];
    }
    if (event.kind !== "agent-reply" || event.threadId !== threadId) return [];
    const { agent, text, sentAt: at = new Date() } = event;
    return [{ id, from: "agent", name: agent.name ?? null, text, at, attachments: [] }];
  };
  return {
    async read(threadId, after) {
      const entries = events.flatMap((event) => entryOf(event, threadId));
      return entries.slice(entries.findIndex(({ id }) => id === after) + 1).slice(-200);
    },
    async attachment(threadId, attachmentId) {
      for (const event of events) {
        if (event.kind !== "message" || threadOf(event) !== threadId) continue;
        const found = event.attachments?.find((_, i) => `${idOf(event)}-${i}` === attachmentId);
        if (found) return found;
      }
      return null;
    },
  };
}

function createTokens(): Tokens {
  const kept = new Map<string, Awaited<ReturnType<Parameters<Tokens["accessToken"]>[0]["refresh"]>>>();
  let line: Promise<unknown> = Promise.resolve();
  return {
    accessToken(request) {
      const next = line.then(async () => {
        const last = kept.get(request.seed) ?? null;
        const holds = last !== null && last.expiresAt.getTime() - Date.now() > 60_000;
        if (last && holds && last.accessToken !== request.refused) return last.accessToken;
        const fresh = await request.refresh(last);
        const refreshToken = fresh.refreshToken ?? last?.refreshToken;
        kept.set(request.seed, { ...fresh, ...(refreshToken === undefined ? {} : { refreshToken }) });
        return fresh.accessToken;
      });
      line = next.catch(() => undefined);
      return next;
    },
  };
}

export function createMemory(): Memory {
  const events: ConnectorEvent[] = [];
  const handedOver: ConnectorEvent[] = [];
  const cursors: unknown[] = [];
  const known = new Set<string>();
  const seen = new Set<string>();
  let firstRead: Date | undefined;
  const commit = (taken: ConnectorEvent[]) => {
    if (taken.length > 0 && memory.failCommits > 0) {
      memory.failCommits--;
      throw new CommitFailed();
    }
    handedOver.push(...taken);
    for (const event of taken) {
      const key = `${event.kind} ${event.externalId}`;
      if (!known.has(key)) events.push(event);
      known.add(key);
    }
  };
  const memory: Memory & { cursor: unknown } = {
    events,
    handedOver,
    cursor: null,
    cursors,
    failCommits: 0,
    commitPage(page) {
      commit(page.events.map(readEvent));
      firstRead ??= new Date();
      cursors.push(page.cursor);
      memory.cursor = JSON.parse(JSON.stringify(page.cursor ?? null));
    },
    commitPush(inputs) {
      const taken = inputs.map((input) => connectorEventSchema.parse(input));
      commit(taken);
      return taken;
    },
    wasSeen: (id) => seen.has(id),
    markSeen: (id) => void seen.add(id),
    conversations: conversationsOf(events),
    tokens: createTokens(),
    since: () => firstRead ?? new Date(),
  };
  return memory;
}
