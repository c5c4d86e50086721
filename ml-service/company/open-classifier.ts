/** A company's classifier without a broker: the model in force and the company's settings, as a running hub has them. */

import { defaultModelPath } from "../classifier.service.ts";
import { type Classifier, createClassifier } from "../classifier.ts";
import type { ClassifierSettings, ClassifyItem, ClassifyResponse } from "../classify-schema.ts";
import type { Meaning } from "../meaning.ts";
import { createPriorityRules } from "../priority-rules.ts";
import { createHostedModels } from "../registry/hosted-models.ts";
import type { Registry } from "../registry/registry.ts";
import { shippedVectors } from "../word-vectors.ts";
import { createCompanies, type HostedModel, loadHosted, type Vectors } from "./companies.ts";

/**
 * Looks once which model is in force. Where it cannot be loaded, the default one answers, as in a hub.
 * @param say told why a model cannot be used
 */
export async function openCompanyClassifier(
  company: string,
  settings: ClassifierSettings,
  registry: Pick<Registry, "state" | "read">,
  meaning: Meaning | null = null,
  say: (reason: string) => void = () => undefined,
): Promise<(items: ClassifyItem[]) => Promise<ClassifyResponse>> {
  const vectors: Vectors = { words: shippedVectors(), meaning };
  const hosted = createHostedModels<HostedModel | null>(
    {
      ...{ registry, fallback: null },
      load: (bytes, manifest) => loadHosted(bytes, manifest, vectors),
      log: { info: () => undefined, error: (_, fields) => say(String(fields?.reason)) },
    },
    company,
  );
  await hosted.look();
  const host = { pick: (_: string, ticket: string) => hosted.pick(ticket) };
  const companies = createCompanies({ host, vectors, maxKept: 1 });
  const rules = createPriorityRules(settings);
  const classifier: Classifier = createClassifier(defaultModelPath, { rulesFor: () => rules });
  return async (items) => {
    const owns = await companies.ownFor(items, () => settings);
    const byItem = new Map(items.map((item, at) => [item, owns[at] ?? null]));
    return { results: await classifier.classify(items, (item) => byItem.get(item) ?? null) };
  };
}
