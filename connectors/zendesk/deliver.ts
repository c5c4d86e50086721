/** A draft as an internal note: looked up before it is written, and written only on the ticket as it was looked at. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Delivered, OutgoingDraft, SkipReason } from "../../plugins/contract/connector.ts";
import { ConnectorError, describeError, isConnectorError } from "../../plugins/contract/errors.ts";
import { noteHtml, noteMarker } from "../../plugins/toolkit/note.ts";
import { mayWrite } from "./check.ts";
import { type Client, commentPages, isGone, ofTicket } from "./client.ts";
import { chooseFields, type FieldUpdate } from "./fields.ts";
import { commentIdOf, externalIdOf, roleOf } from "./map.ts";
import {
  type RawComment,
  spokenSchema,
  type Ticket,
  ticketAnswer,
  type User,
  updateAnswer,
  uploadAnswer,
} from "./schema.ts";

/** How often a ticket that keeps changing under our hands is looked at anew. */
const mostLooks = 6;
/** Zendesk takes 65,535 bytes. */
const mostNoteBytes = 60_000;

type Found = { at: number } | { skipped: SkipReason } | null;

/** What stands in the way of a note, or the note itself where it is there; null where it is wanted. */
async function look(
  client: Client,
  ticket: Ticket,
  draft: OutgoingDraft,
  signal: AbortSignal,
): Promise<Found> {
  const marker = noteMarker(draft);
  const answered = commentIdOf(draft.message.externalId);
  const me = (await client.me(signal)).id;
  let later: SkipReason | undefined;
  for await (const { comments, users } of commentPages(client, ticket.id, signal)) {
    for (const comment of comments) {
      if (isAt(comment, answered, draft)) return later === undefined ? null : { skipped: later };
      if (isNote(comment, marker, me)) return { at: comment.id };
      later = laterOf(comment, ticket, users) ?? later;
    }
  }
  return later === undefined ? null : { skipped: later };
}

const textOf = ({ body, html_body }: RawComment) => `${body ?? ""} ${html_body ?? ""}`;

const isNote = (comment: RawComment, marker: string, me: number | null) =>
  comment.author_id === me && comment.public === false && textOf(comment).includes(marker);

/** The message that is answered, or what is older. */
function isAt(comment: RawComment, answered: number | null, draft: OutgoingDraft): boolean {
  if (answered !== null) return comment.id === answered;
  return new Date(comment.created_at) < draft.message.sentAt;
}

function laterOf(raw: RawComment, ticket: Ticket, users: ReadonlyMap<number, User>): SkipReason | undefined {
  const parsed = spokenSchema.safeParse(raw);
  // What cannot be read and is no note may be an answer.
  if (!parsed.success) return raw.public === false ? undefined : "answered";
  const author = users.get(parsed.data.author_id ?? 0) ?? null;
  const role = roleOf(parsed.data, { ticket, author });
  if (role === "reply") return "answered";
  return role === "message" ? "superseded" : undefined;
}

/** Whoever closes a ticket wants no draft for it. */
const isClosed = ({ status }: Ticket) => ["solved", "closed", "deleted"].includes(status);

/** A draft that is too long for a note is attached to it. */
async function attach(client: Client, draft: OutgoingDraft, signal: AbortSignal): Promise<string[]> {
  const query = { filename: `${noteMarker(draft)}.txt` };
  const content = new TextEncoder().encode(draft.text);
  const bytes = { content, mediaType: "text/plain; charset=utf-8" };
  const { upload } = await client.api.send("POST", "/api/v2/uploads", uploadAnswer, { query, bytes, signal });
  return [upload.token];
}

async function composeNote(client: Client, draft: OutgoingDraft, signal: AbortSignal) {
  const whole = noteHtml(draft, { maxLength: Number.MAX_SAFE_INTEGER });
  if (Buffer.byteLength(whole) <= mostNoteBytes) return { html_body: whole, public: false };
  const bytesALetter = Buffer.byteLength(whole) / whole.length;
  const remark = "The draft is longer than a note may be: all of it is in the attached file.";
  const html_body = noteHtml(draft, { maxLength: Math.floor(mostNoteBytes / bytesALetter), remark });
  return { html_body, public: false, uploads: await attach(client, draft, signal) };
}

interface Write {
  ticket: Ticket;
  comment: Awaited<ReturnType<typeof composeNote>>;
  fields: FieldUpdate;
}

/** @returns the note's id, where the answer tells it */
async function write(client: Client, { ticket, comment, fields }: Write, signal: AbortSignal) {
  const update = { comment, ...fields, safe_update: true, updated_stamp: ticket.updated_at };
  const request = { json: { ticket: update }, signal };
  const path = `/api/v2/tickets/${ticket.id}`;
  try {
    const { audit } = await ofTicket(client.api.send("PUT", path, updateAnswer, request));
    return audit?.events.find(({ type }) => type === "Comment")?.id ?? null;
  } catch (error) {
    // One ticket may be closed to this user; a token that may write to none is no matter of this ticket.
    if (!isConnectorError(error) || error.status !== 403 || (await mayWrite(client, signal))) throw error;
    throw new ConnectorError(
      "auth",
      "Zendesk refused the note: write or tickets:write is missing among the scopes",
      {
        cause: error,
      },
    );
  }
}

/** Values that the account does not have must not cost the agents their draft. */
async function writeOrLeaveFields(client: Client, what: Write, signal: AbortSignal) {
  try {
    return await write(client, what, signal);
  } catch (error) {
    if (!isConnectorError(error) || error.status !== 422 || Object.keys(what.fields).length === 0)
      throw error;
    client.ctx.log.warn("Zendesk refused the fields' values: the note goes without them. Look at `fields`", {
      ticket: what.ticket.id,
      fields: what.fields,
      error: describeError(error),
    });
    return write(client, { ...what, fields: {} }, signal);
  }
}

/**
 * A ticket's time has whole seconds: what happens later in the second of our look would leave it as it was, and
 * `safe_update` would see no change. So the look is only good once that second is over.
 */
async function settledTicket(client: Client, id: string, signal: AbortSignal): Promise<Ticket> {
  for (let looks = 0; ; looks++) {
    const answer = client.api.read(`/api/v2/tickets/${id}`, ticketAnswer, { signal });
    const { data, headers } = await ofTicket(answer);
    const theirs = new Date(headers.get("date") ?? Date.now()).getTime();
    const isOver =
      Math.floor(theirs / 1_000) > Math.floor(new Date(data.ticket.updated_at).getTime() / 1_000);
    if (isOver || looks >= mostLooks) return data.ticket;
    await sleep(1_000, undefined, { signal });
  }
}

async function attempt(client: Client, draft: OutgoingDraft, signal: AbortSignal): Promise<Delivered> {
  const ticket = await settledTicket(client, draft.ticket.threadId, signal);
  const found = await look(client, ticket, draft, signal);
  if (found && "at" in found) return { externalId: externalIdOf(found.at), created: false };
  if (found) return found;
  if (isClosed(ticket)) return { skipped: "closed" };
  const fields = await chooseFields(client, ticket, draft, signal);
  const comment = await composeNote(client, draft, signal);
  const id = await writeOrLeaveFields(client, { ticket, comment, fields }, signal);
  if (id !== null) return { externalId: externalIdOf(id), created: true };
  const there = await look(client, ticket, draft, signal);
  if (there && "at" in there) return { externalId: externalIdOf(there.at), created: true };
  throw new ConnectorError("transient", "Zendesk took the note, and it is not to be found yet");
}

/**
 * Puts the note, once for a draft whoever tries: where the ticket has changed since our look, it is looked at anew.
 * @throws ConnectorError of kind `transient` where it never stands still
 */
export async function putNote(client: Client, draft: OutgoingDraft, signal: AbortSignal): Promise<Delivered> {
  const { threadId } = draft.ticket;
  if (!/^\d+$/.test(threadId))
    throw new ConnectorError(
      "permanent",
      `"${threadId}" is the number of no ticket: there is none to write to`,
    );
  for (let looks = 1; ; looks++) {
    try {
      return await attempt(client, draft, signal);
    } catch (error) {
      if (!isConnectorError(error)) throw error;
      if (isGone(error) && error.status !== 403) return { skipped: "closed" };
      if (isGone(error))
        throw new ConnectorError("permanent", `Zendesk does not let this user into ticket ${threadId}`, {
          cause: error,
          status: 403,
        });
      if (error.status !== 409) throw error;
      if (looks >= mostLooks)
        throw new ConnectorError("transient", "the ticket changes all the time", { cause: error });
    }
  }
}

/** Looks for a note that an attempt before may have left. A ticket that is gone has none. */
export async function findNote(
  client: Client,
  draft: OutgoingDraft,
  signal: AbortSignal,
): Promise<{ externalId: string } | null> {
  const marker = noteMarker(draft);
  const me = (await client.me(signal)).id;
  const answered = commentIdOf(draft.message.externalId);
  try {
    for await (const { comments } of commentPages(client, draft.ticket.threadId, signal)) {
      for (const comment of comments) {
        if (isNote(comment, marker, me)) return { externalId: externalIdOf(comment.id) };
        if (isAt(comment, answered, draft)) return null;
      }
    }
    return null;
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}
