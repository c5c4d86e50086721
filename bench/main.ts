/** npm run bench -- <suite> [options] [--json FILE]: prints a table, and writes the figures to a file. */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { z } from "zod";
import { benchEncoder } from "./encoder.ts";
import { benchFaults } from "./faults.ts";
import type { Figure } from "./figures.ts";
import { benchJob, parts } from "./job.ts";
import { benchMail } from "./mail.ts";

const usage = `usage: npm run bench -- <suite> [--json FILE]
  job  [--only one,four,history,recovery] [--messages N] [--history N]   the whole job, and the database's ceiling
  faults [--messages N]                                                  four nodes while every part fails in turn
  mail                                                                   from a mailbox to its Drafts folder
  encoder                                                                a text encoder on the processor, of random weights
`;

const optionsSchema = z.object({
  json: z.string().optional(),
  only: z
    .string()
    .transform((list) => list.split(","))
    .pipe(z.array(z.enum(parts)))
    .optional(),
  messages: z.coerce.number().int().min(32).optional(),
  history: z.coerce.number().int().min(0).optional(),
});
type Options = z.output<typeof optionsSchema>;

const suites: Record<string, (options: Options) => Promise<Figure[]>> = {
  encoder: benchEncoder,
  faults: benchFaults,
  job: benchJob,
  mail: benchMail,
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
      },
    });
    const [name = ""] = positionals;
    const suite = suites[name];
    return suite && { name, suite, options: optionsSchema.parse(values) };
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
const figures = await asked.suite(asked.options);
process.stdout.write(`${asked.name}, on ${cpus().length} × ${cpus()[0]?.model ?? "an unknown processor"}\n`);
console.table(figures.map(({ value, ...rest }) => ({ ...rest, value: Number(value.toPrecision(3)) })));
if (asked.options.json) writeFileSync(asked.options.json, `${JSON.stringify(figures, null, 2)}\n`);
