/** Asks a classifier for its word on messages that people have labelled. */
import type { Classifier } from "../classifier.ts";
import type { Classified, Prediction } from "../classify-schema.ts";
import type { HeadAnswer } from "./answers.ts";
import type { LabelledMessage } from "./labelled-file.ts";

export interface JudgeOptions {
  readonly classifier: Pick<Classifier, "classify">;
  /** The labels that the classifier may give, by head; a head that is not named is not judged. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
  /** Whose labels and whose model. */
  readonly company: string;
}

export interface JudgedMessages {
  /** One for each message and head that has a label, in the order of the messages. */
  readonly answers: readonly HeadAnswer[];
  /** Labels that the classifier does not have, with how many messages carry them. */
  readonly unknown: readonly { readonly head: string; readonly label: string; readonly count: number }[];
  /** Heads of which it has none of the labels: they are not judged. */
  readonly foreign: readonly string[];
}

const judgedHeads = ["type", "priority", "department"] as const satisfies readonly (keyof Classified)[];

/**
 * Labels are compared without regard to case and blanks about them. A message with a label that the classifier does not have counts as
 * answered wrongly: whatever it says is wrong.
 */
export async function judgeMessages(
  messages: readonly LabelledMessage[],
  { classifier, labels, company }: JudgeOptions,
): Promise<JudgedMessages> {
  const results = await classifier.classify(
    messages.map(({ subject, text }, at) => ({ id: String(at), company, subject, text })),
  );
  const answers: HeadAnswer[] = [];
  const unknown = new Map<string, { head: string; label: string; count: number }>();
  const foreign: string[] = [];
  for (const head of judgedHeads) {
    const known = new Map((labels[head] ?? []).map((label) => [plain(label), label]));
    const own: HeadAnswer[] = [];
    let found = false;
    for (const [at, message] of messages.entries()) {
      const given = message.labels[head];
      const result = results[at];
      if (given === undefined || !result) continue;
      const right = known.get(plain(given));
      if (right === undefined) count(unknown, head, given);
      else found = true;
      own.push(answerOf(head, right ?? given, result[head], result, message.language));
    }
    if (found) answers.push(...own);
    else if (own.length > 0) foreign.push(head);
  }
  return { answers, unknown: [...unknown.values()].sort((a, b) => b.count - a.count), foreign };
}

function answerOf(
  head: string,
  right: string,
  { label, confidence, abstained, alternatives }: Prediction,
  { language, outOfScope }: Classified,
  told: string | null,
): HeadAnswer {
  const ranked = [label, ...alternatives.map((other) => other.label)];
  return { head, right, label, confidence, abstained, ranked, language: told ?? language, outOfScope };
}

function count(
  unknown: Map<string, { head: string; label: string; count: number }>,
  head: string,
  label: string,
): void {
  const key = `${head} ${plain(label)}`;
  const entry = unknown.get(key) ?? { head, label, count: 0 };
  entry.count += 1;
  unknown.set(key, entry);
}

const plain = (label: string) => label.trim().toLowerCase();
