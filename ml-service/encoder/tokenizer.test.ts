import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeTempFolder } from "../../core/testing/temp-folder.ts";
import { EncoderConfigError } from "./config-error.ts";
import { makeTokenizer, type TokenizerKind } from "./testing/tiny-tokenizer.ts";
import { openTokenizer } from "./tokenizer.ts";

let folder: string;
beforeAll(async () => {
  folder = await makeTempFolder("tokenizer");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function write(content: object | string, name = "tokenizer.json"): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

interface Vocabulary {
  model: { vocab: Record<string, number> | [string, number][] };
}

/** The tokens of a text as they are written, so that a test can be read. */
async function tokensOf(
  kind: TokenizerKind,
  text: string,
  options: { maxTokens?: number; prefix?: string } = {},
) {
  const file = makeTokenizer(kind) as Vocabulary;
  const path = await write(file, `${kind}.json`);
  const { encode } = await openTokenizer({ path, maxTokens: 128, prefix: "", ...options });
  const { vocab } = file.model;
  const pairs = Array.isArray(vocab) ? vocab.map(([name], id) => [name, id] as const) : Object.entries(vocab);
  const names = new Map(pairs.map(([name, id]) => [id, name]));
  return Array.from(encode(text), (id) => names.get(id)).join(" ");
}

test("WordPiece, Unigram and BPE are read, with their special tokens", async () => {
  expect(await tokensOf("WordPiece", "The Orders, мой!")).toBe("[CLS] the order ##s , мой ! [SEP]");
  expect(await tokensOf("Unigram", "order где")).toBe("<s> ▁order ▁где </s>");
  expect(await tokensOf("BPE", "the order")).toBe("<s> the Ġorder </s>");
});

test("a long text is cut, and keeps its special tokens", async () => {
  expect(await tokensOf("WordPiece", "where is my order", { maxTokens: 4 })).toBe("[CLS] where is [SEP]");
  expect(await tokensOf("Unigram", "where ".repeat(500_000), { maxTokens: 3 })).toBe("<s> ▁where </s>");
});

test("the prefix stands before every text", async () => {
  expect(await tokensOf("Unigram", "order", { prefix: "where is " })).toBe("<s> ▁where ▁is ▁order </s>");
});

test("empty and broken text gives a row all the same", async () => {
  expect(await tokensOf("WordPiece", "")).toBe("[CLS] [SEP]");
  expect(await tokensOf("WordPiece", "\u0000\ud800\u0007")).toBe("[CLS] [SEP]");
  expect(await tokensOf("Unigram", "\ud83d")).toBe("<s> ▁ <unk> </s>");
  const path = await write({ ...makeTokenizer("BPE"), post_processor: null });
  const { encode, padId } = await openTokenizer({ path, maxTokens: 8, prefix: "" });
  expect([...encode("")]).toEqual([padId]);
});

test("the number that fills a row is the tokenizer's own", async () => {
  const pad = async (file: object) =>
    (await openTokenizer({ path: await write(file), maxTokens: 8, prefix: "" })).padId;
  expect(await pad(makeTokenizer("WordPiece"))).toBe(0);
  expect(await pad(makeTokenizer("Unigram"))).toBe(1);
  expect(await pad({ ...makeTokenizer("Unigram"), padding: { pad_id: 7 } })).toBe(7);
});

test("a file that cannot be used is told by name, with what was expected", async () => {
  const open = (path: string, maxTokens = 8) => openTokenizer({ path, maxTokens, prefix: "" });
  const refused = async (content: object | string) => {
    const error = await open(await write(content)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(EncoderConfigError);
    return (error as Error).message.replace(folder, "…");
  };
  expect(await refused("{")).toBe(
    "…/tokenizer.json is not JSON: expected the tokenizer.json that belongs to the encoder",
  );
  expect(await refused({ version: "1.0" })).toMatch(
    /^…\/tokenizer.json is no tokenizer: expected .* at model/s,
  );
  const strange = { ...makeTokenizer("BPE"), model: { type: "Runes" } };
  expect(await refused(strange)).toMatch(
    /kind of tokenizer that is not known here: WordPiece, Unigram and BPE are$/,
  );
  await expect(open(join(folder, "none.json"))).rejects.toThrow(/none.json cannot be read: expected/);
  const path = await write(makeTokenizer("BPE"));
  await expect(open(path, 2)).rejects.toThrow(
    /maxTokens is 2, and the special tokens of .* alone take 2: raise it/,
  );
});
