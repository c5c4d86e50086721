/** The connector contract, version 1. A block that is present declares a capability and implements it. */
import type { z } from "zod";
import type { AgentReply, ConnectorEventInput, Person, SourceData } from "./events.ts";

/** The version that a plugin's `core` range is checked against. */
export const contractVersion = "1.3.0";

/** A place for log lines. Secrets passed in `fields` print as `[secret]`. */
export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** One entry of what the requester may see of a ticket: own messages and the replies that agents sent. */
export interface ConversationEntry {
  readonly id: string;
  readonly from: "requester" | "agent";
  readonly name: string | null;
  readonly text: string;
  readonly at: Date;
  readonly attachments: ReadonlyArray<{ id: string; name: string; mediaType: string; bytes: number }>;
}

/** Read access to the threads of this very connector, for connectors that show the conversation (the widget). */
export interface Conversations {
  /**
   * Entries of a thread, oldest first, at most 200: the newest ones, or those after `after`.
   * An unknown thread is an empty one.
   * @param after an entry's id
   */
  read(threadId: string, after?: string): Promise<ConversationEntry[]>;
  /** A file of this thread, or null where the thread has no such file. */
  attachment(
    threadId: string,
    attachmentId: string,
  ): Promise<{ name: string; mediaType: string; content: Uint8Array } | null>;
}

export interface FetchOptions {
  /** Milliseconds for one attempt (default 15,000). */
  timeoutMs?: number;
  /** The largest answer that is read, in bytes (default 10 MB): a larger one is an error of kind `permanent`. */
  maxBytes?: number;
  /** Attempts in all (default 3). A request that is neither idempotent nor carries an idempotency key should say 1. */
  attempts?: number;
}

/**
 * `fetch` with the connector's limits, time-outs, retries with back-off and `Retry-After`, and no secrets in errors.
 * Answers of 2xx and 3xx come back, with their whole body; redirects are not followed; others are thrown as `ConnectorError` (401, 403: auth; 429: rate_limited; 408, 5xx:
 * transient; other 4xx: permanent).
 */
export type ConnectorFetch = (url: string, init?: RequestInit & FetchOptions) => Promise<Response>;

/** An access token, and what the next one is asked for with. */
export interface Token {
  readonly accessToken: string;
  readonly expiresAt: Date;
  /** Absent where the last one stays good. */
  readonly refreshToken?: string;
}

export interface TokenRequest {
  /** The secret of the config that the tokens come from. What is stored is sealed with it; a new one starts afresh. */
  readonly seed: string;
  /** An access token that the other side refused just now, though its time was not over. */
  readonly refused?: string;
  /**
   * Asks for a new token. Throws a ConnectorError of kind `auth` where a person has to authorise again.
   * @param last the token before, or null at first
   */
  refresh(last: Token | null): Promise<Token>;
}

/**
 * The one access token of this connector, for all nodes: `refresh` runs on one of them at a time, and what it returns is
 * stored before it is used, so that refresh tokens which can be used once are not lost.
 */
export interface Tokens {
  /** @returns an access token that holds for another minute at least */
  accessToken(request: TokenRequest): Promise<string>;
}

/** A limit that the other side sets for an account: however a period is laid, no more requests begin within it. */
export interface QuotaLimit {
  readonly requests: number;
  /** The period, in milliseconds. */
  readonly perMs: number;
}

/** What an answer tells of a limit. */
export interface QuotaNews {
  /** As in `Quota.limits`. */
  readonly name: string;
  /** The requests that the account may make in a period, where that is another number than was thought. */
  readonly requests?: number;
  /** How many are left in this period, those of all who share the account counted. */
  readonly remaining?: number;
  /** Milliseconds until the period is over. */
  readonly resetMs?: number;
}

/** The limits of an account at the other side, which all nodes keep together, and other programs share. */
export interface Quota {
  /** Names the account: connectors with the same one share its limits. */
  readonly account: string;
  /** By name. What is known of them at first: answers tell better. */
  readonly limits: Readonly<Record<string, QuotaLimit>>;
  /** The part of each limit that is taken, 0 to 1; the rest is left to other programs. Default: 0.8. */
  readonly share?: number;
  /** The names of the limits that a request counts against. */
  of(request: { readonly method: string; readonly url: URL }): string[];
  /** Reads the headers of an answer, whatever its status. */
  read?(headers: Headers, of: readonly string[]): QuotaNews[];
}

/** What the core gives to a connector when it opens. */
export interface Context<Config> {
  /** The company's id, as its config file is named. */
  readonly company: string;
  /** The key under `connectors:` in the company's file. */
  readonly instance: string;
  readonly config: Config;
  readonly log: Log;
  readonly fetch: ConnectorFetch;
  readonly conversations: Conversations;
  readonly tokens: Tokens;
  /**
   * When the hub first read this source, or now where it has not yet: what was written before is history, and wants no
   * draft (`skip: "history"`).
   */
  since(): Promise<Date>;
  /** The name under which the company wants to be shown. */
  readonly companyName: string;
}

/** A page is an ordered list of events and the cursor after it; both are committed together. */
export interface Page<Cursor> {
  readonly events: ConnectorEventInput[];
  readonly cursor: Cursor;
}

/** What `deskwire backfill` asks for. */
export interface BackfillRequest {
  /** Nothing older is wanted. */
  readonly since: Date | null;
  /** A file or folder to read instead of the source itself. */
  readonly path: string | null;
  /**
   * The hub has missed these, and wants no others: externalIds as `list` gave them. Others that come along are passed over,
   * so a connector need not heed it; one that does spares itself and the source a whole reading.
   */
  readonly only?: ReadonlySet<string>;
}

/** A stretch of time, as the source keeps it: when items came to be there. */
export interface ListRequest {
  /** Nothing older is wanted. */
  readonly since: Date;
  /** Nothing newer is wanted. */
  readonly until: Date;
}

/** An item that the source holds. */
export interface ListedItem {
  /** As `pages` would give it. */
  readonly externalId: string;
  /** When it came to be there, where that is known. */
  readonly at?: Date;
}

/** A request as it came in, under the connector's own address `/connect/{company}/{instance}`. */
export interface RawRequest {
  /** The id of the company whose connector the request is for. */
  readonly company: string;
  /** The connector it is for: the key under `connectors:` in the company's file. */
  readonly instance: string;
  readonly method: string;
  /** The path after the connector's own address, "/" at least. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The raw bytes; signatures are computed over these. */
  readonly body: Uint8Array;
  /** The public address of the request, as the sender saw it. */
  readonly url: string;
  readonly remoteAddress: string;
  /** The name of the company's API key that the core found valid in this request, if any. */
  readonly apiKey?: string;
}

/** The answer of `verify`. Where in doubt, refuse. */
export type Verdict =
  | {
      ok: true;
      /** A webhook's own id and time: the core refuses a repeat of the id, and a time outside its window. */
      replay?: { id: string; at: Date };
    }
  | { ok: false; reason: string };

export interface HttpReply {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
}

/** The result of a look at a connection: `ok`, and otherwise what a person should do. */
export interface Health {
  readonly ok: boolean;
  readonly detail?: string;
}

export interface Label {
  readonly value: string;
  /** 0 to 1. */
  readonly confidence: number;
}

export interface OutgoingTicket {
  readonly id: string;
  /** Ten characters that name the ticket in a subject line: see `ThreadHints.ticketCode`. */
  readonly code: string;
  readonly threadId: string;
  readonly subject: string | null;
  readonly requester: Person;
}

/** A customer's message that is being answered. */
export interface AnsweredMessage {
  /** Sorts after the ids of all messages that came before. */
  readonly id: string;
  readonly externalId: string;
  readonly text: string;
  readonly quoted: string | null;
  readonly sentAt: Date;
  /** As the connector gave it with the message. */
  readonly sourceData: SourceData | null;
}

/** A draft on its way into the helpdesk. */
export interface OutgoingDraft {
  readonly id: string;
  /** The same for every attempt: look it up before writing. */
  readonly idempotencyKey: string;
  readonly ticket: OutgoingTicket;
  readonly message: AnsweredMessage;
  readonly text: string;
  /** ISO 639-1, or null where it is not known. */
  readonly language: string | null;
  readonly labels: { type: Label; priority: Label; department: Label } | null;
  readonly sources: ReadonlyArray<{ title: string; path: string; url?: string }>;
  /** The model's name, or `offline` where no LLM wrote it. */
  readonly writtenBy: string;
  /** What agents should know before they send it, such as a point that the model was not sure of. */
  readonly notes?: readonly string[];
  /** Set where something has come after the message meanwhile: such a draft goes to `find`, never to `put`. */
  readonly overtakenBy?: "answered" | "superseded" | undefined;
}

/** A reply that an agent approved, on its way to the requester. */
export interface OutgoingReply {
  /** The same for every attempt. */
  readonly externalId: string;
  readonly text: string;
  readonly agent: AgentReply["agent"];
  /** The draft that it was made from, where that is known. */
  readonly draftId?: string;
  readonly ticket: OutgoingTicket;
  /** The requester's newest message in the ticket. */
  readonly message: AnsweredMessage;
}

/** `closed`: a person has closed the ticket, or taken it away, without an answer. */
export type SkipReason = "answered" | "superseded" | "edited" | "closed";

/** `created` is false where the lookup found the draft already there. */
export type Delivered = { externalId: string; created: boolean } | { skipped: SkipReason };

/**
 * A connector. `Client` is whatever `open` returns (a session, an IMAP client, the context itself); the core passes it
 * back to every other function and closes it at the end.
 */
export interface ConnectorSpec<
  Config extends z.ZodType = z.ZodType,
  Cursor extends z.ZodType = z.ZodType,
  Client = unknown,
> {
  /** The folder's name. */
  readonly name: string;
  /** The semver range of the contract that it was written for, such as "^1". */
  readonly core: string;
  /** Secrets are fields made with `secret()`. */
  readonly config: Config;
  readonly cursor?: Cursor;
  /** What the other side allows; `ctx.fetch` and deliveries keep to it. */
  readonly limits: { requests: number; perMs: number; concurrency: number };
  /** The limits of the account, where it counts all that comes for it: `ctx.fetch` keeps to them on all nodes together. */
  quota?(config: z.output<Config>): Quota;
  open(ctx: Context<z.output<Config>>, signal: AbortSignal): Promise<Client>;
  /** Signs in and looks, changes nothing. */
  check(client: Client, signal: AbortSignal): Promise<Health>;
  close(client: Client): Promise<void>;
  /**
   * Polling or streaming. Ends when `signal` aborts. A failed read throws: it is never an empty page. A stream that finds
   * nothing yields an empty page every few minutes: one that is silent for ten is taken to hang, and read anew.
   */
  readonly pull?: {
    pages(
      client: Client,
      from: z.output<Cursor> | null,
      signal: AbortSignal,
    ): AsyncIterable<Page<z.output<Cursor>>>;
    /** Reads what is older, or lies in a file, in the order in which it was written. No cursor: asked again, it starts anew. */
    backfill?(
      client: Client,
      request: BackfillRequest,
      signal: AbortSignal,
    ): AsyncIterable<{ events: ConnectorEventInput[] }>;
    /**
     * Names what the source holds of a time, so that the hub can tell what it has missed: each message, agent's reply and
     * item to reject that `pages` would have brought in this time, in any order, and nothing else. Reads ids alone, cheaply,
     * and changes nothing. A list that cannot be completed throws: one that ends is taken to be whole.
     */
    list?(client: Client, request: ListRequest, signal: AbortSignal): AsyncIterable<ListedItem[]>;
    /** Reads an item of the quarantine once more, from the raw bytes that were kept. */
    reread?(client: Client, raw: Uint8Array, signal: AbortSignal): Promise<ConnectorEventInput[]>;
  };
  /** Webhooks and posts: answered 2xx only after the events are committed. */
  readonly push?: {
    /** The JSON body's schema, where there is one: it is shown in the OpenAPI document. */
    readonly body?: z.ZodType;
    /** Over raw bytes; fails closed. */
    verify(request: RawRequest, config: z.output<Config>): Verdict;
    /** Throws a ZodError, or a ConnectorError of kind `permanent`, for a body that cannot be read: answered with 422. */
    parse(client: Client, request: RawRequest): Promise<ConnectorEventInput[]>;
  };
  /** Pages, scripts and reads that the connector serves under its own address. Called before `push`; null passes on. */
  readonly serve?: {
    handle(client: Client, request: RawRequest): Promise<HttpReply | null>;
    /** The origins that a browser may call from, or none. */
    origins?(config: z.output<Config>): string[];
  };
  readonly deliver?: {
    readonly as: "draft" | "internal-note" | "reply";
    put(client: Client, draft: OutgoingDraft, signal: AbortSignal): Promise<Delivered>;
    /**
     * Tells whether the draft is there, from an attempt whose end nobody knows, and writes nothing: asked where an agent
     * has answered meanwhile, so that the answer is matched with the draft that it came from.
     */
    find?(client: Client, draft: OutgoingDraft, signal: AbortSignal): Promise<{ externalId: string } | null>;
    /** Brings an agent's approved reply to the requester, where the core is told of it first. Once per `externalId`. */
    send?(client: Client, reply: OutgoingReply, signal: AbortSignal): Promise<void>;
  };
}

/** Any connector, where its own types do not matter. */
// biome-ignore lint/suspicious/noExplicitAny: a list of connectors of different types has no other common type
export type AnyConnector = ConnectorSpec<any, any, any>;

/** Checks a spec's types where it is written; returns it unchanged. */
export function defineConnector<Config extends z.ZodType, Cursor extends z.ZodType, Client>(
  spec: ConnectorSpec<Config, Cursor, Client>,
): ConnectorSpec<Config, Cursor, Client> {
  return spec;
}
