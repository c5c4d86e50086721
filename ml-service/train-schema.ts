/** The `classifier.train` action, and the lessons that it learns from. */
import { z } from "zod";
import { classifierSettingsSchema } from "./classify-schema.ts";

/** One line of a data set: a message, and what a person called it. */
export const lessonSchema = z.object({
  /** The correction's id: lessons of the same id are one. */
  id: z.string(),
  /** Lessons of one ticket are never parted between learning and judging. */
  ticket: z.string(),
  subject: z.string().nullable(),
  text: z.string(),
  /** Label by head; a head that is not named here learns nothing from this lesson. */
  labels: z.record(z.string(), z.string()),
  /** When the person chose, ISO 8601. */
  at: z.string(),
});

export const trainRequestSchema = z.object({
  company: z.string(),
  /** Key of the data set in the object store: JSON lines of lessons, oldest first. */
  dataset: z.string(),
  settings: classifierSettingsSchema,
  /** `correction` learns on from the model in force, within seconds; the others learn all anew. */
  reason: z.enum(["nightly", "correction", "labels", "manual"]),
});

export const trainResponseSchema = z.object({
  /** `kept`: the new model is not better, the old one goes on serving. `too-few`: there is not enough to learn from. */
  outcome: z.enum(["promoted", "kept", "too-few"]),
  /** The new version, or null where none was made. */
  version: z.string().nullable(),
  /** In words, for the log and the command line. */
  message: z.string(),
  /** How many lessons were used, and how many were left out since their labels are not in the config. */
  lessons: z.int(),
  leftOut: z.int(),
});

export type Lesson = z.output<typeof lessonSchema>;
export type TrainRequest = z.input<typeof trainRequestSchema>;
export type TrainResponse = z.output<typeof trainResponseSchema>;
