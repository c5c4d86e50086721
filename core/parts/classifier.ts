/** What is opened of the classifier: its objects, registry and encoder for a node, and all of it without a broker for commands. */
import { join } from "node:path";
import type { Company, LoadedConfig } from "../../config/types.ts";
import type { ClassifyItem, ClassifyResponse } from "../../ml-service/classify-schema.ts";
import type { Registry } from "../../ml-service/registry/registry.ts";
import type { TrainRequest, TrainResponse } from "../../ml-service/train-schema.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import { createFileObjects } from "../blobs/file-objects.ts";
import type { Objects } from "../blobs/objects.ts";
import { version } from "../lib/version.ts";

/**
 * What opens the encoder of the config, if there is one.
 * @throws ConnectorError of kind `config` where its files are not what they should be
 */
export function encoderOf({ hub }: Pick<LoadedConfig, "hub">) {
  const config = hub.classifier.encoder;
  if (!config) return undefined;
  const { model, tokenizer, batchTokens, waitMs, queue, ...rest } = config;
  return async () => {
    const { createEncoder } = await import("../../ml-service/encoder/encoder.ts");
    const { EncoderConfigError } = await import("../../ml-service/encoder/config-error.ts");
    const { identityOf } = await import("../../ml-service/encoder/identity.ts");
    const batch = { tokens: batchTokens, waitMs, queue };
    const options = { modelPath: model, tokenizerPath: tokenizer, ...rest, batch };
    try {
      const identity = await identityOf(options);
      return { encoder: await createEncoder(options), identity };
    } catch (error) {
      if (error instanceof EncoderConfigError)
        throw new ConnectorError("config", error.message, { cause: error });
      throw error;
    }
  };
}

/** What texts mean to the encoder of the config, for one command. The caller closes it. */
async function openMeaning(config: Pick<LoadedConfig, "hub">) {
  const opened = await encoderOf(config)?.();
  const none = { meaning: null, close: async () => undefined };
  if (!opened) return none;
  const { createMeaning } = await import("../../ml-service/meaning.ts");
  const { shippedVectors } = await import("../../ml-service/word-vectors.ts");
  const { encoder, identity } = opened;
  const meaning = createMeaning(shippedVectors(), encoder, identity, () => undefined);
  return { meaning, close: () => encoder.close() };
}

/** The classifier that a node of the role `ml` answers with, for commands that only look at a company. The caller closes it. */
export async function openClassifier(
  company: Company,
  config: Pick<LoadedConfig, "hub" | "stateDir">,
): Promise<{ classify(items: ClassifyItem[]): Promise<ClassifyResponse>; close(): Promise<void> }> {
  const { openCompanyClassifier } = await import("../../ml-service/company/open-classifier.ts");
  const registry = await openRegistry(config.stateDir);
  const { meaning, close } = await openMeaning(config);
  const classify = await openCompanyClassifier(company.id, company.classifier, registry, meaning);
  return { classify, close };
}

/** Objects in the state folder: companies' models, and what they learn from. */
export function openObjects(stateDir: string): Objects {
  return createFileObjects(join(stateDir, "objects"));
}

/** The registry of companies' own models, in the state folder. */
export async function openRegistry(stateDir: string): Promise<Registry> {
  const { createRegistry } = await import("../../ml-service/registry/registry.ts");
  return createRegistry(openObjects(stateDir), { coreVersion: version, now: () => new Date() });
}

/** The training that a node of the role `ml` does, for commands. The encoder is open only while it trains. */
export async function openTrainer(
  config: Pick<LoadedConfig, "hub" | "stateDir">,
): Promise<(request: TrainRequest, signal?: AbortSignal) => Promise<TrainResponse>> {
  const { createTrainer } = await import("../../ml-service/company/train-company.ts");
  const { defaultModelPath } = await import("../../ml-service/classifier.service.ts");
  const { stateDir } = config;
  const parts = { registry: await openRegistry(stateDir), objects: openObjects(stateDir), defaultModelPath };
  return async (request, signal) => {
    const { meaning, close } = await openMeaning(config);
    try {
      const trainer = createTrainer({ ...parts, codeVersion: version, leastCore: version, meaning });
      return await trainer.train(request, signal);
    } finally {
      await close();
    }
  };
}
