/** What the default model is trained with. */
import type { TrainOptions } from "./train.ts";

/** How many messages one written line becomes. */
export const sampleVariants = 20;

export const defaultOptions: TrainOptions = {
  name: "default",
  version: "1.0.0",
  bits: 17,
  stemBits: 18,
  epochs: 6,
  rate: 0.4,
  l2: 3e-4,
  seed: 7,
  languages: ["en", "ru", "de"],
  precision: { type: 0.8, priority: 0.75, department: 0.85, scope: 0.9 },
};
