/** Writes an encoder and its tokenizer into a folder: `node ml-service/encoder/testing/make-tiny-encoder.ts FOLDER`. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { makeEncoder, makeWeights, type TransformerShape, tinyShape } from "./tiny-encoder.ts";
import { makeTokenizer, type TokenizerKind } from "./tiny-tokenizer.ts";

export interface EncoderFiles {
  readonly modelPath: string;
  readonly tokenizerPath: string;
}

/** Makes the folder where it is missing. */
export async function writeEncoder(
  folder: string,
  { shape = tinyShape, kind = "WordPiece" }: { shape?: TransformerShape; kind?: TokenizerKind } = {},
): Promise<EncoderFiles> {
  const files = { modelPath: join(folder, "model.onnx"), tokenizerPath: join(folder, "tokenizer.json") };
  await mkdir(folder, { recursive: true });
  await writeFile(files.modelPath, makeEncoder(shape, makeWeights(shape, 1)));
  await writeFile(files.tokenizerPath, JSON.stringify(makeTokenizer(kind)));
  return files;
}

if (import.meta.main) {
  const [folder] = parseArgs({ allowPositionals: true }).positionals;
  if (folder === undefined) {
    process.stderr.write("usage: node ml-service/encoder/testing/make-tiny-encoder.ts FOLDER\n");
    process.exit(2);
  }
  console.table(await writeEncoder(folder));
}
