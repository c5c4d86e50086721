/** What a connector's author tells the kit: the connector, and how to bring up and move the system on its other side. */
import type { AnyConnector, RawRequest } from "../contract/connector.ts";

/** The company and the connector's key, under which the kit opens every connector. */
export const kitAddress = { company: "acme", instance: "desk" } as const;

/** A message as a customer would write it. The world brings it into its system, as far as that has such fields. */
export interface CustomerMessage {
  /** Names the message, and stands in its text: `k`, eight hexadecimal digits and `x`. Fit for an id or a file's name. */
  readonly key: string;
  readonly text: string;
  readonly subject: string;
  readonly from: { readonly name: string; readonly email: string };
  /** The key of the message that opened the thread; the message's own one where it is the first. */
  readonly thread: string;
  readonly files: ReadonlyArray<{ name: string; mediaType: string; content: Uint8Array }>;
}

/** A draft or note as agents find it, or a reply as the customer got it. */
export interface Found {
  readonly text: string;
  /** The system's own id, where it has one. */
  readonly id?: string;
}

/** What the kit makes the other side do. `lost-answer`: what is written arrives, and its answer does not come back. */
export const faultKinds = [
  "refused-credentials",
  "rate-limited",
  "server-error",
  "silent",
  "cut",
  "lost-answer",
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** One customer's system, fresh for one check. What is left out makes the checks that need it "not covered". */
export interface Side {
  /** The connector's config as it stands in the company's file, with references to secrets resolved. */
  readonly config: unknown;
  /** Pull: a customer's message comes to be there, so that the connector can find it. */
  arrive?(message: CustomerMessage): Promise<void>;
  /** Pull: an item that the connector cannot read comes to be there. */
  arriveUnreadable?(key: string): Promise<void>;
  /** Push: how the system tells of a message. The kit forges, repeats and delays such requests by itself. */
  readonly webhook?: {
    body(message: CustomerMessage): Uint8Array;
    /** A genuine request with this body, whatever it holds, sent at this time. See `rawRequest`. */
    sign(body: Uint8Array, at: Date): RawRequest;
  };
  /** Deliver: all drafts or notes that agents find, in plain text. */
  found?(): Promise<Found[]>;
  /** Deliver: an agent changes the text of a draft. */
  edit?(draft: Found, text: string): Promise<void>;
  /** Deliver: an agent answers a customer's message, past the draft. */
  answer?(message: CustomerMessage, text: string): Promise<void>;
  /** Send: all replies that customers got, in plain text. */
  sent?(): Promise<Found[]>;
  /** Anything else that `check` could change, as JSON. Drafts and sent replies are looked at anyway. */
  snapshot?(): Promise<unknown>;
  /** Where the connector does not speak HTTP through `ctx.fetch`; else the kit causes the faults in there. */
  readonly faults?: Partial<Record<FaultKind, () => Promise<void>>>;
  /** Ends a fault of `faults`. */
  mend?(): Promise<void>;
  close(): Promise<void>;
}

/** How long the kit waits, in milliseconds. */
export interface Patience {
  /** For a message to arrive, or a reader to come to rest (default 5,000). */
  readonly arriveMs: number;
  /** For a call to fail under a fault; with `silent` the connector's own time-out is in it (default 10,000). */
  readonly failMs: number;
  /** For what must end at once: after an abort, and `close` (default 2,000). */
  readonly promptMs: number;
}

export interface World {
  readonly spec: AnyConnector;
  /** Called once for each check. A server may be shared; the account, mailbox or folder must be a fresh one. */
  start(): Promise<Side>;
  /** More configs that must be refused, beside those that the kit makes up. */
  readonly badConfigs?: readonly unknown[];
  /** Why checks make no sense for this connector, by their name or their capability. The reasons are told with the grade. */
  readonly exempt?: Readonly<Record<string, string>>;
  readonly patience?: Partial<Patience>;
}

/** A POST to the connector's own address, with the fields that matter set. Header names must be in lower case. */
export function rawRequest(fields: Partial<RawRequest>): RawRequest {
  const { path = "/" } = fields;
  return {
    ...kitAddress,
    method: "POST",
    path,
    query: new URLSearchParams(),
    headers: {},
    body: new Uint8Array(),
    url: `https://hub.example/connect/${kitAddress.company}/${kitAddress.instance}${path}`,
    remoteAddress: "192.0.2.1",
    ...fields,
  };
}
