/** Turns text into the numbers of its tokens, by the `tokenizer.json` that comes with an encoder. */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { EncoderConfigError } from "./config-error.ts";

export interface TokenizerOptions {
  /** Path of tokenizer.json. */
  readonly path: string;
  /** The most tokens of a text, special ones counted; the rest is cut off. */
  readonly maxTokens: number;
  /** Put before every text. */
  readonly prefix: string;
}

export interface Tokenizer {
  /** @returns the text's tokens with the special ones around them: at least one, at most `maxTokens` */
  encode(text: string): Int32Array;
  /** What fills the rest of a row. Some encoders count positions by it, so it has to be the right one. */
  readonly padId: number;
}

/** What is used of the library, whose own types do not resolve here. */
interface Library {
  encode(text: string, options?: { add_special_tokens: boolean }): { ids: number[] };
}

/** Hardly a token is longer, so that what lies behind can only be cut off; and a huge text costs no more than a long one. */
const charactersPerToken = 32;

/** The fields that we read ourselves; the library knows the others. */
const fileSchema = z.looseObject({
  model: z.looseObject({}),
  added_tokens: z.array(z.looseObject({ id: z.int().min(0), content: z.string() })).default([]),
  padding: z.looseObject({ pad_id: z.int().min(0) }).nullish(),
  normalizer: z.unknown().default(null),
  pre_tokenizer: z.unknown().default(null),
  post_processor: z.unknown().default(null),
  decoder: z.unknown().default(null),
});
type TokenizerFile = z.output<typeof fileSchema>;

/** Reads the file: WordPiece, Unigram and BPE. Throws an `EncoderConfigError` where it cannot be used. */
export async function openTokenizer({ path, maxTokens, prefix }: TokenizerOptions): Promise<Tokenizer> {
  const file = await readTokenizerFile(path);
  const library = await openLibrary(file, path);
  const bare = (text: string) => library.encode(text, { add_special_tokens: false }).ids;
  const { before, after } = specialTokens(library, path);
  const room = maxTokens - before.length - after.length;
  if (room < 1) {
    throw new EncoderConfigError(
      `maxTokens is ${maxTokens}, and the special tokens of ${path} alone take ${maxTokens - room}: raise it`,
    );
  }
  const padId = padOf(file);
  return {
    padId,
    encode(text) {
      const cut = (prefix + text).slice(0, maxTokens * charactersPerToken).toWellFormed();
      const tokens = [...before, ...bare(cut).slice(0, room), ...after];
      // An encoder takes no row without a token.
      return Int32Array.from(tokens.length > 0 ? tokens : [padId]);
    },
  };
}

async function readTokenizerFile(path: string): Promise<TokenizerFile> {
  const advice = "expected the tokenizer.json that belongs to the encoder";
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new EncoderConfigError(`${path} cannot be read: ${advice}`, { cause: error });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new EncoderConfigError(`${path} is not JSON: ${advice}`, { cause: error });
  }
  const file = fileSchema.safeParse(json);
  if (file.success) return file.data;
  throw new EncoderConfigError(`${path} is no tokenizer: ${advice}. ${z.prettifyError(file.error)}`);
}

async function openLibrary(file: TokenizerFile, path: string): Promise<Library> {
  // Only where an encoder is used: the hub starts without it.
  const { Tokenizer: Known } = await import("@huggingface/tokenizers");
  try {
    return new Known(file, {}) as Library;
  } catch (error) {
    const message = `${path} holds a kind of tokenizer that is not known here: WordPiece, Unigram and BPE are`;
    throw new EncoderConfigError(message, { cause: error });
  }
}

/** The special tokens around a text, found by looking what a text gets: the file has several ways to say it. */
function specialTokens(library: Library, path: string): { before: number[]; after: number[] } {
  const probe = "a";
  const whole = library.encode(probe).ids;
  const body = library.encode(probe, { add_special_tokens: false }).ids;
  if (whole.some((id) => !Number.isInteger(id)) || body.length === 0)
    throw new EncoderConfigError(`${path} has no number for "${probe}": expected a vocabulary with letters`);
  const at = whole.findIndex((_, start) => body.every((id, offset) => whole[start + offset] === id));
  if (at < 0)
    throw new EncoderConfigError(`${path} changes a text where it adds special tokens: not supported`);
  return { before: whole.slice(0, at), after: whole.slice(at + body.length) };
}

function padOf(file: TokenizerFile): number {
  const named = file.added_tokens.find(({ content }) => content === "[PAD]" || content === "<pad>");
  return file.padding?.pad_id ?? named?.id ?? 0;
}
