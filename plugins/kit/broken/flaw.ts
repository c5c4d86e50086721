/** A connector with one seeded fault, and the check that has to find it. */
import type { AnyConnector, Delivered, OutgoingDraft, Page } from "../../contract/connector.ts";
import { type Client, reference } from "./reference.ts";

export interface Flaw {
  /** What is wrong with the connector. */
  readonly flaw: string;
  /** The name of the check that finds it. */
  readonly caughtBy: string;
  /** Other checks that cannot but fail as well, with the reason. */
  readonly also?: Readonly<Record<string, string>>;
  readonly spec: AnyConnector;
}

type Cursor = { after: number };
export type Pages = (client: Client, from: Cursor | null, signal: AbortSignal) => AsyncIterable<Page<Cursor>>;
export type Put = (client: Client, draft: OutgoingDraft, signal: AbortSignal) => Promise<Delivered>;

const good = reference as AnyConnector;
// The reference has all blocks; the types of the contract leave them optional.
export const goodPages = good.pull?.pages as Pages;
export const goodPut = good.deliver?.put as Put;

export function withPages(pages: Pages): AnyConnector {
  return { ...good, pull: { ...good.pull, pages } };
}

/** The reference with another client, as `fetch` or the signal are changed for one block. */
export function withPull(pull: Partial<NonNullable<AnyConnector["pull"]>>): AnyConnector {
  return { ...good, pull: { pages: goodPages, ...good.pull, ...pull } };
}

export function withPush(push: Partial<NonNullable<AnyConnector["push"]>>): AnyConnector {
  return { ...good, push: { ...(good.push as NonNullable<AnyConnector["push"]>), ...push } };
}

export function withDeliver(deliver: Partial<NonNullable<AnyConnector["deliver"]>>): AnyConnector {
  return { ...good, deliver: { ...(good.deliver as NonNullable<AnyConnector["deliver"]>), ...deliver } };
}

/** The reference's pages with each page changed. */
export function eachPage(change: (page: Page<Cursor>) => Page<Cursor>): AnyConnector {
  return withPages(async function* (client, from, signal) {
    for await (const page of goodPages(client, from, signal)) yield change(page);
  });
}

/** The reference's pages, with its errors treated otherwise: what `treat` does not throw ends the read quietly. */
export function treatingErrors(treat: (error: unknown, client: Client) => void): AnyConnector {
  return withPages(async function* (client, from, signal) {
    try {
      yield* goodPages(client, from, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      treat(error, client);
    }
  });
}

/** The reference's delivery, with its errors treated otherwise. */
export function treatingPutErrors(treat: (error: unknown, draft: OutgoingDraft) => Delivered): AnyConnector {
  return withDeliver({
    async put(client, draft, signal) {
      try {
        return await goodPut(client, draft, signal);
      } catch (error) {
        if (signal.aborted) throw error;
        return treat(error, draft);
      }
    },
  });
}

/** What only a time-out says. */
export const isTimeOut = (error: unknown) => error instanceof Error && error.message.includes("took longer");
/** What only an answer that broke off says. */
export const isBrokenOff = (error: unknown) => error instanceof Error && error.message.includes("terminated");
