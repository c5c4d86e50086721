import { spawnSync } from "node:child_process";
import { cp, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeTempFolder } from "../../core/testing/temp-folder.ts";
import { EncoderConfigError } from "./config-error.ts";
import { createEncoder, type Encoder, type EncoderOptions } from "./encoder.ts";
import { type EncoderFiles, writeEncoder } from "./testing/make-tiny-encoder.ts";
import { createGraph } from "./testing/onnx-file.ts";
import { plainForward } from "./testing/plain-forward.ts";
import { makeEncoder, makeWeights, tinyShape } from "./testing/tiny-encoder.ts";
import { openTokenizer } from "./tokenizer.ts";

const root = join(import.meta.dirname, "../..");
let folder: string;
let files: EncoderFiles;
let encoder: Encoder;
beforeAll(async () => {
  folder = await makeTempFolder("encoder");
  files = await writeEncoder(join(folder, "words"));
  encoder = await createEncoder({ ...files, threads: 1 });
});
afterAll(async () => {
  await encoder.close();
  await rm(folder, { recursive: true, force: true });
});

const text = "My parcel has not arrived, where is it?";

/** The text's vectors by plain arithmetic, without the ONNX file. */
async function plainTokens(of: string): Promise<number[][]> {
  const { encode } = await openTokenizer({ path: files.tokenizerPath, maxTokens: 128, prefix: "" });
  return plainForward(tinyShape, makeWeights(tinyShape, 1), [...encode(of)]);
}

const unit = (vector: readonly number[]) => vector.map((value) => value / Math.hypot(...vector));
const meanOf = (rows: number[][]) =>
  (rows[0] ?? []).map((_, at) => rows.reduce((sum, row) => sum + (row[at] ?? 0), 0) / rows.length);

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Math.max(...Array.from(a, (value, at) => Math.abs(value - (b[at] ?? Number.NaN))));
}

async function refused(options: Partial<EncoderOptions>): Promise<string> {
  const error = await createEncoder({ ...files, ...options }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(EncoderConfigError);
  return (error as Error).message;
}

async function wordNumber(word: string): Promise<number> {
  const { encode } = await openTokenizer({ path: files.tokenizerPath, maxTokens: 128, prefix: "" });
  return encode(word)[1] ?? Number.NaN;
}

async function writeModel(bytes: Uint8Array, name: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

test("a vector is what the same weights give by plain arithmetic", async () => {
  const [vector] = await encoder.encode([text]);
  expect(encoder.dimensions).toBe(tinyShape.width);
  expect(distance(vector ?? [], unit(meanOf(await plainTokens(text))))).toBeLessThan(1e-4);
  expect(Math.hypot(...(vector ?? []))).toBeCloseTo(1, 5);
});

test("a text's vector does not depend on who shares its batch", async () => {
  const [alone] = await encoder.encode([text]);
  const before = encoder.stats().batches;
  const many = await Promise.all(
    ["?", `${text} ${text}`, "", text, "нет"].map((one) => encoder.encode([one])),
  );
  const together = await encoder.encode([`${text} the`, text, "order where is my parcel"]);
  expect(encoder.stats().batches).toBeLessThan(before + 5);
  expect(distance(many[3]?.[0] ?? [], alone ?? [])).toBeLessThan(1e-5);
  expect(distance(together[1] ?? [], alone ?? [])).toBeLessThan(1e-5);
  expect(encoder.stats().padding).toBeGreaterThan(0);
});

test("empty, huge and binary texts get a vector and harm no other", async () => {
  const vectors = await encoder.encode(["", "x".repeat(3_000_000), "\u0000\ud800\ufffe", text]);
  expect(vectors.map((vector) => Math.hypot(...vector).toFixed(3))).toEqual([
    "1.000",
    "1.000",
    "1.000",
    "1.000",
  ]);
  expect(distance(vectors[3] ?? [], (await encoder.encode([text]))[0] ?? [])).toBeLessThan(1e-5);
});

test("a text that the model refuses fails alone", async () => {
  // The model knows fewer tokens than the tokenizer, so that one of those missing makes the whole batch fail.
  const shape = { ...tinyShape, vocabulary: 100 };
  const modelPath = await writeModel(makeEncoder(shape, makeWeights(shape, 1)), "small.onnx");
  const small = await createEncoder({ ...files, modelPath });
  const settled = await Promise.allSettled(["a b c", "c заказ", "b c d"].map((one) => small.encode([one])));
  expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect((settled[1] as PromiseRejectedResult).reason.message).toBe("text 1 of 1 cannot be encoded");
  expect((settled[1] as PromiseRejectedResult).reason.cause.message).toMatch(/out of/);
  await small.close();
});

test("a text for which the model gives no number fails alone", async () => {
  const weights = makeWeights(tinyShape, 1);
  const last = tinyShape.width * (await wordNumber("заказ"));
  weights.get("tokens")?.values.fill(Number.NaN, last, last + tinyShape.width);
  const other = await createEncoder({
    ...files,
    modelPath: await writeModel(makeEncoder(tinyShape, weights), "nan.onnx"),
  });
  const settled = await Promise.allSettled([text, "где заказ"].map((one) => other.encode(["", one])));
  expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  expect((settled[1] as PromiseRejectedResult).reason.message).toBe(
    "text 2 of 2 cannot be encoded: the model answers with no number",
  );
  await other.close();
});

test("a ready sentence embedding is taken as it is, and the first token's vector where that is asked for", async () => {
  const first = unit((await plainTokens(text))[0] ?? []);
  const ready = makeEncoder(tinyShape, makeWeights(tinyShape, 1), "sentence_embedding");
  const modelPath = await writeModel(ready, "ready.onnx");
  for (const options of [{ modelPath }, { pooling: "cls" } as const]) {
    const other = await createEncoder({ ...files, ...options });
    const [vector] = await other.encode([text]);
    expect(distance(vector ?? [], first)).toBeLessThan(1e-4);
    await other.close();
  }
});

test("providers that do not open are passed over and named with the reason", async () => {
  const other = await createEncoder({ ...files, providers: ["cuda", "cpu"] });
  expect(other.provider).toBe("cpu");
  expect(other.stats()).toMatchObject({ provider: "cpu", failedProviders: other.failedProviders });
  expect(other.failedProviders).toEqual([{ provider: "cuda", reason: expect.stringMatching(/./) }]);
  await other.close();
});

test("where only a missing provider is asked for, the error says what to do", async () => {
  expect(await refused({ providers: ["cuda"] })).toMatch(
    /opens on none of its providers\. Name cpu as the last provider, or bring what cuda needs \(docs\/encoder\.md\)\. cuda: ./,
  );
});

test("a file that is no model, or no text encoder, is refused with what it has", async () => {
  expect(await refused({ modelPath: join(folder, "none.onnx") })).toMatch(
    /none.onnx cannot be read: expected/,
  );
  const broken = (await readFile(files.modelPath)).subarray(0, 5_000);
  expect(await refused({ modelPath: await writeModel(broken, "broken.onnx") })).toMatch(
    /opens on none of its providers\. Is it a whole ONNX model\? cpu: ./,
  );
  const graph = createGraph();
  graph.output("pixels_out", graph.input("pixels", ["batch", "width"], "float"), ["batch", "width"]);
  expect(await refused({ modelPath: await writeModel(graph.bytes(), "pictures.onnx") })).toMatch(
    /expected the inputs input_ids and attention_mask, .* it has pixels \(float32\)$/,
  );
});

test("a model that takes no text of maxTokens is found out at the start", async () => {
  expect(await refused({ maxTokens: tinyShape.positions + 1 })).toMatch(
    /takes no text of 161 tokens: lower maxTokens/,
  );
});

test("closing answers what was asked, and nothing after", async () => {
  const other = await createEncoder({ ...files, batch: { waitMs: 60_000 } });
  const asked = other.encode([text, text]);
  // The texts are in line after a turn: tokenizing comes first.
  await expect.poll(() => other.stats().waiting).toBe(2);
  await Promise.all([other.close(), other.close()]);
  expect(await asked).toHaveLength(2);
  await expect(other.encode([text])).rejects.toThrow("the encoder is closed");
});

test("without onnxruntime-node the error says how to install it", async () => {
  const bare = join(folder, "bare");
  const modules = join(root, "node_modules");
  await cp(import.meta.dirname, join(bare, "encoder"), { recursive: true });
  await writeFile(join(bare, "package.json"), '{ "type": "module" }');
  await mkdir(join(bare, "node_modules"));
  for (const name of ["zod", "@huggingface"])
    await symlink(join(modules, name), join(bare, "node_modules", name));
  const script = `import { createEncoder } from "./encoder/encoder.ts";
    await createEncoder(${JSON.stringify(files)}).catch((error) => console.log(error.name, error.message));`;
  await writeFile(join(bare, "start.ts"), script);
  const { stdout, stderr } = spawnSync(process.execPath, ["start.ts"], {
    cwd: bare,
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(stdout).toMatch(
    /^EncoderConfigError an encoder needs onnxruntime-node, .*: install it with "npm run install-encoder"$/m,
  );
});

test("the onnxruntime-node that operators install is the one that is tested", async () => {
  const { scripts, devDependencies } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  expect(scripts["install-encoder"]).toMatch(
    new RegExp(` onnxruntime-node@${devDependencies["onnxruntime-node"]}$`),
  );
});
