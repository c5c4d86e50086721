/** What a requester may see of a ticket: own messages, agents' replies, and files. */
import type { ConversationEntry } from "../../plugins/contract/connector.ts";
import type { Runner } from "./database.ts";

/** The most entries in one read. */
const pageLength = 200;

// Two statements, since a prepared one is planned once for all values: each walks the index from its own end.
const entries = (where: string, order: "ASC" | "DESC") => `
  SELECT * FROM (
    SELECT m.id, m.sender AS "from", m.author_name AS name, m.text, m.sent_at AS at,
      coalesce((SELECT json_agg(json_build_object('id', a.id, 'name', a.name, 'mediaType', a.media_type,
        'bytes', a.bytes) ORDER BY a.id) FROM attachments a WHERE a.message_id = m.id), '[]') AS attachments
    FROM messages m
    WHERE m.ticket_id = (SELECT id FROM tickets WHERE company = $1 AND connector = $2 AND thread_id = $3) ${where}
    ORDER BY m.id ${order} LIMIT ${pageLength}) AS page
  ORDER BY id`;
const newest = entries("", "DESC");
const following = entries("AND m.id > $4::uuid", "ASC");

/** Entries of a thread, oldest first; see `Conversations` in the contract. */
export async function readConversation(
  runner: Runner,
  company: string,
  connector: string,
  threadId: string,
  after: string | null,
): Promise<ConversationEntry[]> {
  type Entry = ConversationEntry & Record<string, unknown>;
  const thread = [company, connector, threadId];
  return after === null
    ? runner.query<Entry>("read-conversation", newest, thread)
    : runner.query<Entry>("read-conversation-after", following, [...thread, after]);
}

export interface StoredAttachment {
  name: string;
  mediaType: string;
  blob: string;
}

/** A file of a thread, or (with `within` null) of any ticket of the company. */
export async function findAttachment(
  runner: Runner,
  company: string,
  id: string,
  within: { connector: string; threadId: string } | null,
): Promise<StoredAttachment | null> {
  const [row] = await runner.query<StoredAttachment & Record<string, unknown>>(
    "find-attachment",
    `SELECT a.name, a.media_type AS "mediaType", a.blob
     FROM attachments a JOIN messages m ON m.id = a.message_id JOIN tickets t ON t.id = m.ticket_id
     WHERE a.company = $1 AND a.id = $2 AND ($3::text IS NULL OR (t.connector = $3 AND t.thread_id = $4))`,
    [company, id, within?.connector ?? null, within?.threadId ?? null],
  );
  return row ?? null;
}
