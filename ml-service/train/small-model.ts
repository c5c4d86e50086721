/** A small model of the project's own messages, for tests: trained in a second, without foreign data. */
import { join } from "node:path";
import type { Model } from "../model.ts";
import { shippedVectors } from "../word-vectors.ts";
import { readSamples } from "./samples.ts";
import { defaultCalibration, defaultOptions } from "./settings.ts";
import { calibrate, partOf, type TrainOptions, train } from "./train.ts";

/** The same options make the same model. */
export function trainSmall(options: Partial<TrainOptions> = {}): Model {
  const examples = readSamples(join(import.meta.dirname, "samples"), 2);
  const parts = Map.groupBy(examples, ({ group }) => partOf(group));
  const vectors = shippedVectors();
  const sizes = { bits: 13, stemBits: 14, hidden: 16, epochs: 2 };
  const small = { ...defaultOptions, name: "small", ...sizes, vectors, ...options };
  return calibrate(train(parts.get("train") ?? [], small), parts.get("calibrate") ?? [], {
    ...defaultCalibration,
    vectors,
  });
}
