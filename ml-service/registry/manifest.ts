/** What is known of a version of a company's model, beside its bytes. */
import { valid } from "semver";
import { z } from "zod";

/** A company's id, as in the config. */
export const companySchema = z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/);

/** The time of publishing in UTC and four random digits: versions of a company sort by their age. */
export const versionSchema = z.string().regex(/^\d{8}-\d{6}-[0-9a-f]{4}$/);

const byHead = <T extends z.ZodType>(value: T) => z.record(z.string(), value);

/** What a training says of its model. */
const trainedSchema = z.object({
  /** The version that it was trained from, or null. */
  parent: versionSchema.nullable(),
  reason: z.enum(["nightly", "correction", "labels", "manual"]),
  /** A digest of the texts and labels that it learnt from. */
  dataHash: z.string().min(1),
  /** Of the code that trained it. */
  codeVersion: z.string().min(1),
  /** The oldest core that can load it, as a semantic version. */
  leastCore: z.string().refine((text) => valid(text) !== null, "expected a version such as 1.2.3"),
  heads: z.array(z.string().min(1)).min(1),
  /** Label and description, by head. */
  labels: byHead(z.record(z.string(), z.string())),
  /** Figures by their names, by head. */
  metrics: byHead(z.record(z.string(), z.number())),
  calibration: byHead(z.object({ temperature: z.number().positive(), threshold: z.number().min(0).max(2) })),
  /** How many examples it learnt from. */
  examples: z.int().min(0),
});

export const manifestSchema = trainedSchema
  .extend({
    version: versionSchema,
    company: companySchema,
    createdAt: z.iso.datetime(),
    /** Of the bytes. */
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    size: z.int().min(0),
  })
  .refine(
    ({ heads, labels, calibration }) => heads.every((head) => labels[head] && calibration[head]),
    "expected labels and a calibration for every head",
  );

/** What `publish` is told; the rest of the manifest it finds out itself. */
export type TrainedManifest = z.output<typeof trainedSchema>;
export type Manifest = z.output<typeof manifestSchema>;

const stampOf = (at: number) =>
  new Date(at).toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");

/** When a version was published, in milliseconds since 1970, to the second. */
export function timeOf(version: string): number {
  const [, year, month, day, hours, minutes, seconds] =
    /^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)/.exec(version) ?? [];
  return Date.parse(`${year}-${month}-${day}T${hours}:${minutes}:${seconds}Z`);
}

/**
 * A new version's id. It sorts behind the newest one even where that was made by a clock that is ahead.
 * @param random four hexadecimal digits
 */
export function nextVersion(now: Date, newest: string | undefined, random: string): string {
  const at = newest === undefined ? now.getTime() : Math.max(now.getTime(), timeOf(newest) + 1_000);
  return `${stampOf(at)}-${random}`;
}
