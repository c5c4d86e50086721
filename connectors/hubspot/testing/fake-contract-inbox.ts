/** What HubSpot documents of the requests for threads, tokens and files. */
import { z } from "zod";
import type { Operation } from "./fake-contract.ts";

const text = z.string();
const flag = z.enum(["true", "false"]);
const count = z.string().regex(/^[1-9]\d{0,2}$/, "expected a number");
const int64 = z.string().regex(/^\d{1,19}$/, "expected a number");
const inbox = "/conversations/conversations/2026-09";
const at = (source: string) => new RegExp(`^${source}$`);
const id = "([^/]+)";

const conversations: Operation[] = [
  {
    name: "threads",
    method: "GET",
    path: at(`${inbox}/threads`),
    query: {
      after: text,
      archived: flag,
      associatedContactId: int64,
      associatedTicketId: int64,
      association: z.literal("TICKET"),
      inboxId: int64,
      latestMessageTimestampAfter: z.iso.datetime(),
      limit: count,
      property: text,
      sort: z.enum(["id", "latestMessageTimestamp"]),
      threadStatus: z.enum(["OPEN", "CLOSED"]),
    },
    scope: "conversations.read",
  },
  {
    name: "thread",
    method: "GET",
    path: at(`${inbox}/threads/(\\d+)`),
    query: { archived: flag, association: z.literal("TICKET"), property: text },
    scope: "conversations.read",
  },
  {
    name: "messages",
    method: "GET",
    path: at(`${inbox}/threads/(\\d+)/messages`),
    query: { after: text, archived: flag, limit: count, property: text, sort: text },
    scope: "conversations.read",
  },
  {
    name: "original-content",
    method: "GET",
    path: at(`${inbox}/threads/(\\d+)/messages/${id}/original-content`),
    query: { property: text },
    scope: "conversations.read",
  },
  {
    name: "actor",
    method: "GET",
    path: at(`${inbox}/actors/${id}`),
    query: { property: text },
    scope: "conversations.read",
  },
];

const oauth: Operation[] = [
  {
    name: "token",
    method: "POST",
    path: at("/oauth/2026-09/token"),
    form: z.strictObject({
      grant_type: z.enum(["authorization_code", "refresh_token"]),
      client_id: text,
      client_secret: text,
      refresh_token: text,
      code: text.optional(),
      code_verifier: text.optional(),
      redirect_uri: text.optional(),
      scope: text.optional(),
    }),
    scope: null,
  },
  {
    name: "introspect",
    method: "POST",
    path: at("/oauth/2026-09/token/introspect"),
    form: z.strictObject({
      client_id: text,
      client_secret: text,
      token: text,
      token_type_hint: text.optional(),
    }),
    scope: null,
  },
];

/** Files lie under the API's own address too, from where they lead elsewhere. */
const files: Operation[] = [
  {
    name: "file",
    method: "GET",
    path: at(`/filemanager/files/${id}`),
    query: { portalId: int64 },
    scope: null,
  },
];

export const inboxOperations: readonly Operation[] = [...conversations, ...oauth, ...files];
