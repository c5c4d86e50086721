/** What the fake takes and shows: bodies and queries as the documents have them, and items as they come back. */
import { z } from "zod";
import { type FakeComment, type FakeFile, type FakeTicket, plainText } from "./fake-model.ts";

export const count = z.string().regex(/^\d+$/);
export const none = z.strictObject({});
export const paging = {
  page: count.optional(),
  per_page: count.optional(),
  sort_order: z.enum(["asc", "desc"]).optional(),
};

export const updateBody = z.strictObject({
  ticket: z.strictObject({
    comment: z
      .strictObject({
        html_body: z.string().min(1).max(65_535),
        public: z.literal(false),
        uploads: z.array(z.string()).optional(),
      })
      .optional(),
    priority: z.enum(["urgent", "high", "normal", "low"]).optional(),
    type: z.enum(["problem", "incident", "question", "task"]).optional(),
    group_id: z.int().optional(),
    custom_fields: z
      .array(z.strictObject({ id: z.int(), value: z.union([z.string(), z.number(), z.boolean()]) }))
      .optional(),
    safe_update: z.literal(true),
    updated_stamp: z.iso.datetime(),
  }),
});

export function shownTicket({ comments: _, audits: __, change, changedAt, ...ticket }: FakeTicket) {
  return {
    ...ticket,
    fields: ticket.custom_fields,
    generated_timestamp: Math.floor(changedAt / 1_000),
    tags: [],
    url: `ticket/${change}`,
  };
}

export const fileOf = (origin: string, { content, token, ...file }: FakeFile) => ({
  ...file,
  size: content.length,
  inline: false,
  deleted: false,
  malware_scan_result: "malware_not_found",
  content_url: token && `${origin}/attachments/token/${token}/?name=${encodeURIComponent(file.file_name)}`,
});

export function shownComment(origin: string, { files, ...comment }: FakeComment) {
  // A comment without a text is what the fake has for one that cannot be read.
  const plain = comment.body === null ? { plain_body: 7 } : { plain_body: plainText(comment.html_body) };
  const attachments = files.map((file) => fileOf(origin, file));
  const text = comment.body === null ? {} : { plain_body: comment.body };
  return { metadata: {}, ...comment, type: "Comment", ...plain, ...text, attachments };
}

/** A page by number, and the address of the next. */
export function paged<T>(
  items: readonly T[],
  { path, query }: { path: string; query: Record<string, string> },
  origin: string,
) {
  const size = Math.min(100, Number(query.per_page ?? 100));
  const page = Number(query.page ?? 1);
  const some = items.slice((page - 1) * size, page * size);
  const next = new URLSearchParams({ ...query, page: String(page + 1) });
  return { some, next_page: page * size < items.length ? `${origin}${path}?${next}` : null };
}

export const ordered = <T>(items: readonly T[], query: Record<string, string>): readonly T[] =>
  query.sort_order === "desc" ? items.toReversed() : items;
