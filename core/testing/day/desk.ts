/** What a day needs of a fake helpdesk: what people do there, and all that it can tell afterwards. */

/** One thing that happened in a ticket, as the helpdesk keeps it. */
export interface Happened {
  kind: "customer" | "agent" | "note" | "closed";
  /** The connector's `externalId` of it; empty for `closed`. */
  id: string;
  text: string;
}

export interface DayDesk {
  /** The connector's entry in the company's file, without its key. */
  readonly connector: Record<string, unknown>;
  customerWrites(what: { text: string; subject: string; ticketId?: string }): {
    ticketId: string;
    id: string;
  };
  /** @returns the reply's `externalId` */
  agentReplies(ticketId: string, text: string): string;
  agentCloses(ticketId: string): void;
  /** An agent chooses the priority. @param label ours */
  agentChooses(ticketId: string, label: string): void;
  /** All of a ticket, in the order in which it happened. */
  happened(ticketId: string): Happened[];
  /** Fields that were changed by us after a person had chosen: there must be none. */
  overwritten(): string[];
  /** Requests that no document allows, and credentials that went astray: there must be none. */
  violations(): string[];
  /** The webhook that tells of a ticket, as the helpdesk signs it now. */
  webhook(ticketId: string): { body: Uint8Array; headers: Record<string, string> };
  /** From now on this part of the requests (0 to 1) fails: refused for the moment, broken off after the work is done, or too many. */
  fail(part: number): void;
  /** Access tokens are void from now on. */
  expireTokens(): void;
  /** The most requests within a period of the account's limit, and that limit. */
  requests(): { most: number; limit: number; all: number };
  close(): Promise<void>;
}
