/** Small tokenizers of the three kinds, as the content of a tokenizer.json. */

export type TokenizerKind = "WordPiece" | "Unigram" | "BPE";

const letters = [..."abcdefghijklmnopqrstuvwxyzäöüßабвгдежзийклмнопрстуфхцчшщъыьэюя0123456789.,!?:-"];
const words = [
  "the",
  "order",
  "parcel",
  "invoice",
  "not",
  "arrived",
  "where",
  "is",
  "my",
  "заказ",
  "где",
  "мой",
  "нет",
];

/** @returns what belongs into tokenizer.json; its numbers stay below 300 */
export function makeTokenizer(kind: TokenizerKind): object {
  return { WordPiece: wordPiece, Unigram: unigram, BPE: bpe }[kind]();
}

function wordPiece(): object {
  const tokens = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    ...letters,
    ...letters.map((one) => `##${one}`),
    ...words,
    "##s",
  ];
  return {
    ...common(["[PAD]", "[UNK]", "[CLS]", "[SEP]"], template("[CLS]", 2, "[SEP]", 3)),
    normalizer: { type: "BertNormalizer", clean_text: true, lowercase: true, strip_accents: false },
    pre_tokenizer: { type: "BertPreTokenizer" },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      vocab: numbered(tokens),
    },
  };
}

/** Like that of XLM-R: the mark of a word's start is part of the token. */
function unigram(): object {
  const special = ["<s>", "<pad>", "</s>", "<unk>"];
  const scored = [...special.map((token) => [token, 0]), ["▁", -3], ...letters.map((one) => [one, -6])];
  return {
    ...common(special, template("<s>", 0, "</s>", 2)),
    normalizer: { type: "NFKC" },
    pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always" },
    model: { type: "Unigram", unk_id: 3, vocab: [...scored, ...words.map((word) => [`▁${word}`, -4])] },
  };
}

/** Like that of RoBERTa: bytes as letters, a space as Ġ. */
function bpe(): object {
  const special = ["<s>", "<pad>", "</s>", "<unk>"];
  const bytes = [...byteLetters()];
  const merges = ["t h", "th e", "o r", "d e", "or de", "orde r", "Ġ order"];
  const merged = merges.map((pair) => pair.replace(" ", ""));
  return {
    ...common(special, template("<s>", 0, "</s>", 2)),
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    model: { type: "BPE", unk_token: "<unk>", vocab: numbered([...special, ...bytes, ...merged]), merges },
  };
}

/** What stands for each byte: itself where it can be seen, else one of the letters from U+0100 on. */
function* byteLetters(): Generator<string> {
  let hidden = 0;
  for (let byte = 0; byte < 256; byte += 1) {
    const visible = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    yield String.fromCharCode(visible ? byte : 256 + hidden++);
  }
}

function common(special: readonly string[], post_processor: object): object {
  const added_tokens = special.map((content, id) => ({
    id,
    content,
    special: true,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
  }));
  return { version: "1.0", truncation: null, padding: null, added_tokens, post_processor, decoder: null };
}

function template(first: string, firstId: number, last: string, lastId: number): object {
  const token = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
  const entry = (id: string, number: number) => ({ id, ids: [number], tokens: [id] });
  return {
    type: "TemplateProcessing",
    single: [token(first), { Sequence: { id: "A", type_id: 0 } }, token(last)],
    pair: [],
    special_tokens: { [first]: entry(first, firstId), [last]: entry(last, lastId) },
  };
}

function numbered(tokens: readonly string[]): Record<string, number> {
  return Object.fromEntries(tokens.map((token, id) => [token, id]));
}
