/** Zendesk's answers, as far as they are read. Fields beyond these may come and go. */
import { z } from "zod";

const id = z.int();
const time = z.iso.datetime({ offset: true });

/** What is of another form than it is documented counts as absent: one odd item must not hold up all the others. */
const lax = <T extends z.ZodType>(schema: T) => schema.nullish().catch(null);
/** Items of a list, those left out that cannot even be named. */
const listOf = <T extends z.ZodType>(item: T) =>
  z
    .array(item.nullable().catch(null))
    .transform((items) => items.filter((one) => one !== null) as Array<z.output<T>>);

export const ticketSchema = z.looseObject({
  id,
  subject: lax(z.string()),
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
  name: lax(z.string()),
  email: lax(z.string()),
  role: lax(z.string()),
  /** An agent of another account, with which tickets are shared. */
  shared_agent: lax(z.boolean()),
});
export type User = z.output<typeof userSchema>;

const via = lax(z.looseObject({ channel: lax(z.union([z.string(), z.number()])) }));

const attachmentSchema = z.looseObject({
  id: lax(id),
  file_name: lax(z.string()),
  content_url: lax(z.string()),
  content_type: lax(z.string()),
  size: lax(z.number()),
  inline: lax(z.boolean()),
  deleted: lax(z.boolean()),
  malware_scan_result: lax(z.string()),
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
  attachments: listOf(attachmentSchema).nullish(),
  via,
  metadata: lax(z.looseObject({ flags: lax(z.array(z.unknown())) })),
});
export type Comment = z.output<typeof commentSchema>;

/** What tells whose word a comment is, though it may lack all else. */
export const spokenSchema = commentSchema.pick({ author_id: true, public: true, via: true, metadata: true });

/** What a comment must have for the page to go on, whatever else it lacks. */
export const rawCommentSchema = z.looseObject({ id, created_at: z.string().catch("") });
export type RawComment = z.output<typeof rawCommentSchema>;

export const ticketAnswer = z.looseObject({ ticket: ticketSchema });
export const userAnswer = z.looseObject({ user: userSchema });
export const usersAnswer = z.looseObject({ users: listOf(userSchema) });
export const tokenAnswer = z.looseObject({ token: z.looseObject({ scopes: z.array(z.string()).nullish() }) });
export const uploadAnswer = z.looseObject({ upload: z.looseObject({ token: z.string().min(1) }) });

export const commentsAnswer = z.looseObject({
  comments: listOf(rawCommentSchema),
  users: listOf(userSchema).nullish(),
  next_page: z.string().nullish(),
});

const exportedSchema = z.looseObject({
  id,
  status: lax(z.string()),
  subject: lax(z.string()),
  requester_id: lax(id),
  /** Seconds since 1970: moves with whatever becomes of the ticket. */
  generated_timestamp: lax(z.number()),
});
export type Exported = z.output<typeof exportedSchema>;

export const exportAnswer = z.looseObject({
  tickets: listOf(exportedSchema),
  after_cursor: z.string().nullish(),
  end_of_stream: z.boolean(),
});

/** One that cannot be read has no type. */
const auditEventSchema = z.looseObject({
  id: lax(id),
  type: lax(z.string()),
  field_name: lax(z.union([z.string(), z.number()])),
  value: z.unknown().optional(),
  via,
});

const auditSchema = z.looseObject({
  id,
  author_id: lax(id),
  created_at: time,
  via,
  events: z.array(auditEventSchema.catch({})),
});
export type Audit = z.output<typeof auditSchema>;

export const auditsAnswer = z.looseObject({
  /** Null: cannot be read. */
  audits: z.array(auditSchema.nullable().catch(null)),
  next_page: z.string().nullish(),
});

/** A ticket's update: its answer tells the note's id among the events of the audit. */
export const updateAnswer = z.looseObject({
  audit: z.looseObject({ events: listOf(z.looseObject({ id: lax(id), type: lax(z.string()) })) }).nullish(),
});

export const eventsAnswer = z.looseObject({
  ticket_events: listOf(
    z.looseObject({
      ticket_id: id,
      timestamp: lax(z.number()),
      child_events: lax(
        listOf(
          z.looseObject({
            id: lax(id),
            event_type: lax(z.string()),
            author_id: lax(id),
            public: lax(z.boolean()),
            created_at: lax(time),
            via,
          }),
        ),
      ),
    }),
  ),
  end_of_stream: z.boolean().nullish(),
  end_time: z.number().nullish(),
});

export const suspendedSchema = z.looseObject({
  id,
  subject: lax(z.string()),
  content: lax(z.string()),
  cause: lax(z.string()),
  author: lax(z.looseObject({ name: lax(z.string()), email: lax(z.string()) })),
  created_at: lax(time),
});
export type Suspended = z.output<typeof suspendedSchema>;

export const suspendedAnswer = z.looseObject({
  suspended_tickets: listOf(suspendedSchema),
  next_page: z.string().nullish(),
});

/** The body of an event webhook: a hint of which ticket to read. */
export const hintSchema = z.looseObject({
  type: z.string().min(1),
  detail: z.looseObject({ id: z.union([z.string().regex(/^\d{1,18}$/), z.int()]).optional() }),
});

export const deletedAnswer = z.looseObject({
  deleted_tickets: listOf(z.looseObject({ id, deleted_at: time })),
  next_page: z.string().nullish(),
});
