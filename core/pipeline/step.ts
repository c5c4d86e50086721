/** What the steps have in common: their parts, failed attempts written down in batches, and claimed messages. */
import type { CompanyDirectory } from "../../config/directory.ts";
import type { Company } from "../../config/types.ts";
import type { Log } from "../../plugins/contract/connector.ts";
import { ConnectorError, kindOf } from "../../plugins/contract/errors.ts";
import { untilAborted } from "../lib/abort.ts";
import type { Metrics } from "../lib/metrics.ts";
import { Unavailable } from "../lib/unavailable.ts";
import type { Queue, QueueItem, Step } from "../queue/queue.ts";
import type { Database } from "../store/database.ts";
import {
  claim,
  claimedStill,
  type Failure,
  fail,
  freeClaims,
  giveBackClaims,
  skip,
} from "../store/progress.ts";
import type { Claims } from "./claims.ts";
import { createCommits } from "./commits.ts";
import { type Attempted, decide, type RetryPolicy } from "./failures.ts";
import { stageOf } from "./stages.ts";

export interface StepParts {
  db: Database;
  queue: Queue;
  directory: CompanyDirectory;
  claims: Claims;
  metrics: Metrics;
  log: Log;
  policy: RetryPolicy;
  /** Aborts what is under way when the node cannot wait any longer. */
  signal: AbortSignal;
}

export interface StepFailures {
  /** Writes a failed attempt down; resolves after the commit. */
  add(message: Attempted, error: unknown): Promise<void>;
}

export function createStepFailures(
  step: Step,
  { db, log, metrics, policy, signal }: StepParts,
): StepFailures {
  const writes = createCommits<Failure, void>(
    async (failures) => {
      await fail(db, stageOf[step], failures);
      return failures.map(() => undefined);
    },
    { patience: signal },
  );
  return {
    async add(message, error) {
      // A stop of this node is no failure: the message is taken up again.
      if (signal.aborted) return;
      const failure = decide(step, message, error, policy);
      await writes.add(failure);
      metrics.count("deskwire.step.failures", { step, kind: kindOf(error) });
      const fields = { id: message.id, kind: failure.error.kind, error: failure.error.message };
      if (failure.retryInMs === null) {
        metrics.count("deskwire.messages.ended", { outcome: "dead" });
        log.error(`${step} failed for good`, fields);
      } else {
        // That a system is left alone for a while is told once, not by each message that waits for it.
        const isExpected = error instanceof Unavailable && error.retryAfterMs !== undefined;
        log[isExpected ? "debug" : "warn"](`${step} failed`, { ...fields, retryInMs: failure.retryInMs });
      }
    },
  };
}

/** The company of a message. A company that has no config any more makes its messages wait for it. */
export function companyOf(directory: CompanyDirectory, id: string): Company {
  const company = directory.get(id);
  if (!company) throw new ConnectorError("config", `the company "${id}" has no config file any more`);
  return company;
}

/** What a claimed step works on: it may have been overtaken since it came in. */
export type StepMessage = Attempted & { company: string; overtakenBy: string | null };

/**
 * Milliseconds that claimed messages wait for a place at the next step: to give them back, claim and load them again costs
 * more than all their other statements together. Well below the time that a claim holds; before a delivery it is short, since
 * an agent may answer meanwhile, and only what is loaded again is looked at again.
 */
const roomMs = { classify: 0, draft: 1_000, deliver: 250 } as const;

/**
 * Passes messages that this node has claimed to the next step: within the node where it has places for them, with what is
 * loaded already, else through the queue. Whoever awaits it takes nothing new while the next step is full.
 */
export async function passOn(
  step: Step,
  { db, queue, claims, log }: StepParts,
  messages: StepMessage[],
): Promise<void> {
  let rest: QueueItem[] = messages.map((message) => ({
    id: message.id,
    company: message.company,
    carried: message,
  }));
  const until = performance.now() + roomMs[step];
  for (;;) {
    rest = queue.offer(step, rest);
    if (rest.length === 0) return;
    // What waits in the queue goes first.
    if (queue.depth()[step].waiting > 0) break;
    if (!(await queue.room(step, until - performance.now()))) break;
  }
  try {
    await freeClaims(
      db,
      rest.map(({ id }) => id),
      claims.claimant.node,
    );
  } catch (error) {
    log.debug("claims run out by themselves", { error: (error as Error).message, messages: rest.length });
  }
  // Without what they carry: whoever takes them up has to claim them first.
  await queue.publish(
    step,
    rest.map(({ id, company }) => ({ id, company })),
  );
}

/** A message that another attempt has claimed is handed over again after a pause. */
class Claimed extends Error {}

/**
 * Claims a batch, loads it and ends what has been overtaken; the rest goes to `work`, one by one, each with its claim
 * held until it is done. What the step before has passed on within the node is claimed and loaded already.
 * @param isFollowedUp whether a message goes to `work` although it has been overtaken
 */
export function handleClaimed<Message extends StepMessage>(
  step: Step,
  parts: StepParts,
  load: (ids: string[]) => Promise<Array<Omit<Message, keyof Attempted> & { id: string }>>,
  work: (message: Message) => Promise<void>,
  isFollowedUp: (message: Message) => boolean = () => false,
): (items: QueueItem[]) => Array<Promise<void>> {
  const { db, claims, metrics, log, signal } = parts;
  const failures = createStepFailures(step, parts);
  const { claimant } = claims;

  /** For work that was broken off; where that fails, the claims run out by themselves. */
  const giveBack = async (ids: string[]) => {
    try {
      await giveBackClaims(db, stageOf[step], ids, claimant.node);
    } catch (error) {
      log.debug("claims could not be given back", { error: (error as Error).message, messages: ids.length });
    }
  };

  const endOvertaken = async (messages: Message[]): Promise<Message[]> => {
    const overtaken = messages.flatMap((message) => {
      const { id, overtakenBy } = message;
      return overtakenBy && !isFollowedUp(message) ? [{ id, reason: overtakenBy }] : [];
    });
    if (overtaken.length === 0) return messages;
    const ended = await skip(db, overtaken);
    metrics.count("deskwire.messages.ended", { outcome: "skipped" }, ended.length);
    for (const { id } of overtaken) claims.drop(step, id);
    const gone = new Set(overtaken.map(({ id }) => id));
    return messages.filter(({ id }) => !gone.has(id));
  };

  const claimAndLoad = async (ids: string[]) => {
    const claimed = new Map((await claim(db, stageOf[step], ids, claimant)).map((one) => [one.id, one]));
    const others = ids.filter((id) => !claimed.has(id));
    const busy = others.length > 0 ? await claimedStill(db, stageOf[step], others) : [];
    if (claimed.size === 0) return { messages: [], busy };
    claims.hold(step, [...claimed.keys()]);
    const loaded = await load([...claimed.keys()]);
    const messages = loaded.map((one) => ({ ...one, ...claimed.get(one.id) }) as Message);
    return { messages, busy };
  };

  const prepare = async (items: QueueItem[]): Promise<Map<string, Message | "busy">> => {
    const carried = items.flatMap((item) => (item.carried ? [item.carried as Message] : []));
    claims.hold(
      step,
      carried.map(({ id }) => id),
    );
    const ids = items.flatMap((item) => (item.carried ? [] : [item.id]));
    try {
      const { messages, busy } = ids.length > 0 ? await claimAndLoad(ids) : { messages: [], busy: [] };
      const ready = new Map<string, Message | "busy">(busy.map((id) => [id, "busy"]));
      for (const message of await endOvertaken([...carried, ...messages])) ready.set(message.id, message);
      for (const { id } of items) if (!ready.has(id)) claims.drop(step, id);
      return ready;
    } catch (error) {
      for (const { id } of items) claims.drop(step, id);
      await giveBack(items.map(({ id }) => id));
      throw error;
    }
  };

  const one = async (message: Message) => {
    const started = performance.now();
    let underWay = true;
    try {
      const working = work(message).finally(() => {
        underWay = false;
      });
      await untilAborted(working, signal);
      metrics.time("deskwire.step.time", performance.now() - started, { step });
    } catch (error) {
      await failures.add(message, error);
      if (!signal.aborted) return;
      // Work that does not heed the abort may still write outside: its claim keeps others away while it runs out.
      await new Promise(setImmediate);
      if (!underWay) await giveBack([message.id]);
    } finally {
      claims.drop(step, message.id);
    }
  };

  return (items) => {
    const batch = prepare(items);
    return items.map(async (item) => {
      const message = (await batch).get(item.id);
      if (message === "busy") throw new Claimed("another attempt is under way");
      if (message) await one(message);
    });
  };
}
