/** Reads the answer of a chat completions API: what is no usable text is refused with a reason, its wrapping comes off. */
import { z } from "zod";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import { textFault } from "../../plugins/contract/events.ts";
import { checkMark } from "./prompt.ts";

/** Longer answers are no replies. In characters. */
export const longestAnswer = 20_000;

const count = z.int().min(0);
const answerSchema = z.object({
  model: z.string().max(200).optional(),
  choices: z
    .array(
      z.object({
        finish_reason: z.string().nullish(),
        message: z.object({ content: z.string().nullish(), refusal: z.string().nullish() }),
      }),
    )
    .min(1),
  usage: z.object({ prompt_tokens: count, completion_tokens: count }).nullish().catch(null),
});

export interface Answer {
  text: string;
  /** What the model asks the agent to check. */
  checks: string[];
  /** The model as the API names it. */
  model: string | null;
  usage: { promptTokens: number; completionTokens: number } | null;
}

/**
 * The draft in a response's body.
 * @throws ConnectorError `permanent` where the content was refused, `transient` where another try may do better
 */
export function readAnswer(body: unknown): Answer {
  const parsed = answerSchema.safeParse(body);
  const choice = parsed.data?.choices[0];
  if (!parsed.success || choice === undefined) {
    const where = parsed.error?.issues[0]?.path.join(".") || "the body";
    throw new ConnectorError("transient", `The LLM's API gave an answer of an unknown form (at ${where}).`);
  }
  const reason = choice.finish_reason ?? "stop";
  if (reason === "content_filter" || choice.message.refusal) {
    throw new ConnectorError("permanent", "The LLM refused to answer this message (content filter).");
  }
  if (reason === "length") {
    throw new ConnectorError(
      "transient",
      "The LLM's answer was cut off: raise drafter.maxTokens if this goes on.",
    );
  }
  const { text, checks } = unwrapAnswer(checkedText(choice.message.content ?? ""));
  if (text === "") throw new ConnectorError("transient", "The LLM gave an empty answer.");
  const { model, usage } = parsed.data;
  return {
    text,
    checks,
    model: model ?? null,
    usage: usage ? { promptTokens: usage.prompt_tokens, completionTokens: usage.completion_tokens } : null,
  };
}

function checkedText(text: string): string {
  const fault = textFault(text);
  if (fault) throw new ConnectorError("transient", `The LLM's answer ${fault}.`);
  if (text.length > longestAnswer) {
    throw new ConnectorError("transient", `The LLM's answer is longer than ${longestAnswer} characters.`);
  }
  return text;
}

/** Takes off what models put around a reply, and takes the lines for the agent out of it. */
export function unwrapAnswer(answer: string): { text: string; checks: string[] } {
  // Reasoning models of local servers show their thoughts.
  let text = answer
    .replace(/\r\n?/g, "\n")
    .replace(/<think(?:ing)?>[\s\S]*?<\/think(?:ing)?>/gi, "")
    .trim();
  text = text.replace(/^[^\n]{0,120}\b(?:draft|reply|response)\b[^\n]{0,80}:[ \t]*\n+/i, (line) =>
    isPreamble(line) ? "" : line,
  );
  text = text.replace(/^```[\w-]*[ \t]*\n([\s\S]*?)\n```[ \t]*$/, "$1").trim();
  text = text.replace(
    /^(?:\*\*)?(?:subject|betreff|тема|objet|asunto|assunto|oggetto)(?:\*\*)?[ \t]*:[^\n]*\n+/i,
    "",
  );
  const checks: string[] = [];
  const kept = text.split("\n").filter((line) => {
    const bare = line.replace(/^[\s*_>-]+/, "");
    if (!bare.startsWith(checkMark)) return true;
    const note = bare
      .slice(checkMark.length)
      .replace(/[*_\s]+$/, "")
      .trim();
    if (note !== "") checks.push(note.slice(0, 500));
    return false;
  });
  return {
    text: kept
      .join("\n")
      .replace(/\n{3,}/g, "\n\n")
      .trim(),
    checks: checks.slice(0, 10),
  };
}

function isPreamble(line: string): boolean {
  return /^(?:sure|certainly|of course|okay|ok|here(?:'s|’s| is| are)|below is|\*{0,2}(?:draft|reply|response))/i.test(
    line.trim(),
  );
}
