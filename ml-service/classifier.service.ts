/** The classifier as a Moleculer service: `classifier.classify` for batches, `classifier.train`, `classifier.status` for health. */
import { join } from "node:path";
import { type Context, Errors, type ServiceBroker, type ServiceSchema } from "moleculer";
import { z } from "zod";
import { type Classifier, createClassifier } from "./classifier.ts";
import {
  type ClassifyResponse,
  type CompaniesInConfig,
  classifyRequestSchema,
  companiesEvent,
} from "./classify-schema.ts";
import { type Companies, createCompanies, type HostedModel, loadHosted } from "./company/companies.ts";
import { createDescriber } from "./company/describer.ts";
import { createDriftWatches, type DriftAlarm } from "./company/drift-watches.ts";
import { createTrainer, type DataSets, type Trainer, TrainingError } from "./company/train-company.ts";
import type { Encoder, EncoderStats } from "./encoder/encoder.ts";
import { createMeaning } from "./meaning.ts";
import { createRuleBook } from "./priority-rules.ts";
import { createModelHost, type ModelHost } from "./registry/host.ts";
import type { HostedCompany, HostLog } from "./registry/hosted-models.ts";
import type { Registry } from "./registry/registry.ts";
import { type TrainResponse, trainRequestSchema } from "./train-schema.ts";
import { shippedVectors } from "./word-vectors.ts";

export { type Classifier, createClassifier } from "./classifier.ts";

/** The model that comes with the code. */
export const defaultModelPath = join(import.meta.dirname, "models", "default.bin");

/** About how often what is in force is compared with the registry, in milliseconds: an event tells sooner. */
const refreshMs = 30_000;
/** Companies whose models are kept in memory: of 9 MB after 10,000 short corrections, and of 50 at most; to load that takes 0.1 s. */
const maxLoaded = 64;
/** Told to all nodes when a company's model has changed. */
export const changedEvent = "classifier.changed";

/** What `classifier.status` answers. */
export interface ClassifierStatus {
  /** Name and version of the default model. */
  readonly model: string;
  /** What computes: that of the encoder, where there is one. */
  readonly provider: "cuda" | "webgpu" | "cpu";
  /** Figures of the encoder, and the providers that do not work with their reasons; null where there is none. */
  readonly encoder: EncoderStats | null;
  /** Documents classified since the start. */
  readonly documents: number;
  /** Companies with a model of their own, as far as they are loaded here. */
  readonly companies: readonly HostedCompany[];
  /** Where messages are no longer like those that came first. */
  readonly drift: readonly DriftAlarm[];
}

export interface ClassifierServiceOptions {
  /** The default model's file (default: the one that comes with the code). */
  readonly modelPath?: string;
  /** Companies' own models. Without it there are none, and nothing can be trained. */
  readonly models?: {
    readonly registry: Registry;
    readonly objects: DataSets;
    /** Of the core. */
    readonly version: string;
  };
  /** A company's own text encoder; it is opened at the start and closed at the stop. */
  readonly openEncoder?: () => Promise<{ encoder: Encoder; identity: string }>;
  readonly log?: ServiceLog;
  /** Receives figures for the node's metrics. */
  set?(name: ClassifierGauge, value: number, labels?: Record<string, string>): void;
}

export type ClassifierGauge =
  | "deskwire.classifier.drift"
  | "deskwire.classifier.unusable"
  | "deskwire.encoder.provider"
  | "deskwire.encoder.waiting";

type ServiceLog = HostLog & { warn(message: string, fields?: Record<string, unknown>): void };

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** What runs between start and stop. */
interface Running {
  readonly classifier: Classifier;
  readonly companies: Companies;
  readonly host: ModelHost<HostedModel | null> | null;
  readonly trainer: Trainer | null;
  readonly encoder: Encoder | null;
}

export function classifierService(options: ClassifierServiceOptions = {}): ServiceSchema {
  const { modelPath = defaultModelPath, log = silent } = options;
  const book = createRuleBook();
  const drift = createDriftWatches(({ company, head, reason }, isOn) => {
    if (isOn)
      log.warn("a company's messages are no longer like those that came first", { company, head, reason });
    else log.info("a company's messages are like those that came first again", { company, head });
  });
  const stopping = new AbortController();
  let running: Running | null = null;
  let documents = 0;
  const at = (action: string): Running => {
    if (!running) throw new Errors.ServiceNotAvailableError({ action: `classifier.${action}` });
    return running;
  };

  const tellFigures = () => {
    const set = options.set ?? (() => undefined);
    set("deskwire.classifier.drift", drift.alarms().length);
    set(
      "deskwire.classifier.unusable",
      running?.host?.status().filter(({ error }) => error !== null).length ?? 0,
    );
    const stats = running?.encoder?.stats();
    if (!stats) return;
    set("deskwire.encoder.provider", 1, { provider: stats.provider });
    set("deskwire.encoder.waiting", stats.waiting + stats.held);
  };

  return {
    name: "classifier",
    actions: {
      classify: {
        async handler(ctx: Context<unknown>): Promise<ClassifyResponse> {
          const { items, settings } = parsed(classifyRequestSchema, ctx.params, "classifier.classify");
          const { classifier, companies } = at("classify");
          book.read(items, settings);
          const owns = await companies.ownFor(items, (company) => settings[company]);
          const byItem = new Map(items.map((item, index) => [item, owns[index] ?? null]));
          const results = await classifier.classify(items, (item) => byItem.get(item) ?? null);
          documents += results.length;
          tellFigures();
          return { results };
        },
      },
      train: {
        async handler(ctx: Context<unknown>): Promise<TrainResponse> {
          const request = parsed(trainRequestSchema, ctx.params, "classifier.train");
          const { trainer } = at("train");
          if (!trainer)
            throw new Errors.ValidationError("this node keeps no models of companies", "NO_REGISTRY");
          try {
            const response = await trainer.train(request, stopping.signal);
            const { company } = request;
            if (response.outcome === "promoted") await ctx.broker.broadcast(changedEvent, { company });
            return response;
          } catch (error) {
            if (!(error instanceof TrainingError)) throw error;
            if (error.kind === "invalid") throw new Errors.ValidationError(error.message, "INVALID_DATA_SET");
            throw new Errors.MoleculerRetryableError(error.message, 409, error.kind.toUpperCase());
          }
        },
      },
      status: {
        handler(): ClassifierStatus {
          const { classifier, host, encoder } = at("status");
          const { provider = "cpu" } = encoder ?? {};
          const companies =
            host?.status().filter(({ current, error }) => current !== null || error !== null) ?? [];
          const figures = { encoder: encoder?.stats() ?? null, documents };
          return { model: classifier.model, provider, ...figures, companies, drift: drift.alarms() };
        },
      },
    },
    events: {
      [changedEvent]: {
        async handler(ctx: Context<{ company: string }>) {
          await running?.host?.refresh(ctx.params.company);
        },
      },
      [companiesEvent]: {
        handler(ctx: Context<CompaniesInConfig>) {
          const there = new Set(ctx.params.companies);
          drift.keepOnly(there);
          running?.companies.keepOnly(there);
          for (const { company } of running?.host?.status() ?? [])
            if (!there.has(company)) running?.host?.forget(company);
          tellFigures();
        },
      },
    },
    async started(this: { broker: ServiceBroker }) {
      running = await start(modelPath, options, log, {
        ...{ rulesFor: book.of, observe: drift.observe },
        signal: stopping.signal,
      });
    },
    async stopped() {
      stopping.abort(new Errors.ServiceNotAvailableError({ action: "classifier" }));
      await running?.host?.close();
      await running?.encoder?.close();
      running = null;
    },
  };
}

async function start(
  modelPath: string,
  { models, openEncoder }: ClassifierServiceOptions,
  log: ServiceLog,
  { signal, ...reading }: Parameters<typeof createClassifier>[1] & { signal: AbortSignal },
): Promise<Running> {
  const opened = await openEncoder?.();
  const warn = (error: unknown) =>
    log.warn("a text could not be encoded: models that learnt with the encoder abstain from it", {
      error: String(error),
    });
  const words = shippedVectors();
  const meaning = opened ? createMeaning(words, opened.encoder, opened.identity, warn) : null;
  const vectors = { words, meaning };
  const host = models
    ? createModelHost<HostedModel | null>({
        ...{ registry: models.registry, fallback: null, log, refreshMs, maxLoaded },
        load: (bytes, manifest) => loadHosted(bytes, manifest, vectors),
      })
    : null;
  const trainer = models
    ? createTrainer({
        ...{ registry: models.registry, objects: models.objects, defaultModelPath: modelPath, meaning },
        ...{ codeVersion: models.version, leastCore: models.version },
      })
    : null;
  return {
    classifier: createClassifier(modelPath, reading),
    companies: createCompanies({ host, vectors, maxKept: maxLoaded, describe: createDescriber(signal) }),
    host,
    trainer,
    encoder: opened?.encoder ?? null,
  };
}

function parsed<T extends z.ZodType>(schema: T, params: unknown, action: string): z.output<T> {
  const request = schema.safeParse(params);
  if (request.success) return request.data;
  throw new Errors.ValidationError(
    `${action}: ${z.prettifyError(request.error)}`,
    "VALIDATION_ERROR",
    request.error.issues,
  );
}
