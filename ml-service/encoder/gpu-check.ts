/** Tries an encoder on each provider of this machine and prints how fast it is: `node ml-service/encoder/gpu-check.ts`. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { EncoderConfigError } from "./config-error.ts";
import { createEncoder } from "./encoder.ts";
import type { Provider } from "./session.ts";
import { type EncoderFiles, writeEncoder } from "./testing/make-tiny-encoder.ts";
import { makeTexts, measureSpeed, type Speed } from "./testing/speed.ts";
import { tinyShape } from "./testing/tiny-encoder.ts";

const { values } = parseArgs({
  options: {
    layers: { type: "string", default: "6" },
    width: { type: "string", default: "384" },
    texts: { type: "string" },
  },
});
const count = z.coerce.number().int().positive();
const layers = count.parse(values.layers);
const width = count.multipleOf(32).parse(values.width);

/** What is worth trying: a card wants far larger batches than a processor. */
const settings: Record<Provider, { texts: number; batchTokens: number[] }> = {
  cuda: { texts: 8_192, batchTokens: [4_096, 16_384, 65_536] },
  webgpu: { texts: 2_048, batchTokens: [4_096, 16_384] },
  cpu: { texts: 128, batchTokens: [512, 2_048] },
};

/** Whether the provider runs a text here; says so where it does not. */
async function opens(files: EncoderFiles, provider: Provider): Promise<boolean> {
  try {
    await (await createEncoder({ ...files, providers: [provider] })).close();
    return true;
  } catch (error) {
    if (!(error instanceof EncoderConfigError)) throw error;
    console.log(`${provider}: does not open here. ${error.message}`);
    return false;
  }
}

async function measure(files: EncoderFiles, provider: Provider): Promise<void> {
  const { texts, batchTokens } = settings[provider];
  const sample = makeTexts(values.texts === undefined ? texts : count.parse(values.texts));
  const speeds: Speed[] = [];
  for (const tokens of batchTokens) speeds.push(await measureSpeed(files, provider, sample, tokens));
  console.table(
    speeds.map(({ batched, plain, ratio, padding, ...rest }) => ({
      provider,
      ...rest,
      "batched, texts/s": Math.round(batched),
      "plain, texts/s": Math.round(plain),
      ratio: Number(ratio.toFixed(3)),
      padding: Number(padding.toFixed(3)),
    })),
  );
  const best = (pick: (speed: Speed) => number) => Math.max(...speeds.map(pick));
  const ratio = best(({ batched }) => batched) / best(({ plain }) => plain);
  console.log(`${provider}: ${ratio.toFixed(3)} of what the model alone does at its best batch`);
}

const folder = await mkdtemp(join(tmpdir(), "deskwire-gpu-check-"));
try {
  const shape = { ...tinyShape, layers, width, heads: width / 32, inner: width * 4 };
  const files = await writeEncoder(folder, { shape });
  const cards: Provider[] = [];
  for (const provider of ["cuda", "webgpu"] as const) {
    if (!(await opens(files, provider))) continue;
    cards.push(provider);
    await measure(files, provider);
  }
  if (cards.length === 0) console.log("No card opens here: the processor alone is measured.");
  await measure(files, "cpu");
} finally {
  await rm(folder, { recursive: true, force: true });
}
