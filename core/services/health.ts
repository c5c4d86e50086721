/** Whether a node can do its own work, and what stands in the way of the work of all. */
import type { Role } from "../../config/schema.ts";
import { roles } from "../../config/schema.ts";
import type { Log } from "../../plugins/contract/connector.ts";
import { describeError } from "../../plugins/contract/errors.ts";
import type { Queue } from "../queue/queue.ts";
import type { Database } from "../store/database.ts";
import { countOpen } from "../store/progress.ts";
import { countQuarantined } from "../store/quarantine.ts";
import type { Agreement } from "./agreement.ts";
import { mergeStates } from "./connector-states.ts";
import type { Check, HealthReport } from "./gateway/services.ts";
import type { NodeStatus } from "./node.service.ts";
import type { Nodes } from "./nodes.ts";

/** Milliseconds for one look at the database or another node. */
const timeoutMs = 2_000;
/** Figures that cost the database or the other nodes something may be this old, in milliseconds. */
const maxAgeMs = 5_000;

export interface HealthParts {
  roles: readonly Role[];
  nodes: Nodes;
  log: Log;
  /** What a node that only classifies does without. */
  store?: { db: Database; queue: Queue; agreement: Agreement };
}

/** What waits while no node does it. */
const withoutRole: Record<Role, string> = {
  api: "nothing is taken in over HTTP",
  connectors: "sources are not read, and drafts are not delivered",
  pipeline: "messages wait",
  ml: "messages wait to be classified",
};

/** What exactly is wrong goes to the log: /health is public, and errors name hosts and sockets. */
async function attempt(what: string, log: Log, look: () => Promise<object>): Promise<Check> {
  try {
    return { ok: true, ...(await look()) };
  } catch (error) {
    log.warn(`${what} does not answer`, { error: describeError(error) });
    return { ok: false, detail: `${what} does not answer: see the log` };
  }
}

/** What `look` has found, for a while. */
function kept<T>(look: () => Promise<T>): () => Promise<T> {
  let last: { at: number; found: T } | undefined;
  return async () => {
    if (!last || performance.now() - last.at > maxAgeMs)
      last = { at: performance.now(), found: await look() };
    return last.found;
  };
}

const list = (details: readonly string[]) => (details.length > 0 ? { detail: details.join("; ") } : {});

/** Credentials that were refused, and sources that are not read: a connection alone is no sign of health. */
async function connectorsCheck(nodes: Nodes): Promise<Check> {
  const answers = await nodes.ask<NodeStatus>("node.status", {}, timeoutMs);
  const statuses = answers.flatMap(({ answer }) => answer ?? []);
  const states = mergeStates(statuses);
  const sources = states.flatMap(({ source }) => source ?? []);
  const paused = states.filter(({ state }) => state === "paused").length;
  const unread = sources.filter(({ read }) => !read).length;
  const silent = answers.length - statuses.length;
  const sum = (kind: keyof NodeStatus["leftAlone"]) =>
    statuses.reduce((all, { leftAlone }) => all + leftAlone[kind], 0);
  const leftAlone = { connector: sum("connector"), llm: sum("llm") };
  const details = [
    ...(paused > 0 ? ["connectors are paused since their credentials were refused: see the log"] : []),
    ...(unread > 0 ? ["sources of messages are not being read: see the log"] : []),
    ...(leftAlone.connector > 0 ? ["a system behind a connector is in trouble: drafts for it wait"] : []),
    ...(leftAlone.llm > 0 ? ["a language model's API is in trouble: drafts wait"] : []),
    ...(silent > 0 ? ["not all nodes have answered"] : []),
  ];
  const figures = { configured: states.length, paused, sources: sources.length, unread, leftAlone };
  return { ok: details.length === 0, ...figures, ...list(details) };
}

/** What is read here of the classifier's status. */
interface ClassifierState {
  model: string;
  provider: string;
  documents: number;
  /** Where an encoder runs: its figures, and the providers that do not work. */
  encoder: { failedProviders: readonly { provider: string }[] } | null;
  companies: readonly { error: string | null }[];
  drift: readonly object[];
}

/** Companies are counted, not named: /health is public. */
async function classifierCheck(nodes: Nodes): Promise<Check> {
  const answers = await nodes.ask<ClassifierState>("classifier.status", {}, timeoutMs);
  const working = answers.flatMap(({ answer }) => answer ?? []);
  const own = answers.find(({ node }) => node === nodes.here)?.answer ?? working[0];
  if (own) {
    const { model, provider, documents, encoder, companies, drift } = own;
    const unusable = companies.filter(({ error }) => error !== null).length;
    const details = [
      ...(unusable > 0 ? ["companies' own models cannot be used, older ones serve: see the log"] : []),
      ...(drift.length > 0
        ? ["companies' messages are no longer like those that came first: see the log"]
        : []),
    ];
    const notWorking = encoder?.failedProviders.map((failed) => failed.provider) ?? [];
    const figures = {
      ...{
        model,
        provider,
        documents,
        ownModels: companies.length - unusable,
        unusable,
        drift: drift.length,
      },
      ...(notWorking.length > 0 ? { notWorking } : {}),
    };
    return { ok: true, ...figures, nodes: working.length, ...list(details) };
  }
  return { ok: false, detail: "no classifier answers: messages wait to be classified", nodes: 0 };
}

function queueCheck(queue: Queue): Check {
  const detail = "the queue's server does not answer: what is taken in waits in the database";
  return { ok: queue.available, ...queue.depth(), ...(!queue.available && { detail }) };
}

/** The nodes by what they do. */
function nodesCheck(nodes: Nodes): Check {
  const known = nodes.list();
  const count = (role: Role) => known.filter((node) => node.roles.includes(role)).length;
  const by = Object.fromEntries(roles.map((role) => [role, count(role)]));
  const { used, connected, since } = nodes.link;
  if (used && !connected) return { ok: false, ...by, detail: "NATS is away: the other nodes are not seen" };
  const details = roles
    .filter((role) => count(role) === 0)
    .map((role) => `no node does ${role}: ${withoutRole[role]}`);
  return { ok: details.length === 0, ...by, ...(used && { since: since.toISOString() }), ...list(details) };
}

function natsCheck({ link: { connected, since } }: Nodes): Check {
  return {
    ok: connected,
    since: since.toISOString(),
    ...(!connected && { detail: "NATS does not answer: each node does what it can by itself" }),
  };
}

/** A node as the public may know it: by the part of its name that is not its machine's. */
const shown = (node: string) => node.slice(node.lastIndexOf("-") + 1);

/** Which nodes, and how many companies; the names of these are in the log. */
function configCheck(agreement: Agreement): Check {
  const details = agreement.differences().map(({ node, companies }) => {
    const of = companies === null ? "" : ` for ${companies === 1 ? "1 company" : `${companies} companies`}`;
    return `node ${shown(node)} has other settings than this node${of}`;
  });
  return { ok: details.length === 0, ...list(details.map((detail) => `${detail}: see the log`)) };
}

/** Never rejects, whatever state the nodes are in. */
async function settled(what: string, log: Log, look: () => Promise<Check>): Promise<Check> {
  try {
    return await look();
  } catch (error) {
    log.warn(`${what} could not be looked at`, { error: describeError(error) });
    return { ok: false, detail: `${what} could not be looked at: see the log` };
  }
}

/**
 * A report for /health. Ready is a node that has what its own roles need: the database, and its model where it classifies.
 * What else is wrong makes it degraded, and is told. Names of companies and machines are not.
 */
export function createHealth({ roles: own, nodes, log, store }: HealthParts): () => Promise<HealthReport> {
  const counts = kept(async () => {
    const { db } = store as NonNullable<typeof store>;
    const [messages, quarantined] = await Promise.all([countOpen(db), countQuarantined(db)]);
    return { messages, quarantined };
  });
  const connectors = kept(() => settled("the connectors", log, () => connectorsCheck(nodes)));
  const look = async (): Promise<HealthReport> => {
    const [database, classifier, ofConnectors] = await Promise.all([
      store &&
        attempt("the database", log, async () => {
          await store.db.ping(timeoutMs);
          return counts();
        }),
      settled("the classifier", log, () => classifierCheck(nodes)),
      store && connectors(),
    ]);
    const checks: Record<string, Check> = {
      ...(database && { database }),
      classifier,
      ...(store && { queue: queueCheck(store.queue) }),
      ...(ofConnectors && { connectors: ofConnectors }),
      ...(nodes.link.used && { nats: natsCheck(nodes), nodes: nodesCheck(nodes) }),
      ...(nodes.link.used && store && { config: configCheck(store.agreement) }),
    };
    return {
      ready: (database?.ok ?? true) && (classifier.ok || !own.includes("ml")),
      degraded: Object.values(checks).some(({ ok }) => !ok),
      node: { name: shown(nodes.here), roles: own },
      checks,
    };
  };
  let looking: Promise<HealthReport> | undefined;
  // Whoever asks while a look is under way shares it: /health needs no key, and must not become a load of its own.
  return () => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  };
}
