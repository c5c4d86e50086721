/** How fast an encoder is through the batches of all callers, beside the model alone on batches that are ready. */
import { createRandom, pick } from "../../train/random.ts";
import { createEncoder } from "../encoder.ts";
import { packRows, type RowBatch } from "../row-batch.ts";
import { openSession, type Provider } from "../session.ts";
import { openTokenizer, type Tokenizer } from "../tokenizer.ts";
import type { EncoderFiles } from "./make-tiny-encoder.ts";

export interface Speed {
  /** Tokens in a batch, padding counted. */
  readonly batchTokens: number;
  /** Texts a second through `encode`, tokenizing counted, asked for one by one by many callers. */
  readonly batched: number;
  /** Texts a second through the model alone: tokenized, sorted by length and packed before. */
  readonly plain: number;
  /** The first by the second; the middle one of all rounds, as both share what else the machine does in a round. */
  readonly ratio: number;
  /** Share of padding in the batches of `encode`. */
  readonly padding: number;
}

const maxTokens = 128;
const rounds = 9;

/** Texts of 1 to 60 words, the same for the same count. */
export function makeTexts(count: number): string[] {
  const random = createRandom(1);
  const words = [
    "the",
    "order",
    "parcel",
    "invoice",
    "not",
    "arrived",
    "where",
    "заказ",
    "нет",
    "box",
    "late?",
  ];
  return Array.from({ length: count }, () => {
    const length = 1 + Math.floor(random() * 60);
    return Array.from({ length }, () => pick(random, words)).join(" ");
  });
}

/** Measures both in turn on one provider, in many short rounds; the best of each counts, as others use the machine too. */
export async function measureSpeed(
  files: EncoderFiles,
  provider: Provider,
  texts: readonly string[],
  batchTokens: number,
): Promise<Speed> {
  const tokenizer = await openTokenizer({ path: files.tokenizerPath, maxTokens, prefix: "" });
  const probe = packRows([tokenizer.encode("a")], tokenizer.padId);
  const plain = await openSession({
    ...files,
    providers: [provider],
    pooling: "mean",
    probe,
    longProbe: probe,
  });
  const encoder = await createEncoder({
    ...files,
    providers: [provider],
    maxTokens,
    batch: { tokens: batchTokens, queue: texts.length },
  });
  const best = { batched: 0, plain: 0 };
  const ratios: number[] = [];
  // The first round only warms up.
  for (let round = 0; round <= rounds; round += 1) {
    const packed = packSorted(tokenizer, texts, batchTokens);
    const alone = await perSecond(texts.length, async () => {
      for (const batch of packed) await plain.run(batch);
    });
    const together = await perSecond(texts.length, () =>
      Promise.all(texts.map((text) => encoder.encode([text]))),
    );
    if (round === 0) continue;
    best.plain = Math.max(best.plain, alone);
    best.batched = Math.max(best.batched, together);
    ratios.push(together / alone);
  }
  const { padding } = encoder.stats();
  await encoder.close();
  await plain.close();
  const ratio = ratios.sort((a, b) => a - b)[Math.floor(ratios.length / 2)] ?? Number.NaN;
  return { batchTokens, ...best, ratio, padding };
}

async function perSecond(count: number, work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (count * 1_000) / (performance.now() - started);
}

function packSorted(tokenizer: Tokenizer, texts: readonly string[], batchTokens: number): RowBatch[] {
  const rows = texts.map((text) => tokenizer.encode(text)).sort((a, b) => a.length - b.length);
  const batches: Int32Array[][] = [];
  let last: Int32Array[] = [];
  for (const row of rows) {
    if (last.length === 0 || (last.length + 1) * row.length > batchTokens) {
      last = [];
      batches.push(last);
    }
    last.push(row);
  }
  return batches.map((batch) => packRows(batch, tokenizer.padId));
}
