/** Pipelines for tests: real steps on a real database; the classifier, the drafter and the helpdesk are the test's own. */
import { onTestFinished } from "vitest";
import type { CompanyDirectory } from "../../config/directory.ts";
import type { Classified, ClassifyItem, ClassifyResponse } from "../../ml-service/classify-schema.ts";
import type { Delivered, OutgoingDraft } from "../../plugins/contract/connector.ts";
import type { Drafter, DraftRequest, DraftResult } from "../llm/drafter.ts";
import type { RetryPolicy } from "../pipeline/failures.ts";
import { type Pipeline, type PipelineParts, startPipeline } from "../pipeline/pipeline.ts";
import { createMemoryQueue } from "../queue/memory.ts";
import type { Queue } from "../queue/queue.ts";
import type { Database, Row } from "../store/database.ts";
import { testCompany, testDirectory } from "./company.ts";
import { quietLog } from "./store.ts";

const prediction = { label: "question", confidence: 0.9, abstained: false, alternatives: [] };

export function classified(id: string): Classified {
  return {
    id,
    type: prediction,
    priority: prediction,
    department: prediction,
    language: "en",
    outOfScope: 0,
    model: "test",
  };
}

export const classifyAll = async (items: ClassifyItem[]): Promise<ClassifyResponse> => ({
  results: items.map(({ id }) => classified(id)),
});

export function draftResult(text: string): DraftResult {
  return { text, language: "en", writtenBy: "test", sources: [], usage: null, notes: [] };
}

export interface Outside {
  classify(items: ClassifyItem[]): Promise<ClassifyResponse>;
  draft(request: DraftRequest, signal: AbortSignal): Promise<DraftResult>;
  put(draft: OutgoingDraft, signal: AbortSignal): Promise<Delivered>;
}

/** A helpdesk that looks a draft up by its key before it writes, as connectors do, and counts calls. */
export function makeHelpdesk() {
  const calls = new Map<string, number>();
  return {
    calls,
    drafted: [] as string[],
    async put({ idempotencyKey }: OutgoingDraft): Promise<Delivered> {
      const before = calls.get(idempotencyKey) ?? 0;
      calls.set(idempotencyKey, before + 1);
      return { externalId: `note-${idempotencyKey}`, created: before === 0 };
    },
  };
}

export interface TestPipelineOptions {
  queue?: Queue;
  directory?: CompanyDirectory;
  policy?: RetryPolicy;
  stalledMs?: number;
  draftConcurrency?: number;
  labellerOf?: PipelineParts["labellerOf"];
}

/** A queue that outlives a node, as one between nodes does: a start does not free other nodes' claims. */
export function sharedQueue(): Queue {
  return { ...createMemoryQueue(), shared: true, onGap: () => () => undefined };
}

/** Starts a pipeline that is stopped when the test ends. */
export function startTestPipeline(
  db: Database,
  outside: Partial<Outside> = {},
  options: TestPipelineOptions = {},
): { queue: Queue; pipeline: Pipeline } {
  const {
    queue = createMemoryQueue(),
    policy = { attempts: 3, firstRetryMs: 100 },
    stalledMs = 60_000,
  } = options;
  const drafter: Drafter = {
    name: "test",
    draft: outside.draft ?? (async ({ conversation }) => draftResult(`Re: ${conversation.at(-1)?.text}`)),
  };
  const put = outside.put ?? makeHelpdesk().put;
  const pipeline = startPipeline(
    {
      db,
      queue,
      directory: options.directory ?? testDirectory(testCompany("acme")),
      metrics: { count: () => undefined, time: () => undefined, set: () => undefined },
      log: quietLog,
      policy,
      classify: outside.classify ?? classifyAll,
      drafterOf: async () => drafter,
      labellerOf: options.labellerOf ?? (() => undefined),
      put: (_company, _connector, draft, signal) => put(draft, signal),
    },
    {
      classifyBatch: 32,
      draftConcurrency: options.draftConcurrency ?? 64,
      deliverConcurrency: 64,
      stalledMs,
    },
  );
  onTestFinished(async () => {
    await pipeline.stop(100);
    await queue.close();
  });
  return { queue, pipeline };
}

/** How many messages stand where: by outcome where they have one, else by stage. */
export async function tally(db: Database): Promise<Record<string, number>> {
  const rows = await db.query<{ at: string; n: number }>(
    "tally",
    "SELECT coalesce(outcome, stage) AS at, count(*)::int AS n FROM progress GROUP BY 1",
    [],
  );
  return Object.fromEntries(rows.map(({ at, n }) => [at, n]));
}

export async function progressOf(db: Database, id: string): Promise<Row> {
  const [row] = await db.query<Row>("progress-of", "SELECT * FROM progress WHERE message_id = $1", [id]);
  return row ?? {};
}
