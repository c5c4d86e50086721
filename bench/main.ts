/** npm run bench -- <suite> [options] [--json FILE]: prints a table, and writes the figures to a file. */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { z } from "zod";
import { judgedParts } from "./classifier/sets.ts";
import { benchClassifier, classifierParts } from "./classifier.ts";
import { benchEncoder } from "./encoder.ts";
import { benchFaults } from "./faults.ts";
import type { Figure } from "./figures.ts";
import { benchJob, parts as jobParts } from "./job.ts";
import { benchMail } from "./mail.ts";

const usage = `usage: npm run bench -- <suite> [--json FILE]
  job  [--only one,four,history,recovery] [--messages N] [--history N]   the whole job, and the database's ceiling
  faults [--messages N]                                                  four nodes while every part fails in turn
  mail                                                                   from a mailbox to its Drafts folder
  classifier [--only speed,splits,few,corrections,shipped,ablation] [--data FOLDER] [--part val]
                                                                         how good and how fast the classifier is
  encoder                                                                a text encoder on the processor, of random weights
`;

const optionsSchema = z.object({
  json: z.string().optional(),
  messages: z.coerce.number().int().min(32).optional(),
  history: z.coerce.number().int().min(0).optional(),
  data: z.string().optional(),
  part: z.enum(judgedParts).optional(),
});
type Options = z.output<typeof optionsSchema>;

/** @param parts what may be asked for by `--only` */
function suite<P extends string = never>(
  run: (options: Options & { only: P[] | undefined }) => Promise<Figure[]>,
  parts: readonly P[] = [],
) {
  const known =
    parts.length > 0 ? `name some of ${parts.join(", ")}` : "this suite has no parts: leave --only out";
  const only = z
    .string()
    .transform((list) => list.split(","))
    .pipe(z.array(z.enum(parts, known)))
    .optional();
  const schema = optionsSchema.extend({ only });
  return (values: unknown) => {
    const options = schema.parse(values);
    return { json: options.json, start: () => run({ ...options, only: options.only }) };
  };
}

const suites: Record<string, ReturnType<typeof suite>> = {
  classifier: suite(benchClassifier, classifierParts),
  encoder: suite(benchEncoder),
  faults: suite(benchFaults),
  job: suite(benchJob, jobParts),
  mail: suite(benchMail),
};

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        json: { type: "string" },
        only: { type: "string" },
        messages: { type: "string" },
        history: { type: "string" },
        data: { type: "string" },
        part: { type: "string" },
      },
    });
    const [name = ""] = positionals;
    const chosen = suites[name]?.(values);
    return chosen && { name, ...chosen };
  } catch (error) {
    process.stderr.write(`${error instanceof z.ZodError ? z.prettifyError(error) : String(error)}\n`);
    return undefined;
  }
}

const asked = readArguments();
if (!asked) {
  process.stderr.write(usage);
  process.exit(2);
}
const figures = await asked.start();
process.stdout.write(`${asked.name}, on ${cpus().length} × ${cpus()[0]?.model ?? "an unknown processor"}\n`);
console.table(figures.map(({ value, ...rest }) => ({ ...rest, value: Number(value.toPrecision(3)) })));
if (asked.json) writeFileSync(asked.json, `${JSON.stringify(figures, null, 2)}\n`);
