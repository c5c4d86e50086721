/** Connectors that read wrongly while all is well. */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { ConnectorEventInput } from "../../contract/events.ts";
import { eachPage, type Flaw, goodPages, withPages, withPull } from "./flaw.ts";
import { type Client, commentsAfter, toEvents } from "./reference.ts";

const rereadFails = "nothing is in quarantine, or not as it came, that could be read again";

/** Pages made of comments in another way. */
function mapped(toOthers: (comment: Record<string, unknown>) => ConnectorEventInput[]) {
  return withPages(async function* (client, from, signal) {
    const comments = await commentsAfter(client, from?.after ?? 0, signal);
    const last = comments.at(-1);
    if (last) yield { events: comments.flatMap(toOthers), cursor: { after: last.id } };
  });
}

const onMessages = (change: (event: ConnectorEventInput & { kind: "message" }) => ConnectorEventInput) =>
  eachPage(({ events, cursor }) => ({
    cursor,
    events: events.map((event) => (event.kind === "message" ? change(event) : event)),
  }));

/** Remembers its place itself, and believes that more than the cursor. */
function ownPlace() {
  const places = new WeakMap<Client, number>();
  return withPages(async function* (client, from, signal) {
    const start = places.get(client) ?? from?.after ?? 0;
    for await (const page of goodPages(client, { after: start }, signal)) {
      places.set(client, page.cursor.after);
      yield page;
    }
  });
}

/** A new client begins with what comes from now on, whatever was left over. */
function fromNowOn() {
  const begun = new WeakSet<Client>();
  return withPages(async function* (client, from, signal) {
    if (begun.has(client)) return yield* goodPages(client, from, signal);
    begun.add(client);
    const last = (await commentsAfter(client, 0, signal)).at(-1);
    yield { events: [], cursor: { after: last?.id ?? 0 } };
  });
}

export const pullFlaws: Flaw[] = [
  {
    flaw: "only the first line of a text",
    caughtBy: "pull: a customer's message arrives with its text",
    spec: onMessages((event) => ({ ...event, text: event.text.split("\n")[0] ?? "" })),
  },
  {
    flaw: "a time in milliseconds taken for seconds",
    caughtBy: "pull: a message has the time at which it was written",
    spec: onMessages((event) => ({ ...event, sentAt: new Date((event.sentAt?.getTime() ?? 0) / 1_000) })),
  },
  {
    flaw: "a thread that counts as one message",
    caughtBy: "pull: what a customer writes again arrives as another message of the same thread",
    also: {
      "pull: what it lists is what it brings": "it lists them under other ids",
      "pull: a backfill brings older messages under the same ids, and nothing older than it was asked for":
        "a backfill brings each message under its own id",
    },
    spec: onMessages((event) => ({ ...event, externalId: event.threadId ?? event.externalId })),
  },
  {
    flaw: "a thread of its own for each message",
    caughtBy: "pull: what a customer writes again arrives as another message of the same thread",
    also: {
      "deliver: once an agent has answered, no draft is left in the way":
        "it looks for answers in another thread",
    },
    spec: onMessages((event) => ({ ...event, threadId: event.externalId })),
  },
  {
    flaw: "another externalId each time",
    caughtBy: "pull: read again from the same place, a message is stored once",
    also: {
      "pull: what it lists is what it brings": "it lists them under other ids",
      "pull: a backfill brings older messages under the same ids, and nothing older than it was asked for":
        "no id is the same twice",
    },
    spec: onMessages((event) => ({ ...event, externalId: randomUUID() })),
  },
  {
    flaw: "a cursor that holds what JSON does not",
    caughtBy: "pull: a cursor is plain JSON and fits its own schema",
    spec: {
      ...eachPage(({ events, cursor }) => ({ events, cursor: { ...cursor, seen: new Set([cursor.after]) } })),
      cursor: z.object({ after: z.int(), seen: z.unknown() }),
    },
  },
  {
    flaw: "a cursor that is written and never read",
    caughtBy: "pull: after a restart it goes on from its cursor, and loses nothing",
    spec: withPages((client, _from, signal) => goodPages(client, null, signal)),
  },
  {
    flaw: "a start at the end after each restart",
    caughtBy: "pull: after a restart it goes on from its cursor, and loses nothing",
    also: {
      "pull: read again from the same place, a message is stored once":
        "what was read before the crash is passed over",
    },
    spec: fromNowOn(),
  },
  {
    flaw: "one message lost between two full pages",
    caughtBy: "pull: a backlog comes whole, each message once, in the order in which they were written",
    spec: withPages(async function* (client, from, signal) {
      const comments = await commentsAfter(client, from?.after ?? 0, signal);
      const last = comments.at(-1)?.id;
      const after = (last ?? 0) + (comments.length === 50 ? 1 : 0);
      if (last !== undefined) yield { events: comments.flatMap(toEvents), cursor: { after } };
    }),
  },
  {
    flaw: "the newest message first",
    caughtBy: "pull: a backlog comes whole, each message once, in the order in which they were written",
    spec: eachPage(({ events, cursor }) => ({ events: events.toReversed(), cursor })),
  },
  {
    flaw: "a place that moves before the commit",
    caughtBy: "pull: a page whose commit failed comes again",
    spec: ownPlace(),
  },
  {
    flaw: "a cursor that is given before the events that it stands for",
    caughtBy: "pull: a page whose commit failed comes again",
    spec: withPages(async function* (client, from, signal) {
      for await (const page of goodPages(client, from, signal)) {
        yield { events: [], cursor: page.cursor };
        yield page;
      }
    }),
  },
  {
    flaw: "an unreadable item that stops the page",
    caughtBy: "pull: an unreadable item is rejected by itself, and what follows it arrives",
    also: {
      "pull: what it lists is what it brings": "the page never comes",
      "pull: a backfill brings what is asked for by its listed id": "the page never comes",
      "pull: an unreadable item is kept with a reason and its raw form": "the page never comes",
      "pull: an item in quarantine can be read again from its raw form": "the page never comes",
    },
    spec: eachPage((page) => {
      if (page.events.some(({ kind }) => kind === "rejected")) throw new Error("an item cannot be read");
      return page;
    }),
  },
  {
    flaw: "an unreadable item that is dropped in silence",
    caughtBy: "pull: an unreadable item is kept with a reason and its raw form",
    also: {
      "pull: what it lists is what it brings": "it lists what it drops",
      "pull: an item in quarantine can be read again from its raw form": rereadFails,
    },
    spec: mapped((comment) => toEvents(comment).filter(({ kind }) => kind !== "rejected")),
  },
  {
    flaw: "an unreadable item that is rejected without its raw form",
    caughtBy: "pull: an unreadable item is kept with a reason and its raw form",
    also: { "pull: an item in quarantine can be read again from its raw form": rereadFails },
    spec: mapped((comment) =>
      toEvents(comment).map((event) => {
        if (event.kind !== "rejected") return event;
        const { raw: _, ...rest } = event;
        return rest;
      }),
    ),
  },
  {
    flaw: "half a letter that makes it throw",
    caughtBy: "pull: hostile content ends as a message or in quarantine",
    spec: onMessages((event) => ({ ...event, text: decodeURIComponent(encodeURIComponent(event.text)) })),
  },
  {
    flaw: "long messages that are passed over",
    caughtBy: "pull: hostile content ends as a message or in quarantine",
    spec: mapped((comment) => (String(comment.body).length > 100_000 ? [] : toEvents(comment))),
  },
  {
    flaw: "its own notes taken for customers' messages",
    caughtBy: "pull: what it wrote itself comes back neither as a customer's message nor as an agent's reply",
    also: {
      "pull: what it lists is what it brings": "it does not list its own notes",
    },
    spec: mapped((comment) => toEvents({ ...comment, by: comment.by === "bot" ? "customer" : comment.by })),
  },
  {
    flaw: "its own notes taken for agents' replies",
    caughtBy: "pull: what it wrote itself comes back neither as a customer's message nor as an agent's reply",
    also: {
      "pull: what it lists is what it brings": "it does not list its own notes",
    },
    spec: mapped((comment) => toEvents({ ...comment, by: comment.by === "bot" ? "staff" : comment.by })),
  },
  {
    flaw: "agents' answers taken for customers' messages",
    caughtBy: "pull: what an agent answered comes back as a reply, or not at all",
    spec: mapped((comment) => toEvents({ ...comment, by: comment.by === "staff" ? "customer" : comment.by })),
  },
  {
    flaw: "a backfill that gives ids of its own",
    caughtBy:
      "pull: a backfill brings older messages under the same ids, and nothing older than it was asked for",
    also: {
      "pull: a backfill brings what is asked for by its listed id": "no id is one of those that it lists",
    },
    spec: withPull({
      async *backfill(client, _request, signal) {
        const events = (await commentsAfter(client, 0, signal)).flatMap(toEvents);
        yield { events: events.map((event) => ({ ...event, externalId: `old-${event.externalId}` })) };
      },
    }),
  },
  {
    flaw: "a backfill that does not heed since",
    caughtBy:
      "pull: a backfill brings older messages under the same ids, and nothing older than it was asked for",
    spec: withPull({
      async *backfill(client, _request, signal) {
        yield { events: (await commentsAfter(client, 0, signal)).flatMap(toEvents) };
      },
    }),
  },
  {
    flaw: "a second reading that loses the item",
    caughtBy: "pull: an item in quarantine can be read again from its raw form",
    spec: withPull({ reread: async () => [] }),
  },
];
