/** deskwire models: a company's own models with their figures; puts one in force, tries one, or goes back. */

import type { Manifest } from "../../ml-service/registry/manifest.ts";
import type { ListedVersion, Registry } from "../../ml-service/registry/registry.ts";
import { RegistryError } from "../../ml-service/registry/registry-error.ts";
import type { ModelState } from "../../ml-service/registry/state.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import { BlobError } from "../blobs/blobs.ts";
import { onOneLine } from "../lib/log.ts";
import { openRegistry } from "../parts/classifier.ts";
import { projectConfig } from "./project.ts";

export interface ModelsOptions {
  company: string | undefined;
  /** One of these four at most; without any, models are listed. */
  promote?: string | undefined;
  canary?: string | undefined;
  rollback?: boolean;
  endCanary?: boolean;
  /** Of the tickets, with `canary`: 0 to 0.5; 0.1 by default. */
  share?: string | undefined;
}

const comesAlong = "the model that comes with the code";
const percent = (share: number) => `${Math.round(share * 1000) / 10} %`;

const triedOn = ({ version, share }: NonNullable<ModelState["canary"]>) =>
  `${version} is tried on ${percent(share)} of the tickets`;

function statusOf(state: ModelState, version: string): string {
  if (state.current === version) return "in force";
  if (state.canary?.version === version) return `on ${percent(state.canary.share)}`;
  if (state.withdrawn.some((one) => one.version === version)) return "rolled back";
  return state.previous.includes(version) ? "before" : "";
}

/** Such as `type: accuracy 0.813, macroF1 0.750`. */
function figuresOf({ metrics }: Manifest): string {
  const heads = Object.entries(metrics).map(([head, figures]) => {
    const shown = Object.entries(figures).map(([name, value]) => `${name} ${Number(value.toFixed(3))}`);
    return `${head}: ${shown.join(", ")}`;
  });
  return heads.join("; ");
}

function lineOf(state: ModelState, listed: ListedVersion): string {
  const start = `${listed.version}  ${statusOf(state, listed.version).padEnd(11)}`;
  if ("problem" in listed) return `${start}  CANNOT BE USED: ${listed.problem}`;
  const { reason, examples } = listed.manifest;
  return `${start}  ${reason.padEnd(10)}  ${examples} examples  ${figuresOf(listed.manifest)}`;
}

async function listModels(registry: Registry, company: string): Promise<string[]> {
  const [listed, state] = [await registry.list(company), await registry.state(company)];
  const { current } = state;
  const gone = current !== null && !listed.some(({ version }) => version === current);
  const warning = gone ? " (but its files are gone: promote another one)" : "";
  return [
    `${company}: ${current ?? comesAlong} is in force${warning}`,
    ...listed.map((one) => onOneLine(lineOf(state, one))),
  ];
}

async function goBack(registry: Registry, company: string): Promise<string[]> {
  const { from, to, endedCanary, skipped } = await registry.rollback(company);
  return [
    ...skipped.map(({ version, problem }) => `${company}: ${version} was passed over: ${onOneLine(problem)}`),
    `${company}: back from ${from} to ${to ?? comesAlong}`,
    ...(endedCanary === null ? [] : [`${company}: the trial of ${endedCanary} has ended with it`]),
  ];
}

async function perform(registry: Registry, company: string, options: ModelsOptions): Promise<string[]> {
  const { promote, canary, share = "0.1", rollback, endCanary } = options;
  if (promote !== undefined) {
    const { current: expect } = await registry.state(company);
    const state = await registry.promote(company, promote, { expect, again: true });
    return [
      `${company}: ${promote} is in force, before it was ${expect ?? comesAlong}`,
      ...(state.canary ? [`${company}: ${triedOn(state.canary)} still`] : []),
    ];
  }
  if (canary !== undefined) {
    await registry.canary(company, canary, Number(share), { again: true });
    return [`${company}: ${triedOn({ version: canary, share: Number(share) })}`];
  }
  if (rollback) return goBack(registry, company);
  if (!endCanary) return listModels(registry, company);
  await registry.endCanary(company);
  return [`${company}: no model is on trial now`];
}

/** What an operator can do something about is told without a stack trace. */
function explained(error: unknown): unknown {
  if (error instanceof BlobError)
    return new ConnectorError("transient", error.message, { cause: error.cause });
  if (!(error instanceof RegistryError)) return error;
  const usage = error.kind === "invalid" || error.kind === "missing";
  return new ConnectorError(usage ? "config" : "permanent", error.message);
}

/**
 * @returns the exit code
 * @throws ConnectorError of kind `config` where there is no such company or version; ConfigError with all mistakes
 */
export async function models(
  project: string,
  options: ModelsOptions,
  write: (text: string) => void = (text) => void process.stdout.write(text),
): Promise<number> {
  const { company = "", promote, canary, share, rollback, endCanary } = options;
  const actions = [promote !== undefined, canary !== undefined, rollback, endCanary].filter(Boolean);
  if (actions.length > 1)
    throw new ConnectorError("config", "say one of --promote, --canary, --rollback and --end-canary");
  if (share !== undefined && canary === undefined)
    throw new ConnectorError("config", "--share goes with --canary VERSION");
  const { companies, stateDir } = await projectConfig(project, false).load();
  if (!companies.has(company)) {
    const there = [...companies.keys()].join(", ") || "none";
    throw new ConnectorError(
      "config",
      `say whose models: there is no company "${company}"; there is: ${there}`,
    );
  }
  try {
    const lines = await perform(await openRegistry(stateDir), company, options);
    write(`${lines.join("\n")}\n`);
    return 0;
  } catch (error) {
    throw explained(error);
  }
}
