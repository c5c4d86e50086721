/** Comments, suspended tickets and audits as events in Deskwire's own terms. Zendesk's field names end here. */
import {
  type ConnectorEventInput,
  connectorEventSchema,
  type Person,
} from "../../plugins/contract/events.ts";
import { cut, manyLines, oneLine, tidy } from "../../plugins/toolkit/plain.ts";
import type { Files } from "./files.ts";
import { type Comment, commentSchema, type RawComment, type Suspended, type User } from "./schema.ts";

/** What a comment is read with. Kept with what cannot be read, so that it can be read again. */
export interface Surroundings {
  ticket: { id: number; subject?: string | null | undefined; requester_id?: number | null | undefined };
  author: User | null;
}

/** What becomes of a comment: a customer's message, an agent's reply, a message that wants no draft, or nothing of ours. */
export type Role = "message" | "automatic" | "reply" | "note" | "none";

/** Zendesk's mark of a mail that a machine has sent, such as an out-of-office reply. */
const automaticFlag = 4;

export const externalIdOf = (id: number) => `comment:${id}`;

/** A comment's id as `externalIdOf` made it, or null. */
export function commentIdOf(externalId: string): number | null {
  const digits = /^comment:(\d{1,16})$/.exec(externalId)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** An agent who asks for help is a customer of the others. */
export function roleOf(
  comment: Pick<Comment, "public" | "author_id" | "via" | "metadata">,
  { ticket, author }: Surroundings,
): Role {
  const { author_id, via, metadata } = comment;
  if (author_id === null || author_id === undefined || author_id <= 0) return "none";
  const isStaff = author?.role === "agent" || author?.role === "admin" || author?.shared_agent === true;
  const isCustomer = !isStaff || author_id === ticket.requester_id;
  // Customers have but one way to write what is not public. Notes of agents who have left look like theirs otherwise.
  if (!comment.public) return !isStaff && author && via?.channel === "email" ? "note" : "none";
  if (!isCustomer) return "reply";
  return metadata?.flags?.includes(automaticFlag) ? "automatic" : "message";
}

export function personOf(user: User | null): Person {
  const name = oneLine(user?.name ?? "", 320);
  const email = oneLine(user?.email ?? "", 320);
  return {
    ...(name !== "" && { name }),
    ...(email !== "" && { email }),
    ...(user?.id !== null && user?.id !== undefined && { externalId: String(user.id) }),
  };
}

const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

function reject(externalId: string, reason: string, raw: unknown): ConnectorEventInput {
  const wellFormed = reason.replaceAll("\u0000", "").toWellFormed();
  return { kind: "rejected", externalId, reason: cut(wellFormed, 2_000), raw: bytesOf(raw) };
}

const issuesOf = (error: { issues: ReadonlyArray<{ path: PropertyKey[]; message: string }> }) =>
  error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");

/** The comment with all its fields, or the event of its rejection. */
export function readComment(
  raw: RawComment,
  around: Surroundings,
): { comment: Comment } | { rejected: ConnectorEventInput } {
  const parsed = commentSchema.safeParse(raw);
  if (parsed.success) return { comment: parsed.data };
  const reason = `the comment is not as it is documented: ${issuesOf(parsed.error)}`;
  return { rejected: reject(externalIdOf(raw.id), reason, { comment: raw, ...around }) };
}

/** `plain_body` keeps its spaces as entities. */
function textOf({ plain_body, body }: Comment): string {
  return tidy(manyLines((plain_body || body || "").replaceAll("&nbsp;", " ")));
}

/**
 * The event of a comment, or null for what is none of ours.
 * @param historyBefore what was written before wants no draft
 */
export function toEvent(
  comment: Comment,
  around: Surroundings,
  historyBefore: Date | null,
  files: Files,
): ConnectorEventInput | null {
  const role = roleOf(comment, around);
  if (role === "none") return null;
  const { ticket, author } = around;
  const sentAt = new Date(comment.created_at);
  const common = {
    externalId: externalIdOf(comment.id),
    threadId: String(ticket.id),
    text: textOf(comment) || "(no text)",
    sentAt,
  };
  if (role === "reply")
    return checked({ kind: "agent-reply", ...common, agent: personOf(author) }, comment, around);
  const skip = skipOf(role, historyBefore !== null && sentAt < historyBefore);
  return checked(
    {
      kind: "message",
      ...common,
      requester: personOf(author),
      ...(ticket.subject && { subject: oneLine(ticket.subject, 2_000) }),
      ...(skip && { skip }),
      ...(files.attachments.length > 0 && { attachments: files.attachments }),
      ...(files.missing.length > 0 && { sourceData: { missingFiles: files.missing } }),
    },
    comment,
    around,
  );
}

function skipOf(role: Role, isHistory: boolean): string | null {
  if (isHistory) return "history";
  if (role === "automatic") return "automatic mail";
  // From somebody who is not on the ticket: Zendesk keeps such mails from the customer's eyes.
  return role === "note" ? "not public" : null;
}

/** What cannot be stored is rejected with all that is needed to read it again. */
function checked(event: ConnectorEventInput, comment: Comment, around: Surroundings): ConnectorEventInput {
  const parsed = connectorEventSchema.safeParse(event);
  if (parsed.success) return event;
  return reject(event.externalId, issuesOf(parsed.error), { comment, ...around });
}

/** A suspended ticket has no ticket yet: it is a thread of its own, and wants no draft. */
export function suspendedToEvent(suspended: Suspended): ConnectorEventInput {
  const { id, subject, content, cause, author, created_at } = suspended;
  const event: ConnectorEventInput = {
    kind: "message",
    externalId: `suspended:${id}`,
    threadId: `suspended:${id}`,
    text: tidy(manyLines(content ?? "")) || "(no text)",
    requester: personOf(author ? { ...author, id: null } : null),
    ...(created_at && { sentAt: new Date(created_at) }),
    skip: oneLine(`suspended: ${cause ?? "unknown cause"}`, 200),
    ...(subject && { subject: oneLine(subject, 2_000) }),
  };
  const parsed = connectorEventSchema.safeParse(event);
  return parsed.success ? event : reject(event.externalId, issuesOf(parsed.error), { suspended });
}
