/** What models are trained with. */
import { headLabels } from "../labels.ts";
import type { Example } from "./examples.ts";
import type { CalibrateOptions, TrainOptions } from "./train.ts";

/** How many messages one written line becomes. */
export const sampleVariants = 20;

/** The same for every company and every set: chosen by cross-validation on the training parts of the public sets. */
export const learner = {
  bits: 17,
  stemBits: 18,
  hidden: 128,
  members: 3,
  seed: 7,
  deepRate: 0.07,
  wideRate: 0.1,
  featureDropout: 0.5,
  hiddenDropout: 0.2,
  wordDropout: 0.4,
  balance: false,
} as const;

/** The default model: smaller, since it comes with the code. */
export const defaultOptions: Omit<TrainOptions, "vectors"> = {
  ...learner,
  name: "default",
  version: "2.0.0",
  labels: headLabels,
  bits: 16,
  hidden: 64,
  members: 1,
  balance: true,
  languages: ["en", "ru", "de"],
};

/** The project's own messages are most like what a support desk gets. */
export const defaultCalibration: Omit<CalibrateOptions, "vectors"> = {
  precision: { type: 0.85, priority: 0.8, department: 0.9, scope: 0.9 },
  weightOf: ({ source }: Example) => (source.startsWith("own-") ? 10 : 1),
};
