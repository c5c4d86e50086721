/** Models for tests. */
import type { TrainedManifest } from "./manifest.ts";
import type { Published } from "./versions.ts";

/** A model whose bytes are a text. */
export function modelOf(text: string, manifest: Partial<TrainedManifest> = {}): Published {
  return {
    bytes: Buffer.from(text),
    manifest: {
      parent: null,
      reason: "nightly",
      dataHash: "d1",
      codeVersion: "0.1.0",
      leastCore: "0.1.0",
      heads: ["type"],
      labels: { type: { question: "Asks for information.", request: "Asks to have something done." } },
      metrics: { type: { accuracy: 0.8125, macroF1: 0.75 } },
      calibration: { type: { temperature: 1.1, threshold: 0.5 } },
      examples: 1204,
      ...manifest,
    },
  };
}
