/** The drafter port: from a conversation to the text of a draft, whoever writes it. */
import type { DrafterConfig } from "../../config/schema.ts";
import type { Label } from "../../plugins/contract/connector.ts";

/** What a drafter may know of a ticket. */
export interface DraftRequest {
  /** The company's id. */
  company: string;
  /** The name that customers know. */
  companyName: string;
  /** Oldest first; the last ones from the requester are what is to be answered. */
  conversation: ReadonlyArray<{ from: "requester" | "agent"; name: string | null; text: string; at: Date }>;
  subject: string | null;
  requesterName: string | null;
  /** ISO 639-1, or null where it could not be told. */
  language: string | null;
  labels: { type: Label; priority: Label; department: Label } | null;
}

/** A draft, and what agents should know of how it came about. */
export interface DraftResult {
  /** Plain text, ready to be sent once an agent has read it. */
  text: string;
  /** ISO 639-1 of the text, or null where it could not be told. */
  language: string | null;
  /** The model's name, or "offline". */
  writtenBy: string;
  /** The articles and macros that the draft rests on, best first. */
  sources: Array<{ title: string; path: string; score: number; url?: string }>;
  usage: { promptTokens: number; completionTokens: number } | null;
  /** Shown to agents, e.g. "No LLM wrote this draft: composed from the knowledge articles named as sources." */
  notes: string[];
}

/** Writes drafts for one company. */
export interface Drafter {
  /**
   * Writes a draft for the last messages of the requester.
   * @throws ConnectorError with the kind that says whether another attempt makes sense; an `AbortError` where `signal` aborted
   */
  draft(request: DraftRequest, signal: AbortSignal): Promise<DraftResult>;
  /** For logs and history: the model's name, or "offline". */
  readonly name: string;
}

/** Whether drafts by this config come from an LLM: without a key and a base URL none is asked. */
export function asksLlm({ key, baseUrl }: DrafterConfig): boolean {
  return key !== undefined || baseUrl !== undefined;
}
