/** An ONNX model in onnxruntime: opening it on the first provider that works, and running a batch through it. */
import type { InferenceSession, Tensor } from "onnxruntime-node";
import { EncoderConfigError } from "./config-error.ts";
import { type Pooling, poolRows, unitRows } from "./pooling.ts";
import type { RowBatch } from "./row-batch.ts";

/** What computes: an NVIDIA card, any card by WebGPU, or the processor. */
export type Provider = "cuda" | "webgpu" | "cpu";

export interface SessionOptions {
  readonly modelPath: string;
  /** Tried in this order. */
  readonly providers: readonly Provider[];
  /** Threads for one run on the processor; onnxruntime decides where it is not given. */
  readonly threads?: number | undefined;
  readonly pooling: Pooling;
  /** A short text, run to see whether a provider works. */
  readonly probe: RowBatch;
  /** A text of the greatest length, run to see whether the model takes it. */
  readonly longProbe: RowBatch;
}

/** A provider that did not open, and why. */
export interface ProviderFailure {
  readonly provider: Provider;
  readonly reason: string;
}

export interface SessionFacts {
  readonly provider: Provider;
  readonly failed: readonly ProviderFailure[];
  /** Numbers in a vector. */
  readonly dimensions: number;
}

export interface Session extends SessionFacts {
  /** @returns a vector of length 1 for each row, one behind the other */
  run(batch: RowBatch): Promise<Float32Array<ArrayBuffer>>;
  close(): Promise<void>;
}

type Runtime = typeof import("onnxruntime-node");

/**
 * Opens the model on the first provider that really runs a text. One at a time: asked for several at once, onnxruntime
 * refuses all where the libraries of one are missing.
 * Throws an `EncoderConfigError` where none works, the model is no text encoder, or onnxruntime-node is not installed.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const runtime = await loadRuntime();
  const failed: ProviderFailure[] = [];
  for (const provider of options.providers) {
    const session = await openOn(runtime, provider, options).catch((error: unknown) => {
      if (error instanceof EncoderConfigError) throw error;
      failed.push({ provider, reason: reasonOf(error) });
    });
    if (session) return { ...session, failed };
  }
  throw new EncoderConfigError(`${options.modelPath} opens on none of its providers. ${adviceFor(failed)}`);
}

async function openOn(
  runtime: Runtime,
  provider: Provider,
  { modelPath, threads, pooling, probe, longProbe }: SessionOptions,
): Promise<Omit<Session, "failed">> {
  const inference = await runtime.InferenceSession.create(modelPath, {
    executionProviders: [provider],
    logSeverityLevel: 4,
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    // Threads that spin until the next batch would take the processor from the rest of the hub.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  });
  try {
    const run = runner(runtime, inference, modelPath, pooling);
    const dimensions = (await run(probe)).length;
    await run(longProbe).catch((cause: unknown) => {
      throw new EncoderConfigError(
        `${modelPath} takes no text of ${longProbe.width} tokens: lower maxTokens. ${reasonOf(cause)}`,
        { cause },
      );
    });
    return { provider, dimensions, run, close: () => inference.release() };
  } catch (error) {
    await inference.release();
    throw error;
  }
}

async function loadRuntime(): Promise<Runtime> {
  let runtime: Runtime;
  try {
    runtime = await import("onnxruntime-node");
  } catch (cause) {
    throw new EncoderConfigError(
      `an encoder needs onnxruntime-node, which does not load here (${reasonOf(cause)}): install it with "npm run install-encoder"`,
      { cause },
    );
  }
  // What it would print of itself comes as an error too.
  runtime.env.logLevel = "fatal";
  return runtime;
}

function runner(runtime: Runtime, inference: InferenceSession, path: string, pooling: Pooling) {
  const inputs = inputsOf(inference, path);
  const output = outputOf(inference, path);
  return async ({ ids, lengths, width }: RowBatch): Promise<Float32Array<ArrayBuffer>> => {
    const dims = [lengths.length, width];
    const tensor = (values: Int32Array) => new runtime.Tensor("int64", int64(values), dims);
    const values = {
      input_ids: () => ids,
      attention_mask: () => maskOf(lengths, width),
      token_type_ids: () => new Int32Array(ids.length),
    };
    const feeds = Object.fromEntries(inputs.map((name) => [name, tensor(values[name]())]));
    const result = (await inference.run(feeds, [output]))[output] as Tensor;
    try {
      return vectorsOf(result, lengths, pooling, path);
    } finally {
      result.dispose();
    }
  };
}

function vectorsOf(
  output: Tensor,
  lengths: Int32Array,
  pooling: Pooling,
  path: string,
): Float32Array<ArrayBuffer> {
  const { data, dims } = output;
  if (!(data instanceof Float32Array)) {
    throw new EncoderConfigError(`${path} answers in ${output.type}: export it with an output of float32`);
  }
  const dimensions = dims.at(-1) ?? 0;
  const [rows, width] = dims;
  if (rows !== lengths.length || dims.length < 2 || dims.length > 3) {
    throw new EncoderConfigError(
      `${path} answers in the shape [${dims}] to ${lengths.length} texts: expected [texts, tokens, numbers] or [texts, numbers]`,
    );
  }
  const ready = dims.length === 2;
  return unitRows(
    ready ? data.slice() : poolRows(data, lengths, width ?? 0, dimensions, pooling),
    dimensions,
  );
}

const known = ["input_ids", "attention_mask", "token_type_ids"] as const;
type Input = (typeof known)[number];

function inputsOf({ inputMetadata }: InferenceSession, path: string): Input[] {
  const has = inputMetadata.map((input) => `${input.name} (${input.isTensor ? input.type : "no tensor"})`);
  const inputs = known.filter((name) => has.includes(`${name} (int64)`));
  if (inputs.length === has.length && inputs.includes("input_ids") && inputs.includes("attention_mask"))
    return inputs;
  throw new EncoderConfigError(
    `${path} is no text encoder that can be used here: expected the inputs input_ids and attention_mask, and ` +
      `token_type_ids at most, all int64; it has ${has.join(", ") || "none"}`,
  );
}

/** A ready embedding where there is one, else what is pooled; not `pooler_output`, which is made for another task. */
function outputOf({ outputNames }: InferenceSession, path: string): string {
  const preferred = ["sentence_embedding", "last_hidden_state", "token_embeddings"];
  const name =
    preferred.find((one) => outputNames.includes(one)) ??
    (outputNames.length === 1 ? outputNames[0] : undefined);
  if (name !== undefined) return name;
  throw new EncoderConfigError(
    `${path} has the outputs ${outputNames.join(", ")}: expected one of ${preferred.join(", ")}, or a single one`,
  );
}

/** The numbers are at least 0, so the upper halves are too; making a BigInt of each takes ten times longer. */
function int64(values: Int32Array): BigInt64Array {
  const halves = new Int32Array(values.length * 2);
  for (let at = 0; at < values.length; at += 1) halves[at * 2] = values[at] as number;
  return new BigInt64Array(halves.buffer);
}

function maskOf(lengths: Int32Array, width: number): Int32Array {
  const mask = new Int32Array(lengths.length * width);
  for (const [row, length] of lengths.entries()) mask.fill(1, row * width, row * width + length);
  return mask;
}

/** The first line, without the place in onnxruntime's own source and the check that stand before some. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return (message.trim().split("\n")[0] ?? "").replace(/^\/.*? was false\. /, "");
}

function adviceFor(failed: readonly ProviderFailure[]): string {
  const reasons = failed.map(({ provider, reason }) => `${provider}: ${reason}`).join("; ");
  const names = failed.map(({ provider }) => provider);
  if (names.includes("cpu")) return `Is it a whole ONNX model? ${reasons}`;
  return `Name cpu as the last provider, or bring what ${names.join(" and ")} needs (docs/encoder.md). ${reasons}`;
}
