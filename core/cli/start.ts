/** deskwire start: runs a node until it is told to stop. */
import { setTimeout as sleep } from "node:timers/promises";
import { formatMistake } from "../../config/mistakes.ts";
import type { Company, LoadedConfig } from "../../config/types.ts";
import { watchConfig } from "../../config/watch.ts";
import { type Node, startNode } from "../../moleculer.config.ts";
import type { Log } from "../../plugins/contract/connector.ts";
import { describeError } from "../../plugins/contract/errors.ts";
import { giveBackMemory } from "../lib/give-back-memory.ts";
import { version } from "../lib/version.ts";
import { audit } from "../store/audit.ts";
import { type ProjectConfig, projectConfig } from "./project.ts";

/** Milliseconds after which a start has settled: what it needed is needed no more. */
const settledMs = 1_000;
/** Milliseconds after which a stop that hangs is cut short. */
const stopMs = 14_500;
/** Milliseconds that a stop waits for a change of the config that is being taken up. */
const lastLookMs = 500;
/** Milliseconds that the process may live after its stop. */
const lingerMs = 300;

/** The address that a person can open: 0.0.0.0 is none. */
function shownAddress(config: LoadedConfig, node: Node): string | null {
  if (!node.address) return null;
  if (config.hub.http.publicUrl) return config.hub.http.publicUrl;
  const { address, port } = node.address;
  const host = ["0.0.0.0", "::", "127.0.0.1"].includes(address) ? "localhost" : address;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** What a person needs to go on: one address, and the demo company's key. */
function greet(config: LoadedConfig, node: Node, readyMs: number): void {
  const url = shownAddress(config, node);
  const lines = [
    `Deskwire ${version} is ready after ${(readyMs / 1000).toFixed(1)} s (${config.roles.join(", ")}).`,
  ];
  const demo = config.roles.includes("api")
    ? [...config.companies.values()].find((company: Company) => company.demo)
    : undefined;
  const key = demo?.keys[0]?.secret.reveal();
  if (url && demo && key)
    lines.push("", `  Open   ${url}/#key=${key}`, `  Key    ${key}   (company "${demo.id}")`);
  else if (url && config.roles.includes("api")) lines.push("", `  API    ${url}/v1`);
  else if (url) lines.push("", `  Health ${url}/health`);
  lines.push(`  Data   ${config.stateDir}`);
  if (config.hub.nats.url) lines.push(`  Node   ${node.name}`);
  process.stdout.write(`\n${lines.join("\n")}\n\n  Ctrl-C stops everything.\n\n`);
}

/** What is allowed but seldom meant. */
function warn(config: LoadedConfig, log: Log): void {
  for (const { file, line, field, message } of config.warnings)
    log.warn(message, { file: `${file}:${line}`, field });
  const { host, publicUrl } = config.hub.http;
  const open = publicUrl !== undefined || !["127.0.0.1", "::1", "localhost"].includes(host);
  const demo = [...config.companies.values()].find((company) => company.demo);
  if (open && demo)
    log.warn(`the demo of "${demo.id}" is open to others: remove \`demo: true\` from its file`);
}

/** Follows the config files until the signal aborts; what happens is logged and written to the audit log. */
function follow(
  project: ProjectConfig,
  current: LoadedConfig,
  node: Node,
  signal: AbortSignal,
): Promise<void> {
  const log = node.logFor("config");
  const note = async (
    company: string | null,
    action: "config.changed" | "config.refused",
    detail: object,
  ) => {
    if (!node.db) return;
    // Each node takes up its own files, and says so.
    const told = { ...detail, node: node.name };
    try {
      await audit(node.db, [{ company, actor: "operator", action, subject: company, detail: told }]);
    } catch (error) {
      log.error("a change of the config could not be written down", { error: describeError(error) });
    }
  };
  return watchConfig({
    load: () => project.load(current.stateDir),
    current,
    signal,
    async onChange(id, company) {
      node.directory.replace(id, company);
      log.info(company ? "a company's config was taken up" : "a company was removed", { company: id });
      await note(id, "config.changed", { removed: company === null });
    },
    onRefused(error) {
      const mistakes = error.mistakes.map(formatMistake);
      log.error("changes were refused; what was in force before stays so");
      for (const mistake of mistakes) log.error(mistake);
      void note(null, "config.refused", { mistakes });
    },
    onRestartNeeded: () => log.warn("hub.yaml has changed: restart to take it up"),
    onError: (error) => log.error("looking at the config failed", { error: describeError(error) }),
  });
}

/** Resolves with the first signal that asks to stop; a second one ends the process at once. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => {
        if (asked && signal !== "SIGHUP") process.exit(1);
        asked = true;
        resolve(signal);
      });
    }
  });
}

/** @throws ConfigError, or a ConnectorError that says what this machine lacks */
export async function start(projectDir: string): Promise<number> {
  const startedAt = performance.now() - process.uptime() * 1000;
  const stop = stopSignal();
  const project = projectConfig(projectDir, true);
  const config = await project.load();
  const node = await startNode(config);
  const log = node.logFor("hub");
  process.on("unhandledRejection", (error) => log.error("a promise was rejected unseen", { error }));
  warn(config, log);
  greet(config, node, performance.now() - startedAt);
  setTimeout(giveBackMemory, settledMs).unref();
  const watch = new AbortController();
  const watching = follow(project, config, node, watch.signal);
  const signal = await stop;
  log.info(`${signal}: stopping; what is under way is finished first`);
  setTimeout(() => {
    log.error("the stop took too long: what was under way is taken up again at the next start");
    process.exit(1);
  }, stopMs).unref();
  watch.abort();
  await Promise.race([watching, sleep(lastLookMs, undefined, { ref: false })]);
  await node.stop();
  // What hangs in a call that nobody waits for does not keep the process.
  setTimeout(() => process.exit(), lingerMs).unref();
  return 0;
}
