/** Tells one encoder from another: what was learnt with one is of no use with another. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { EncoderConfigError } from "./config-error.ts";
import type { EncoderOptions } from "./encoder.ts";

/**
 * A digest of the files and of the settings that change vectors; what computes, and in which batches, changes none.
 * @throws EncoderConfigError where a file cannot be read
 */
export async function identityOf(options: EncoderOptions): Promise<string> {
  const { modelPath, tokenizerPath, maxTokens = 128, prefix = "", pooling = "mean" } = options;
  const hash = createHash("sha256").update(JSON.stringify([maxTokens, prefix, pooling]));
  for (const path of [modelPath, tokenizerPath]) {
    try {
      await pipeline(createReadStream(path), async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) hash.update(chunk);
      });
    } catch (cause) {
      throw new EncoderConfigError(`${path} cannot be read: correct the encoder's paths`, { cause });
    }
  }
  return hash.digest("hex").slice(0, 16);
}
