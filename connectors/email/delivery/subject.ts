/** The subject of an answer: one "Re:" in front, whatever the mail programs on the way have put there. */
import { oneLine } from "./text.ts";

/** How mail programs mark an answer: English, German, Scandinavian, Russian (Outlook writes "HA"), Polish, Spanish, Chinese. */
const answerMark =
  /^(?:re|aw|antw|antwort|sv|vs|ha|на|отв|ответ|odp|rv|rif|r|回复|回覆|答复)(?: ?(?:\[\d{1,4}\]|\(\d{1,4}\)|\^\d{1,4}))? ?[:：]\s*/iu;
/** What mail gateways put in front, such as `[EXTERNAL]`. */
const tag = /^\[[^\]]{1,40}\]\s*/u;

const maxLength = 400;

/**
 * @param subject the subject of the mail that is answered
 * @param code the ticket's code, to be shown at the end as ` [#code]`; null leaves it out
 */
export function replySubject(subject: string | null, code: string | null): string {
  const base = withoutAnswerMarks(oneLine(subject ?? ""));
  const mark = code === null ? "" : `[#${code}]`;
  const short = base.length > maxLength ? `${base.slice(0, maxLength).toWellFormed()}…` : base;
  return ["Re:", short, mark !== "" && !short.includes(mark) ? mark : ""].filter(Boolean).join(" ");
}

/** A forwarding mark stays: "Re: Fwd: Invoice" says what the mail is. */
export function withoutAnswerMarks(subject: string): string {
  const rest = subject.replace(answerMark, "");
  if (rest !== subject) return withoutAnswerMarks(rest);
  const tagged = tag.exec(subject)?.[0];
  if (tagged === undefined) return subject;
  const after = subject.slice(tagged.length);
  return answerMark.test(after) ? `${tagged.trimEnd()} ${withoutAnswerMarks(after)}` : subject;
}
