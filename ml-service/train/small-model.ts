/** A small model of the project's own messages, for tests: trained in a second, without foreign data. */
import { join } from "node:path";
import type { Model } from "../model.ts";
import { shippedVectors } from "../word-vectors.ts";
import { readSamples } from "./samples.ts";
import { defaultCalibration, defaultOptions } from "./settings.ts";
import { calibrate, partOf, train } from "./train.ts";

/** Always the same model. */
export function trainSmall(): Model {
  const examples = readSamples(join(import.meta.dirname, "samples"), 2);
  const parts = Map.groupBy(examples, ({ group }) => partOf(group));
  const vectors = shippedVectors();
  const small = { ...defaultOptions, name: "small", bits: 13, stemBits: 14, hidden: 16, epochs: 2, vectors };
  return calibrate(train(parts.get("train") ?? [], small), parts.get("calibrate") ?? [], {
    ...defaultCalibration,
    vectors,
  });
}
