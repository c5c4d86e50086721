/** The classifier as a Moleculer service: `classifier.classify` for batches, `classifier.status` for health. */
import { join } from "node:path";
import { type Context, Errors, type ServiceSchema } from "moleculer";
import { z } from "zod";
import { type Classifier, createClassifier } from "./classifier.ts";
import { type ClassifyResponse, classifyRequestSchema } from "./classify-schema.ts";
import { createRuleBook } from "./priority-rules.ts";

export { type Classifier, createClassifier } from "./classifier.ts";

/** The model that comes with the code. */
export const defaultModelPath = join(import.meta.dirname, "models", "default.bin");

/** What `classifier.status` answers. */
export interface ClassifierStatus {
  /** Name and version. */
  readonly model: string;
  readonly provider: "cpu";
  /** Documents classified since the start. */
  readonly documents: number;
}

/** @param options.modelPath the model's file (default: the one that comes with the code) */
export function classifierService(options: { modelPath?: string } = {}): ServiceSchema {
  let classifier: Classifier | null = null;
  let documents = 0;
  const book = createRuleBook();
  const loaded = (): Classifier => {
    if (!classifier) throw new Errors.ServiceNotAvailableError({ action: "classifier.classify" });
    return classifier;
  };
  return {
    name: "classifier",
    actions: {
      classify: {
        async handler(ctx: Context<unknown>): Promise<ClassifyResponse> {
          const request = classifyRequestSchema.safeParse(ctx.params);
          if (!request.success) {
            throw new Errors.ValidationError(
              `classifier.classify: ${z.prettifyError(request.error)}`,
              "VALIDATION_ERROR",
              request.error.issues,
            );
          }
          const { items, settings } = request.data;
          book.read(items, settings);
          const results = await loaded().classify(items);
          documents += results.length;
          return { results };
        },
      },
      status: {
        handler(): ClassifierStatus {
          return { model: loaded().model, provider: "cpu", documents };
        },
      },
    },
    async started() {
      classifier = createClassifier(options.modelPath ?? defaultModelPath, { rulesFor: book.of });
    },
    async stopped() {
      classifier = null;
    },
  };
}
