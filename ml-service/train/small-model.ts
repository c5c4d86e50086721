/** A small model of the project's own messages, for tests: trained in a second, without foreign data. */
import { join } from "node:path";
import type { Model } from "../model.ts";
import { readSamples } from "./samples.ts";
import { defaultOptions } from "./settings.ts";
import { train } from "./train.ts";

/** Always the same model. */
export function trainSmall(): Model {
  const examples = readSamples(join(import.meta.dirname, "samples"), 2);
  return train(examples, { ...defaultOptions, name: "small", bits: 13, stemBits: 14, epochs: 2 });
}
