/** What a conversation asks: the text to search the knowledge with, and the name to answer to. */
import type { DraftRequest } from "./drafter.ts";
import { detectLanguage, languageCode } from "./language.ts";

/** Shorter questions ("and when?") are read together with what was said before. In characters. */
const tooShort = 25;

/** The requester's messages since the last reply, newest last, after the subject; earlier ones where these are very short. */
export function questionOf(request: Pick<DraftRequest, "conversation" | "subject">): string {
  const { conversation } = request;
  const lastReply = conversation.findLastIndex(({ from }) => from === "agent");
  const latest = conversation.slice(lastReply + 1).filter(({ from }) => from === "requester");
  const asked = latest.map(({ text }) => text.trim()).join("\n");
  const earlier = conversation.slice(0, lastReply + 1).filter(({ from }) => from === "requester");
  const before = asked.length < tooShort ? earlier.slice(-2).map(({ text }) => text) : [];
  return [request.subject ?? "", ...before, asked].join("\n").trim();
}

/** The customer's language as it was told, or else as the question reads. */
export function languageOf(request: DraftRequest): string | null {
  return languageCode(request.language) ?? detectLanguage(questionOf(request));
}

/**
 * The requester's name if it can be greeted with, null otherwise. A name comes from outside and goes out under the
 * company's: what is no name (an address, a sentence, markup) is left out.
 */
export function greetableName(name: string | null): string | null {
  const trimmed = name?.normalize("NFC").replace(/\s+/g, " ").trim() ?? "";
  const looksLikeName = /^\p{L}[\p{L}\p{M}'’.-]*(?: [\p{L}\p{M}'’.-]+){0,3}$/u.test(trimmed);
  if (!looksLikeName || trimmed.length > 60 || /\.\p{L}{2,}/u.test(trimmed) || /^www\b/i.test(trimmed))
    return null;
  return trimmed;
}
