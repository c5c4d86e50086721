/** The command line: deskwire start | check | plan | backfill | ledger | models | replay | train | export | evaluate-model | new-connector. */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ConfigError } from "../../config/mistakes.ts";
import { describeError, isConnectorError, kindOf } from "../../plugins/contract/errors.ts";

const usage = `deskwire start                        run the hub
deskwire check [--live]               look for mistakes in the configuration, start nothing;
                                      with --live sign in to what each connector connects to
deskwire plan COMPANY/CONNECTOR [--days 7] [--last 5] [--full]
                                      show what a connector would bring in, with labels, drafts and costs,
                                      before it is enabled; write nothing
deskwire backfill COMPANY/CONNECTOR [--since DATE|30d|12w] [--from FILE_OR_FOLDER] [--draft]
                                      read old messages into the history; with --draft they get drafts
deskwire ledger [COMPANY[/CONNECTOR]]   compare what sources hold with what is stored, fetch what was missed
deskwire models COMPANY [--promote VERSION | --canary VERSION [--share 0.1] | --end-canary | --rollback]
                                      list a company's own models with their figures; put one in force, try one on
                                      a share of the tickets, or go back to the one before
deskwire replay [--company ID] [--all] [MESSAGE …]
                                      bring dead letters back to the stage where they died
deskwire replay --quarantine [--list] [--company ID] [ITEM …]
                                      read once more what could not be read, or list it
deskwire train COMPANY [--full]       have the classifier learn from the company's corrections now; with --full all anew
deskwire train --default [--data FOLDER] [--out FILE]
                                      train the model that comes with the code
deskwire export COMPANY --lessons [--out FILE]
                                      what the classifier learns from, as JSON lines: messages with agents' labels
deskwire evaluate-model --data FILE.csv|FILE.jsonl [--model FILE] [--company ID] [--out FOLDER] [--curve]
deskwire evaluate-model --company ID  how good the classifier is on labelled messages of your own: columns text
                                      (or subject and text), any of type, priority, department, and language; without
                                      --data on the tickets that the company's agents corrected;
                                      with --out as a page with plots, with --curve how much more labels help
deskwire new-connector NAME [--into FOLDER]
                                      write a connector of your own to start from, with tests that pass

Options:
  --project DIR   the folder that holds config/ (default: where Deskwire lies)
  --help          this page
`;

/** Exit codes: 0 done, 1 failed, 2 wrong usage or configuration. */
async function main(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      project: { type: "string" },
      company: { type: "string" },
      all: { type: "boolean", default: false },
      live: { type: "boolean", default: false },
      since: { type: "string" },
      from: { type: "string" },
      draft: { type: "boolean", default: false },
      days: { type: "string" },
      last: { type: "string" },
      full: { type: "boolean", default: false },
      quarantine: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      promote: { type: "string" },
      canary: { type: "string" },
      share: { type: "string" },
      rollback: { type: "boolean", default: false },
      "end-canary": { type: "boolean", default: false },
      default: { type: "boolean", default: false },
      lessons: { type: "boolean", default: false },
      into: { type: "string" },
      data: { type: "string" },
      model: { type: "string" },
      out: { type: "string" },
      curve: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const [command, ...rest] = positionals;
  if (values.help || !command) {
    process.stdout.write(usage);
    return values.help ? 0 : 2;
  }
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const project = values.project ?? root;
  if (command === "new-connector") {
    const where = { into: values.into, cwd: process.cwd(), root };
    return (await import("./new-connector.ts")).newConnector({ name: rest[0], ...where });
  }
  if (command === "evaluate-model") {
    const { data, model, company, out, curve } = values;
    const options = { data, model, company, out, curve, cwd: process.cwd(), root, project };
    return (await import("./evaluate-model.ts")).evaluateModel(options);
  }
  if (command === "start") return (await import("./start.ts")).start(project);
  if (command === "check") return (await import("./check.ts")).check(project, values.live);
  if (command === "plan") {
    const { days, last, full } = values;
    // COMPANY CONNECTOR is understood as well.
    const target = rest.length > 0 ? rest.join("/") : undefined;
    return (await import("./plan.ts")).plan(project, { target, days, last, full });
  }
  if (command === "backfill") {
    const { since, from, draft } = values;
    return (await import("./backfill.ts")).backfill(project, { target: rest[0], since, from, draft });
  }
  if (command === "ledger") return (await import("./ledger.ts")).ledger(project, rest[0]);
  if (command === "models") {
    const { promote, canary, share, rollback, "end-canary": endCanary } = values;
    const options = { company: rest[0], promote, canary, share, rollback, endCanary };
    return (await import("./models.ts")).models(project, options);
  }
  if (command === "train") {
    const { data, out, full } = values;
    if (!values.default) return (await import("./train.ts")).train(project, { company: rest[0], full });
    (await import("../../ml-service/train/train-default.ts")).trainDefault({ data, out });
    return 0;
  }
  if (command === "export") {
    const options = { company: rest[0], lessons: values.lessons, out: values.out, cwd: process.cwd() };
    return (await import("./export.ts")).exportLessons(project, options);
  }
  if (command === "replay") {
    const { company = null, all, list } = values;
    if (values.quarantine)
      return (await import("./quarantine.ts")).quarantine(project, { company, list, ids: rest });
    return (await import("./replay.ts")).replay(project, { company, all, ids: rest });
  }
  process.stderr.write(`there is no command "${command}"\n\n${usage}`);
  return 2;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const usageError = (error as { code?: unknown }).code?.toString().startsWith("ERR_PARSE_ARGS");
  const expected = usageError || error instanceof ConfigError || isConnectorError(error);
  process.stderr.write(`${expected ? describeError(error) : (error as Error).stack}\n`);
  process.exitCode =
    usageError || error instanceof ConfigError || (expected && kindOf(error) === "config") ? 2 : 1;
}
