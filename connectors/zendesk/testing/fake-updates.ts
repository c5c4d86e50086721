/** What the fake lets be written: updates of tickets, held against their time, and files for them. */
import { z } from "zod";
import { customFieldId, groups } from "./fake-account.ts";
import { type FakeFile, plainText } from "./fake-model.ts";
import {
  type Call,
  type Handler,
  json,
  notFound,
  type Route,
  type RouteParts,
  Violation,
} from "./fake-route.ts";
import { fileOf, none, shownTicket, updateBody } from "./fake-shapes.ts";

type Update = z.output<typeof updateBody>["ticket"];

function refusalOf({ group_id, custom_fields = [] }: Update): string | null {
  if (group_id !== undefined && !Object.values(groups).includes(group_id)) return "Group is invalid";
  const unknown = custom_fields.find(({ id }) => id !== customFieldId);
  return unknown ? `Custom field ${unknown.id} is invalid` : null;
}

function readUpdate({ body, contentType }: Call): Update {
  if (contentType !== "application/json") throw new Violation(`update: content type ${contentType}`);
  const parsed = updateBody.safeParse(JSON.parse(Buffer.from(body).toString()));
  if (!parsed.success) throw new Violation(`update: ${z.prettifyError(parsed.error)}`);
  return parsed.data.ticket;
}

/** The change as the account makes it. */
function toChange(given: Update, uploads: ReadonlyMap<string, FakeFile>) {
  const { comment, custom_fields = [], safe_update: _, updated_stamp: __, ...fields } = given;
  const files = (comment?.uploads ?? []).map((token) => {
    const file = uploads.get(token);
    if (!file) throw new Violation(`update: the upload ${token} is none of ours`);
    return file;
  });
  const custom = Object.fromEntries(custom_fields.map((field) => [String(field.id), String(field.value)]));
  const html_body = comment?.html_body ?? "";
  return {
    fields: { ...fields, ...custom },
    ...(comment && { comment: { public: comment.public, body: plainText(html_body), html_body, files } }),
  };
}

function updateTicket(parts: RouteParts, uploads: ReadonlyMap<string, FakeFile>): Handler {
  const { account } = parts;
  return (call, [id]) => {
    const given = readUpdate(call);
    parts.beforeWrite(Number(id));
    const ticket = account.tickets.get(Number(id));
    if (!ticket) return notFound;
    if (ticket.status === "closed")
      return json({ error: "RecordInvalid", description: "Status: closed" }, 422);
    if (given.updated_stamp !== ticket.updated_at) return json({ error: "UpdateConflict" }, 409);
    const refusal = refusalOf(given);
    if (refusal !== null) return json({ error: "RecordInvalid", description: refusal }, 422);
    const hand = { author: account.bot, channel: "api" };
    const audit = account.update(ticket, hand, toChange(given, uploads), Date.now());
    return json({ ticket: shownTicket(ticket), audit });
  };
}

export function updateRoutes(parts: RouteParts): Route[] {
  const uploads = new Map<string, FakeFile>();
  const upload: Handler = ({ query, body, contentType }) => {
    if (contentType !== "text/plain; charset=utf-8")
      throw new Violation(`upload: content type ${contentType}`);
    const file = parts.account.fileOf(query.filename ?? "", "text/plain", body);
    uploads.set(file.token, file);
    return json({ upload: { token: file.token, attachment: fileOf(parts.origin(), file) } }, 201);
  };
  return [
    {
      method: "PUT",
      path: /^\/api\/v2\/tickets\/(\d+)$/,
      query: none,
      handle: updateTicket(parts, uploads),
    },
    {
      method: "POST",
      path: /^\/api\/v2\/uploads$/,
      query: z.strictObject({ filename: z.string().min(1) }),
      handle: upload,
    },
  ];
}
