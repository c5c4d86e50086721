/** What may stand in `hub.yaml` about a text encoder that a company brings. */
import { z } from "zod";

export const encoderSchema = z.strictObject({
  model: z.string().min(1).describe("The ONNX model, a path relative to this file."),
  tokenizer: z
    .string()
    .min(1)
    .describe("The tokenizer.json that belongs to it, a path relative to this file."),
  providers: z
    .array(z.enum(["cuda", "webgpu", "cpu"]))
    .min(1)
    .default(["cpu"])
    .describe("What computes: the first of these that works. With cpu as the last one it always does."),
  maxTokens: z
    .int()
    .min(8)
    .max(8_192)
    .default(128)
    .describe("Tokens of a text that are looked at; what is longer is cut off."),
  prefix: z
    .string()
    .max(1_000)
    .optional()
    .describe(
      'Put before every text, where the encoder was trained so: "query: " for the e5 family. Default: nothing.',
    ),
  pooling: z
    .enum(["mean", "cls"])
    .default("mean")
    .describe("How the tokens' vectors become one: their mean, or the first one, as for the bge family."),
  batchTokens: z
    .int()
    .min(64)
    .max(1_000_000)
    .optional()
    .describe("Tokens in one run, filling counted. Default: 512 on the processor, 16384 on a card."),
  waitMs: z
    .int()
    .min(0)
    .max(1_000)
    .default(5)
    .describe("Milliseconds that a text waits at most for others to share its run."),
  queue: z
    .int()
    .min(1)
    .max(100_000)
    .default(1_024)
    .describe("Texts in line; who comes with more waits until there is room."),
  threads: z
    .int()
    .min(1)
    .max(256)
    .optional()
    .describe("Threads of the processor for one run. Default: one for each physical core."),
});
