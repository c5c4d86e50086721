/** What may stand under `classifier:` in a company's file. */
import { z } from "zod";

/** The rules that come with the classifier; `ml-service/priority-rules.yaml` says when they fire. */
export const builtInRules = [
  "outage",
  "security",
  "payment-failed",
  "legal",
  "deadline",
  "sla",
  "said-urgent",
  "vip",
] as const;

const phrase = z
  .string()
  .max(200)
  .refine((text) => /[\p{L}\p{N}]/u.test(text), { error: "expected a phrase with a word in it" })
  .refine((text) => (text.match(/(?<!\S)\*(?!\S)/g) ?? []).length <= 3, {
    error: "expected three lone stars at most",
  });

const change = z.strictObject({
  raisesTo: z.enum(["normal", "high", "urgent"]).optional(),
  phrases: z.array(phrase).min(1).max(500).optional(),
});

const rule = z
  .union([z.literal("off"), change])
  .describe(
    "`off`, or `raisesTo` (normal, high or urgent; default: the built-in rule's own, or high) and `phrases`, beside those of a built-in rule, in any language. Capitals and punctuation do not count; `*` at the end of a word is any ending, by itself one word or none, `#` a number (in quotes, for YAML).",
  );

const vip = z.string().refine((text) => z.email().safeParse(text.replace(/^@/, "someone@")).success, {
  error: "expected an e-mail address, or a domain such as @example.com",
});

const rules = z
  .record(z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/), rule)
  .superRefine((entries, context) => {
    const known: readonly string[] = builtInRules;
    for (const [name, entry] of Object.entries(entries)) {
      if (known.includes(name) || (entry !== "off" && entry.phrases)) continue;
      const message = `there is no built-in rule of this name (there are ${known.join(", ")}); one of your own needs phrases`;
      context.addIssue({ code: "custom", path: [name], message });
    }
  });

const label = z
  .string()
  .max(100)
  .regex(/^\S(.*\S)?$/u, { error: "expected a label without spaces around it" });

const ownLabels = (standard: string) =>
  z
    .record(label, z.string().min(10).max(500).describe("What belongs there."))
    .refine((entries) => Object.keys(entries).length >= 2, { error: "expected two labels at least" })
    .refine((entries) => Object.keys(entries).length <= 200, { error: "expected 200 labels at most" })
    .refine((entries) => !Object.hasOwn(entries, "unsure"), {
      error: "expected no label of the name unsure: it is what an LLM answers where none fits",
    })
    .optional()
    .describe(
      `By label, a sentence that says what belongs there: until agents' corrections teach the classifier, it goes by these. Default: ${standard}.`,
    );

const risk = (head: string) =>
  z
    .number()
    .min(0.005)
    .max(0.5)
    .default(0.05)
    .describe(`The largest share of wrong ones among ${head} that are applied.`);

export const classifierSchema = z.strictObject({
  labels: z
    .strictObject({
      type: ownLabels("question, incident, problem, request, complaint"),
      department: ownLabels("a dozen departments, such as billing, shipping and technical"),
    })
    .prefault({})
    .describe("Your own labels, in place of the default ones."),
  risk: z
    .strictObject({ type: risk("types"), priority: risk("priorities"), department: risk("departments") })
    .prefault({})
    .describe(
      "What the classifier promises of the labels it gives by itself, once it has learnt from your corrections: where it cannot keep that, it abstains and says so.",
    ),
  llm: z
    .boolean()
    .default(false)
    .describe(
      "Ask the drafter's LLM for labels where the classifier abstains. It may only choose among your labels.",
    ),
  rules: rules
    .default({})
    .describe(
      `By name: changes of the built-in priority rules (${builtInRules.join(", ")}), and rules of your own.`,
    ),
  vip: z
    .array(vip)
    .max(5_000)
    .default([])
    .describe("Requesters whose messages the rule vip raises: addresses, or domains such as @example.com."),
});

export type ClassifierConfig = z.output<typeof classifierSchema>;
