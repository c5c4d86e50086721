/** A text encoder on the processor: many callers through its batches, beside the model alone on batches that are ready. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeEncoder } from "../ml-service/encoder/testing/make-tiny-encoder.ts";
import { makeTexts, measureSpeed } from "../ml-service/encoder/testing/speed.ts";
import { tinyShape } from "../ml-service/encoder/testing/tiny-encoder.ts";
import type { Figure } from "./figures.ts";

/** Half of multilingual-e5-small's layers. */
const shape = { ...tinyShape, layers: 6, width: 384, heads: 12, inner: 1_536 };
const texts = 128;
const batchTokens = 512;

export async function benchEncoder(): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), "deskwire-bench-encoder-"));
  try {
    const files = await writeEncoder(folder, { shape });
    const speed = await measureSpeed(files, "cpu", makeTexts(texts), batchTokens);
    return [
      { name: "texts through the batches", value: speed.batched, unit: "texts/s" },
      { name: "texts through the model alone", value: speed.plain, unit: "texts/s" },
      { name: "batches beside the model alone", value: speed.ratio, unit: "ratio", goal: 0.9 },
      { name: "filling among the tokens", value: speed.padding, unit: "share" },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
