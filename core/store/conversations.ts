/** What a requester may see of a ticket: own messages, agents' replies, and files. */
import type { ConversationEntry } from "../../plugins/contract/connector.ts";
import type { Runner } from "./database.ts";

/** The most entries in one read. */
const pageLength = 200;

/** Entries of a thread, oldest first; see `Conversations` in the contract. */
export async function readConversation(
  runner: Runner,
  company: string,
  connector: string,
  threadId: string,
  after: string | null,
): Promise<ConversationEntry[]> {
  return runner.query<ConversationEntry & Record<string, unknown>>(
    "read-conversation",
    `SELECT * FROM (
       SELECT m.id, m.sender AS "from", m.author_name AS name, m.text, m.sent_at AS at,
         coalesce((SELECT json_agg(json_build_object('id', a.id, 'name', a.name, 'mediaType', a.media_type,
           'bytes', a.bytes) ORDER BY a.id) FROM attachments a WHERE a.message_id = m.id), '[]') AS attachments
       FROM messages m JOIN tickets t ON t.id = m.ticket_id
       WHERE t.company = $1 AND t.connector = $2 AND t.thread_id = $3 AND ($4::uuid IS NULL OR m.id > $4)
       ORDER BY CASE WHEN $4::uuid IS NULL THEN m.id END DESC, m.id LIMIT ${pageLength}) AS newest
     ORDER BY id`,
    [company, connector, threadId, after],
  );
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
