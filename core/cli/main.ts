#!/usr/bin/env node
/** The command line: deskwire start | check | replay. */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ConfigError } from "../../config/mistakes.ts";
import { describeError, isConnectorError, kindOf } from "../../plugins/contract/errors.ts";

const usage = `deskwire start                        run the hub
deskwire check                        look for mistakes in the configuration, start nothing
deskwire replay [--company ID] [--all] [MESSAGE …]
                                      bring dead letters back to the stage where they died

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
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const [command, ...rest] = positionals;
  if (values.help || !command) {
    process.stdout.write(usage);
    return values.help ? 0 : 2;
  }
  const project = values.project ?? fileURLToPath(new URL("../..", import.meta.url));
  if (command === "start") return (await import("./start.ts")).start(project);
  if (command === "check") return (await import("./check.ts")).check(project);
  if (command === "replay") {
    const { company = null, all } = values;
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
