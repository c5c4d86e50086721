/** The parts of HubSpot's answers that the connector reads; whatever else they hold is passed over. */
import { z } from "zod";

/** Ids come as strings, and as numbers in webhooks. */
export const idSchema = z.union([z.string().min(1), z.number()]).transform(String);

const time = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
const next = z.looseObject({ next: z.looseObject({ after: z.string() }).nullish() }).nullish();

/** A page of a list: items are read one by one, so that a broken one does not take the others with it. */
export const pageSchema = z.looseObject({ results: z.array(z.unknown()), paging: next });

const historySchema = z.record(
  z.string(),
  z.array(
    z.looseObject({
      value: z.string().nullish(),
      timestamp: time,
      sourceType: z.string().default(""),
      sourceId: z.string().nullish(),
      updatedByUserId: z.number().nullish(),
    }),
  ),
);

/** A ticket, contact or note. */
export const objectSchema = z.looseObject({
  id: idSchema,
  properties: z.record(z.string(), z.string().nullish()),
  propertiesWithHistory: historySchema.nullish(),
  associations: z
    .record(z.string(), z.looseObject({ results: z.array(z.looseObject({ id: idSchema })), paging: next }))
    .nullish(),
  createdAt: time,
  updatedAt: time,
});
export type CrmObject = z.output<typeof objectSchema>;
export type History = z.output<typeof historySchema>;
export type HistoryEntry = History[string][number];

export const batchSchema = z.looseObject({ results: z.array(z.unknown()) });

/** So much of a ticket as tells that it has changed: whether the rest can be read shows when it is read. */
const foundSchema = z.looseObject({
  id: idSchema,
  properties: z.record(z.string(), z.unknown()).default({}),
});
export type FoundObject = z.output<typeof foundSchema>;

export const searchSchema = z.looseObject({ results: z.array(foundSchema), paging: next });

export const associationsSchema = z.looseObject({
  results: z.array(z.looseObject({ to: z.array(z.looseObject({ toObjectId: idSchema })), paging: next })),
});

export const threadSchema = z.looseObject({
  id: idSchema,
  spam: z.boolean().default(false),
  archived: z.boolean().default(false),
  /** The beginning of time where it cannot be read: the thread's messages are worth more. */
  createdAt: time.catch(() => new Date(0)),
  threadAssociations: z.looseObject({ associatedTicketId: idSchema.nullish() }).nullish(),
});
export type Thread = z.output<typeof threadSchema>;

export const threadPageSchema = z.looseObject({ results: z.array(threadSchema), paging: next });

/** So much of an entry of a thread as tells what it is. */
export const entrySchema = z.looseObject({
  id: idSchema,
  type: z.string(),
  archived: z.boolean().nullish(),
});

const personSchema = z.looseObject({
  actorId: z.string().nullish(),
  name: z.string().nullish(),
  deliveryIdentifier: z.looseObject({ type: z.string(), value: z.string() }).nullish(),
});
export type Actor = z.output<typeof personSchema>;

export const messageSchema = z.looseObject({
  id: idSchema,
  direction: z.string(),
  createdAt: time,
  createdBy: z.string().nullish(),
  senders: z.array(personSchema).default([]),
  subject: z.string().nullish(),
  text: z.string().nullish(),
  richText: z.string().nullish(),
  truncationStatus: z.string().default("NOT_TRUNCATED"),
  status: z.looseObject({ statusType: z.string() }).nullish(),
  attachments: z
    .array(
      z.looseObject({
        type: z.string().nullish(),
        fileId: idSchema.nullish(),
        name: z.string().nullish(),
        url: z.string().nullish(),
      }),
    )
    .nullish(),
});
export type Message = z.output<typeof messageSchema>;

export const contentSchema = z.looseObject({ text: z.string().nullish(), richText: z.string().nullish() });

export const actorSchema = z.looseObject({ name: z.string().nullish(), email: z.string().nullish() });

export const pipelinesSchema = z.looseObject({
  results: z.array(
    z.looseObject({
      id: idSchema,
      label: z.string().default(""),
      stages: z.array(
        z.looseObject({
          id: idSchema,
          metadata: z.record(z.string(), z.unknown()).default({}),
        }),
      ),
    }),
  ),
});
export type Pipelines = z.output<typeof pipelinesSchema>["results"];

export const propertySchema = z.looseObject({
  name: z.string(),
  options: z.array(z.looseObject({ value: z.string() })).default([]),
});

/** An event of a webhook: no more than a hint of where to look. */
const hintSchema = z.looseObject({
  subscriptionType: z.string(),
  objectTypeId: z.string().nullish(),
  objectId: idSchema.nullish(),
});
export type Hint = z.output<typeof hintSchema>;

/** An odd one is null: it must not take the others with it. */
export const hintsSchema = z.array(hintSchema.nullable().catch(null)).max(1_000);
