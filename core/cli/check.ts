/** deskwire check: all mistakes of the configuration at once, and faults of articles; with --live, the connections too. */
import { formatMistake } from "../../config/mistakes.ts";
import type { LoadedConfig } from "../../config/types.ts";
import { describeError } from "../../plugins/contract/errors.ts";
import { checkLive } from "../hosting/check-live.ts";
import { createLog, type LogFor, onOneLine } from "../lib/log.ts";
import { loadKnowledge } from "../llm/knowledge.ts";
import { projectConfig } from "./project.ts";
import { openRunningDatabase } from "./running-database.ts";

/** Connectors that are looked at side by side. */
const atOnce = 8;
/** Milliseconds that what a connector has left open may keep the process alive. */
const lingerMs = 2_000;

/** Opens each connector and has it look. @returns how many failed */
async function checkConnections(config: LoadedConfig): Promise<number> {
  const logFor: LogFor = (part) => createLog(config.hub.log, part);
  const db = await openRunningDatabase(config, logFor("check"));
  const waiting = [...config.companies.values()].flatMap((company) =>
    [...company.connectors.values()].map((connector) => ({ company, connector })),
  );
  let failed = 0;
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { company, connector } = next;
      const { ok, detail } = await checkLive({ db, logFor }, company, connector);
      if (!ok) failed++;
      const said = ok ? `ok${detail ? ` (${detail})` : ""}` : `FAILED: ${detail ?? "it does not say why"}`;
      process.stdout.write(`${company.id}/${connector.instance}: ${onOneLine(said)}\n`);
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, worker));
  } finally {
    await db?.close();
  }
  setTimeout(() => process.exit(), lingerMs).unref();
  return failed;
}

/** Whether this node would meet the others. @returns how many failed */
async function checkMeeting({ hub }: LoadedConfig): Promise<number> {
  const { url, ...rest } = hub.nats;
  if (url === undefined) return 0;
  const { checkNats } = await import("../queue/nats-connection.ts");
  try {
    await checkNats({ url, ...rest, name: "deskwire check" });
    process.stdout.write("nats: ok\n");
    return 0;
  } catch (error) {
    process.stdout.write(`nats: FAILED: ${onOneLine(describeError(error))}\n`);
    return 1;
  }
}

/**
 * @param live whether to sign in to what each connector connects to
 * @returns the exit code: 1 where a connection failed
 * @throws ConfigError with all mistakes
 */
export async function check(project: string, live = false): Promise<number> {
  const config = await projectConfig(project, false).load();
  const { companies, warnings, stateDir, roles, hub } = config;
  for (const warning of warnings) process.stderr.write(`warning: ${formatMistake(warning)}\n`);
  for (const company of companies.values()) {
    const { articles, macros, problems } = await loadKnowledge(company);
    for (const { file, line, message } of problems) {
      process.stderr.write(`warning: ${company.id}: ${file}${line ? `:${line}` : ""}: ${message}\n`);
    }
    const list = [...company.connectors.keys()].join(", ") || "no connectors";
    const known = `${articles.length} articles, ${macros.length} macros`;
    process.stdout.write(`${company.id} (${company.name}): ${list}; ${known}\n`);
  }
  const others = hub.nats.url ? "with other nodes, over NATS" : "alone";
  process.stdout.write(`this node does ${roles.join(", ")}, ${others}\n`);
  process.stdout.write(`data and generated secrets: ${stateDir}\nthe configuration is valid\n`);
  return live && (await checkMeeting(config)) + (await checkConnections(config)) > 0 ? 1 : 0;
}
