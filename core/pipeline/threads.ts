/** Sorts the events of a page into threads, where their source has no thread ids of its own (e-mail). */
import type { ConnectorEvent, ThreadHints } from "../../plugins/contract/events.ts";
import type { Runner } from "../store/database.ts";
import { findThreads, lockThreads, saveThreads, type ThreadEntry } from "../store/threads.ts";
import type { Source } from "./source.ts";

/** An event with the id that it gets if it is new: ids are made in the order of events, and tell what came after what. */
export interface Taken {
  id: string;
  /** The id that its ticket gets if there is none of its thread; by default one that is made when it is stored. */
  ticketId?: string;
  event: ConnectorEvent;
}

interface Thread {
  threadId: string;
  /** Null for a thread that this page opens, until it is stored. */
  ticketId: string | null;
  participants: Set<string>;
}

export interface ThreadPlan {
  /** The thread of an event, by the id it was taken with; undefined where the event has no hints, or no thread is known. */
  threadOf(takenId: string): string | undefined;
  /** Remembers what the events say of their threads. @param tickets where those went that were stored now */
  save(runner: Runner, tickets: ReadonlyMap<string, string>): Promise<void>;
}

interface Hinted {
  id: string;
  hints: ThreadHints;
  /** Whose being a participant lets the event join. */
  keys: string[];
  /** The thread that it opens where it joins none. */
  opens: string | null;
}

/** Events that need a thread found. A message joins by its sender, a reply by one of the people it went to. */
function hinted(taken: readonly Taken[]): Hinted[] {
  return taken.flatMap(({ id, event }): Hinted[] => {
    if (event.kind !== "message" && event.kind !== "agent-reply") return [];
    const { thread: hints, threadId } = event;
    if (!hints || threadId !== undefined) return [];
    if (event.kind === "agent-reply") return [{ id, hints, keys: hints.participants, opens: null }];
    const sender = event.requester.email?.toLowerCase();
    return [{ id, hints, keys: sender === undefined ? [] : [sender], opens: event.externalId }];
  });
}

/** True where an event of a page needs its thread found. */
export function needsThreads(taken: readonly Taken[]): boolean {
  return hinted(taken).length > 0;
}

const namedBy = ({ id, references }: ThreadHints): string[] =>
  id === undefined ? references : [...references, id];

/** Threads by the ids and codes that lead to them. */
type Known = Map<string, Thread[]>;

/**
 * Finds a thread for each event in turn: those before it count as stored.
 * @param known gets the ids that the events name
 * @returns by the ids that the events were taken with: their threads, and for those that open one what else they named
 */
function place(events: readonly Hinted[], known: Known) {
  const threads = new Map<string, Thread>();
  const related = new Map<string, Thread[]>();
  for (const { id, hints, keys, opens } of events) {
    // The newest of the ids that it names is the message it answers; the code in the subject is the last resort.
    const named = [
      ...namedBy(hints).reverse(),
      ...(hints.ticketCode === undefined ? [] : [hints.ticketCode]),
    ];
    const candidates = named.flatMap((key) => known.get(key) ?? []);
    const joined = candidates.find((thread) => keys.some((key) => thread.participants.has(key)));
    if (!joined && opens === null) continue;
    const thread = joined ?? { threadId: opens as string, ticketId: null, participants: new Set<string>() };
    if (!joined) related.set(id, candidates);
    threads.set(id, thread);
    for (const address of hints.participants) thread.participants.add(address);
    for (const key of namedBy(hints)) {
      const threads = known.get(key) ?? [];
      if (!threads.includes(thread)) known.set(key, [...threads, thread]);
    }
  }
  return { threads, related };
}

/** The threads of events, by the ids they were taken with, where nothing is stored yet and nothing will be. */
export function threadsOf(taken: readonly Taken[]): ReadonlyMap<string, { readonly threadId: string }> {
  return place(hinted(taken), new Map()).threads;
}

/**
 * Finds a thread for each event in turn: those before it in the page count as stored. Run it in the transaction that
 * stores them, before they are stored.
 */
export async function planThreads(
  runner: Runner,
  source: Source,
  taken: readonly Taken[],
): Promise<ThreadPlan> {
  const events = hinted(taken);
  let known: Known = new Map();
  if (events.length > 0) {
    await lockThreads(runner, source.company, source.connector);
    known = await loadKnown(runner, source, events);
  }
  const { threads, related } = place(events, known);
  return {
    threadOf: (takenId) => threads.get(takenId)?.threadId,
    async save(saver, tickets) {
      for (const [id, thread] of threads) thread.ticketId ??= tickets.get(id) ?? null;
      const entries = events.flatMap(({ id, hints }): ThreadEntry[] => {
        const ticketId = tickets.get(id);
        if (ticketId === undefined) return [];
        const links = new Set((related.get(id) ?? []).flatMap((other) => other.ticketId ?? []));
        links.delete(ticketId);
        return [{ ticketId, ids: namedBy(hints), participants: hints.participants, related: [...links] }];
      });
      await saveThreads(saver, source, entries);
    },
  };
}

/** The threads that are stored, by the ids and codes that lead to them. */
async function loadKnown(runner: Runner, source: Source, events: Hinted[]): Promise<Known> {
  const ids = [...new Set(events.flatMap(({ hints }) => namedBy(hints)))];
  const codes = events.flatMap(({ hints }) => hints.ticketCode ?? []);
  const known: Known = new Map();
  const threads = new Map<string, Thread>();
  for (const { key, ticketId, threadId, participants } of await findThreads(runner, source, ids, codes)) {
    const thread = threads.get(ticketId) ?? { threadId, ticketId, participants: new Set(participants) };
    threads.set(ticketId, thread);
    known.set(key, [...(known.get(key) ?? []), thread]);
  }
  return known;
}
