/** Zendesk's answers, as far as they are read. Fields beyond these may come and go. */
import { z } from "zod";

const id = z.int();
const time = z.iso.datetime({ offset: true });

export const ticketSchema = z.looseObject({
  id,
  subject: z.string().nullish(),
  status: z.string(),
  priority: z.string().nullish(),
  type: z.string().nullish(),
  group_id: id.nullish(),
  requester_id: id.nullish(),
  created_at: time.nullish(),
  updated_at: time,
  custom_fields: z.array(z.looseObject({ id, value: z.unknown().optional() })).nullish(),
});
export type Ticket = z.output<typeof ticketSchema>;

export const userSchema = z.looseObject({
  id: id.nullable(),
  name: z.string().nullish(),
  email: z.string().nullish(),
  role: z.string().nullish(),
});
export type User = z.output<typeof userSchema>;

const attachmentSchema = z.looseObject({
  id: id.nullish(),
  file_name: z.string().nullish(),
  content_url: z.string(),
  content_type: z.string().nullish(),
  size: z.number().nullish(),
  inline: z.boolean().nullish(),
  deleted: z.boolean().nullish(),
  malware_scan_result: z.string().nullish(),
});
export type FileLink = z.output<typeof attachmentSchema>;

export const commentSchema = z.looseObject({
  id,
  author_id: id.nullish(),
  public: z.boolean(),
  body: z.string().nullish(),
  plain_body: z.string().nullish(),
  html_body: z.string().nullish(),
  created_at: time,
  attachments: z.array(attachmentSchema).nullish(),
  via: z.looseObject({ channel: z.union([z.string(), z.number()]).nullish() }).nullish(),
});
export type Comment = z.output<typeof commentSchema>;

/** What a comment must have for the page to go on, whatever else it lacks. */
export const rawCommentSchema = z.looseObject({ id, created_at: time });
export type RawComment = z.output<typeof rawCommentSchema>;

export const ticketAnswer = z.looseObject({ ticket: ticketSchema });
export const userAnswer = z.looseObject({ user: userSchema });
export const usersAnswer = z.looseObject({ users: z.array(userSchema) });
export const tokenAnswer = z.looseObject({ token: z.looseObject({ scopes: z.array(z.string()).nullish() }) });
export const uploadAnswer = z.looseObject({ upload: z.looseObject({ token: z.string().min(1) }) });
export const anyAnswer = z.looseObject({});

export const commentsAnswer = z.looseObject({
  comments: z.array(rawCommentSchema),
  users: z.array(userSchema).nullish(),
  next_page: z.string().nullish(),
});

const exportedSchema = z.looseObject({
  id,
  status: z.string().nullish(),
  subject: z.string().nullish(),
  requester_id: id.nullish(),
});
export type Exported = z.output<typeof exportedSchema>;

export const exportAnswer = z.looseObject({
  tickets: z.array(exportedSchema),
  after_cursor: z.string().nullish(),
  end_of_stream: z.boolean(),
});

/** What is of another form than it is documented counts as absent: kinds of events are added at any time. */
const lax = <T extends z.ZodType>(schema: T) => schema.nullish().catch(null);

const via = lax(z.looseObject({ channel: lax(z.union([z.string(), z.number()])) }));

export const auditSchema = z.looseObject({
  id,
  author_id: lax(id),
  created_at: time,
  via,
  events: z.array(
    z.looseObject({
      id: lax(id),
      type: lax(z.string()),
      field_name: lax(z.union([z.string(), z.number()])),
      value: z.unknown().optional(),
      via,
    }),
  ),
});
export type Audit = z.output<typeof auditSchema>;

export const auditsAnswer = z.looseObject({
  audits: z.array(auditSchema),
  next_page: z.string().nullish(),
});

/** A ticket's update: its answer tells the note's id among the events of the audit. */
export const updateAnswer = z.looseObject({
  audit: z
    .looseObject({ events: z.array(z.looseObject({ id: id.nullish(), type: z.string().nullish() })) })
    .nullish(),
});

export const eventsAnswer = z.looseObject({
  ticket_events: z.array(
    z.looseObject({
      ticket_id: id,
      child_events: z
        .array(
          z.looseObject({
            id: id.nullish(),
            event_type: z.string().nullish(),
            author_id: id.nullish(),
            public: z.boolean().nullish(),
            created_at: time.nullish(),
          }),
        )
        .nullish(),
    }),
  ),
  end_of_stream: z.boolean().nullish(),
  end_time: z.number().nullish(),
});

export const suspendedAnswer = z.looseObject({
  suspended_tickets: z.array(
    z.looseObject({
      id,
      subject: z.string().nullish(),
      content: z.string().nullish(),
      cause: z.string().nullish(),
      author: z.looseObject({ name: z.string().nullish(), email: z.string().nullish() }).nullish(),
      created_at: time,
    }),
  ),
  next_page: z.string().nullish(),
});
export type Suspended = z.output<typeof suspendedAnswer>["suspended_tickets"][number];

/** The body of an event webhook: a hint of which ticket to read. */
export const hintSchema = z.looseObject({
  type: z.string().min(1),
  detail: z.looseObject({ id: z.union([z.string().regex(/^\d{1,18}$/), z.int()]).optional() }),
});
