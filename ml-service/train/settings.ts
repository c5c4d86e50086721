/** What the default model is trained with. */
import type { TrainOptions } from "./train.ts";

/** How many messages one written line becomes. */
export const sampleVariants = 12;

export const defaultOptions: TrainOptions = {
  name: "default",
  version: "1.1.0",
  bits: 17,
  stemBits: 18,
  epochs: 6,
  rate: 0.2,
  l2: 1e-4,
  seed: 7,
  languages: ["en", "ru", "de"],
  calibrateOn: "own-",
  precision: { type: 0.85, priority: 0.8, department: 0.9, scope: 0.9 },
};
