/** A company's own text encoder: an ONNX model and its tokenizer, run in batches across callers. */
import { access, constants } from "node:fs/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import { EncoderConfigError } from "./config-error.ts";
import type { Pooling } from "./pooling.ts";
import { packRows } from "./row-batch.ts";
import type { Provider, ProviderFailure } from "./session.ts";
import { type BatchLimits, type BatchStats, createTokenBatches } from "./token-batches.ts";
import { openTokenizer, type Tokenizer } from "./tokenizer.ts";
import { openWorkerSession } from "./worker-session.ts";

export interface EncoderOptions {
  /** Path of the ONNX model. */
  readonly modelPath: string;
  /** Path of the tokenizer.json that belongs to it. */
  readonly tokenizerPath: string;
  /** Tried in this order; the first that runs a text is used. Default: the processor. */
  readonly providers?: readonly Provider[];
  /** The most tokens of a text (default 128); the rest is cut off. */
  readonly maxTokens?: number;
  /** Put before every text, such as "query: " for the e5 family. Default: nothing. */
  readonly prefix?: string;
  /** Default: mean. */
  readonly pooling?: Pooling;
  /** Default: 512 tokens on the processor and 16,384 on a card, 5 ms, 1,024 texts. */
  readonly batch?: Partial<BatchLimits>;
  /** Threads for one run on the processor. Default: as onnxruntime decides, which is one for each physical core. */
  readonly threads?: number;
}

export interface EncoderStats extends BatchStats {
  readonly provider: Provider;
  /** Providers that were asked for first and did not open, with the reason. */
  readonly failedProviders: readonly ProviderFailure[];
}

export interface Encoder {
  /** The provider in use. */
  readonly provider: Provider;
  readonly failedProviders: readonly ProviderFailure[];
  /** Numbers in a vector. */
  readonly dimensions: number;
  /**
   * A vector of length 1 for each text, in order. Waits in turn where more texts wait than `batch.queue`.
   * Rejects as a whole where one of the texts cannot be encoded (the message says which), with the signal's reason where it
   * aborts, and after `close`.
   */
  encode(texts: readonly string[], signal?: AbortSignal): Promise<Float32Array[]>;
  stats(): EncoderStats;
  /** Takes nothing new, finishes what was taken, and frees the model. */
  close(): Promise<void>;
}

/** On a processor large batches are slower: their numbers leave the cache. A card needs them to be busy. */
const defaultTokens: Readonly<Record<Provider, number>> = { cuda: 16_384, webgpu: 16_384, cpu: 512 };

/** Texts that are tokenized before others get a turn of the event loop: a few milliseconds. */
const textsPerTurn = 32;

/**
 * Opens the encoder and runs a text through it.
 * Throws an `EncoderConfigError`, which says what to do, where a file, a provider or onnxruntime-node is missing or unfit.
 */
export async function createEncoder(options: EncoderOptions): Promise<Encoder> {
  const { modelPath, tokenizerPath, providers = ["cpu"], maxTokens = 128, prefix = "", threads } = options;
  await assertReadable(modelPath);
  const tokenizer = await openTokenizer({ path: tokenizerPath, maxTokens, prefix });
  const session = await openWorkerSession({
    modelPath,
    providers,
    threads,
    pooling: options.pooling ?? "mean",
    probe: packRows([tokenizer.encode("a")], tokenizer.padId),
    longProbe: packRows([tokenizer.encode("a ".repeat(maxTokens))], tokenizer.padId),
  });
  const { provider, failed: failedProviders, dimensions } = session;
  const run = async (rows: Int32Array[]) => {
    const vectors = await session.run(packRows(rows, tokenizer.padId));
    return rows.map((_, at) => vectors.slice(at * dimensions, (at + 1) * dimensions));
  };
  const { tokens = defaultTokens[provider], waitMs = 5, queue = 1_024 } = options.batch ?? {};
  const batches = createTokenBatches(run, { tokens, waitMs, queue });
  const stats = () => ({ ...batches.stats(), provider, failedProviders });
  const close = async () => {
    await batches.close();
    await session.close();
  };
  let closed: Promise<void> | undefined;
  return {
    provider,
    failedProviders,
    dimensions,
    async encode(texts, signal) {
      const vectors = await batches.encode(await tokenize(tokenizer, texts, signal), signal);
      const without = vectors.findIndex((vector) => !Number.isFinite(vector[0]));
      if (without < 0) return vectors;
      throw new Error(
        `text ${without + 1} of ${texts.length} cannot be encoded: the model answers with no number`,
      );
    },
    stats,
    close() {
      closed ??= close();
      return closed;
    },
  };
}

async function tokenize(
  tokenizer: Tokenizer,
  texts: readonly string[],
  signal?: AbortSignal,
): Promise<Int32Array[]> {
  const rows: Int32Array[] = [];
  for (const [at, text] of texts.entries()) {
    if (at > 0 && at % textsPerTurn === 0) {
      await nextTurn();
      signal?.throwIfAborted();
    }
    rows.push(tokenizer.encode(text));
  }
  return rows;
}

async function assertReadable(modelPath: string): Promise<void> {
  try {
    await access(modelPath, constants.R_OK);
  } catch (cause) {
    throw new EncoderConfigError(`${modelPath} cannot be read: expected the encoder's ONNX model`, { cause });
  }
}
