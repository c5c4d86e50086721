/** Connectors that list wrongly what their source holds. */
import type { ListedItem, ListRequest } from "../../contract/connector.ts";
import { type Flaw, goodPages, withPull } from "./flaw.ts";
import { type Client, commentsAfter, reference, toListed } from "./reference.ts";

type List = (client: Client, request: ListRequest, signal: AbortSignal) => AsyncIterable<ListedItem[]>;
type Comment = Record<string, unknown>;
const goodList = reference.pull?.list as List;

/** Lists comments in another way. */
function listing(toOthers: (comment: Comment, request: ListRequest) => ListedItem[]) {
  return withPull({
    async *list(client, request, signal) {
      yield (await commentsAfter(client, 0, signal)).flatMap((comment) => toOthers(comment, request));
    },
  });
}

/** Takes what was listed for read. */
function countsAsRead() {
  const places = new WeakMap<Client, number>();
  return withPull({
    pages: (client, from, signal) =>
      goodPages(client, { after: Math.max(places.get(client) ?? 0, from?.after ?? 0) }, signal),
    async *list(client, request, signal) {
      yield* goodList(client, request, signal);
      places.set(client, (await commentsAfter(client, 0, signal)).at(-1)?.id ?? 0);
    },
  });
}

export const listFlaws: Flaw[] = [
  {
    flaw: "a list without agents' replies",
    caughtBy: "pull: what it lists is what it brings",
    spec: listing((comment, request) => (comment.by === "staff" ? [] : toListed(comment, request))),
  },
  {
    flaw: "a list without what cannot be read",
    caughtBy: "pull: what it lists is what it brings",
    spec: listing((comment, request) => (typeof comment.body === "string" ? toListed(comment, request) : [])),
  },
  {
    flaw: "a list that names its own notes",
    caughtBy: "pull: what it lists is what it brings",
    also: {
      "pull: a backfill brings what is asked for by its listed id": "no event comes of a note of its own",
    },
    spec: listing((comment, request) => toListed({ ...comment, by: "customer" }, request)),
  },
  {
    flaw: "a list of ids of another kind",
    caughtBy: "pull: what it lists is what it brings",
    also: { "pull: a backfill brings what is asked for by its listed id": "nothing has such an id" },
    spec: listing((comment, request) =>
      toListed(comment, request).map((item) => ({ ...item, externalId: `${comment.id}` })),
    ),
  },
  {
    flaw: "a list of all times",
    caughtBy: "pull: it lists nothing from outside of the time that it was asked for",
    spec: listing((comment) => toListed(comment, { since: new Date(0), until: new Date("2100-01-01") })),
  },
  {
    flaw: "a list that ends where an error comes up",
    caughtBy: "pull: a list that cannot be completed throws",
    spec: withPull({
      async *list(client, request, signal) {
        try {
          yield* goodList(client, request, signal);
        } catch {
          // What came so far must do.
        }
      },
    }),
  },
  {
    flaw: "a list that counts as read",
    caughtBy: "pull: to list changes nothing",
    spec: countsAsRead(),
  },
  {
    flaw: "a backfill that takes the ids asked for as those to leave out",
    caughtBy: "pull: a backfill brings what is asked for by its listed id",
    spec: withPull({
      async *backfill(client, request, signal) {
        const pages = reference.pull?.backfill?.(client as Client, request, signal) ?? [];
        for await (const { events } of pages)
          yield { events: events.filter(({ externalId }) => !request.only?.has(externalId)) };
      },
    }),
  },
];
