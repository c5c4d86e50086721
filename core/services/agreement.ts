/** Whether the nodes have the same companies in force, with the same settings. */
import type { CompanyDirectory } from "../../config/directory.ts";
import { sharedDigestOf } from "../../config/files.ts";
import type { Log } from "../../plugins/contract/connector.ts";
import { describeError } from "../../plugins/contract/errors.ts";
import type { Nodes } from "./nodes.ts";

/** Milliseconds that files may take to reach all nodes: until then a difference is a change on its way. */
const graceMs = 10_000;
const lookEveryMs = 1_000;
const askTimeoutMs = 2_000;
/** Companies that one line of the log names. */
const named = 20;

export interface Difference {
  node: string;
  /** How many companies differ; null until the other node has told. */
  companies: number | null;
}

export interface Agreement {
  /** Nodes that have had another config than this one for longer than 10 s. */
  differences(): Difference[];
  stop(): void;
}

export interface AgreementParts {
  directory: CompanyDirectory;
  nodes: Nodes;
  log: Log;
  /** Milliseconds; default 10,000. */
  graceMs?: number;
}

/** Of all companies of a node: two nodes with the same one have the same config. */
export function configDigest(directory: CompanyDirectory): string {
  return sharedDigestOf(directory.all().map(({ id, sharedDigest }) => [id, sharedDigest]));
}

/** Whether all nodes, as far as they can be seen at this moment, have the same config as this one. */
export function allAgree(directory: CompanyDirectory, nodes: Pick<Nodes, "here" | "link" | "list">): boolean {
  const { here, link } = nodes;
  if (link.used && !link.connected) return false;
  const own = configDigest(directory);
  return nodes.list().every(({ id, config }) => id === here || config === null || config === own);
}

/** Tells the others what is in force here, and looks at what they tell. */
export function watchAgreement(parts: AgreementParts): Agreement {
  const { directory, nodes, log } = parts;
  const seen = new Map<string, { since: number; told: string; companies: number | null }>();

  /** Names the companies in the log: /health is public. */
  const name = async (node: string, entry: { companies: number | null }) => {
    try {
      const answers = await nodes.ask<Record<string, string>>("node.config", {}, askTimeoutMs);
      const theirs = answers.find((one) => one.node === node)?.answer;
      if (!theirs) return;
      const ours = new Map(directory.all().map(({ id, sharedDigest }) => [id, sharedDigest]));
      const ids = [...new Set([...ours.keys(), ...Object.keys(theirs)])];
      const differ = ids.filter((id) => ours.get(id) !== theirs[id]).sort();
      entry.companies = differ.length;
      const companies = differ.slice(0, named).join(", ") + (differ.length > named ? ", …" : "");
      log.warn("another node has other settings, secrets or articles than this one", { node, companies });
    } catch (error) {
      log.warn("another node could not be asked for its config", { node, error: describeError(error) });
    }
  };
  const look = () => {
    const own = configDigest(directory);
    nodes.tellConfig(own);
    const others = nodes.list().filter(({ id, config }) => id !== nodes.here && config !== null);
    for (const node of [...seen.keys()])
      if (!others.some(({ id, config }) => id === node && config !== own)) seen.delete(node);
    for (const { id, config } of others) {
      if (config === own) continue;
      const entry = seen.get(id) ?? { since: performance.now(), told: "", companies: null };
      seen.set(id, entry);
      const told = `${own} ${config}`;
      if (entry.told === told || performance.now() - entry.since < (parts.graceMs ?? graceMs)) continue;
      entry.told = told;
      void name(id, entry);
    }
  };
  look();
  const timer = setInterval(look, lookEveryMs).unref();
  const unsubscribe = directory.onChange(look);
  return {
    differences: () =>
      [...seen].filter(([, { told }]) => told !== "").map(([node, { companies }]) => ({ node, companies })),
    stop() {
      clearInterval(timer);
      unsubscribe();
    },
  };
}
