/** Trains the default model and writes it with a manifest that people can read. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { labels } from "../labels.ts";
import { saveModel } from "../model.ts";
import { shippedVectors } from "../word-vectors.ts";
import type { Example } from "./examples.ts";
import { judge } from "./judge.ts";
import type { Figures } from "./metrics.ts";
import { readSamples } from "./samples.ts";
import { type Mapping, readMapping, readSets } from "./sets.ts";
import { defaultCalibration, defaultOptions, sampleVariants } from "./settings.ts";
import { calibrate, partOf, train } from "./train.ts";

export interface TrainDefaultOptions {
  /** The folder with the open sets (default: `../shared/data` beside the code). */
  readonly data?: string | undefined;
  /** The model's file (default: the one that comes with the code); its manifest lies beside it. */
  readonly out?: string | undefined;
}

/** Trains, writes the model and its manifest, and prints the held-out figures. About 25 seconds on one core. */
export function trainDefault(options: TrainDefaultOptions = {}): void {
  const {
    data = join(import.meta.dirname, "../../../shared/data"),
    out = join(import.meta.dirname, "../models/default.bin"),
  } = options;
  const started = performance.now();
  const mapping = readMapping();
  const own = readSamples(join(import.meta.dirname, "samples"), sampleVariants);
  const { examples: open, missing } = readSets(data, mapping);
  if (missing.length > 0) console.warn(`not in ${data}, so trained without: ${missing.join(", ")}`);
  const examples = [...own, ...open];
  const parts = Map.groupBy(examples, ({ group }) => partOf(group));
  const vectors = shippedVectors();
  const trained = train(parts.get("train") ?? [], { ...defaultOptions, vectors });
  const model = calibrate(trained, parts.get("calibrate") ?? [], { ...defaultCalibration, vectors });
  saveModel(out, model);
  const judgement = judge(model, parts.get("test") ?? [], vectors);
  const manifest = {
    name: defaultOptions.name,
    version: defaultOptions.version,
    labels,
    data: describeData(examples, mapping),
    options: { ...defaultOptions, labels: undefined, languages: defaultOptions.languages.join(" ") },
    precision: defaultCalibration.precision,
    heads: model.header.heads.map(({ name, temperature, threshold }) => ({ name, temperature, threshold })),
    dataHash: model.header.dataHash,
    heldOut: judgement,
  };
  writeFileSync(out.replace(/(\.bin)?$/, ".json"), `${JSON.stringify(manifest, roundFigure, 2)}\n`);
  for (const [head, bySource] of Object.entries(judgement)) {
    console.log(head);
    console.table(
      Object.fromEntries(Object.entries(bySource).map(([source, row]) => [source, rounded(row)])),
    );
  }
  console.log(`${examples.length} examples, ${((performance.now() - started) / 1_000).toFixed(1)} s: ${out}`);
}

function describeData(all: readonly Example[], sets: Mapping) {
  const names = [...new Set(all.map(({ source }) => source))];
  return names.map((name) => ({
    name,
    examples: all.filter(({ source }) => source === name).length,
    licence: name in sets ? (sets as Record<string, { licence?: string }>)[name]?.licence : "Apache-2.0",
  }));
}

function rounded(figures: Figures): Record<string, number> {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Number(value.toFixed(3))]));
}

function roundFigure(_: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}
