/** 10,000 messages through four nodes while every part fails in turn: the long form of what the tests do with 500. */
import { runFaults } from "../core/testing/fault-run.ts";
import type { Figure } from "./figures.ts";

const usual = { messages: 10_000, llmCalls: 64 };

/** @returns the accounting: all but the repeats, the LLM's calls and the seconds should be the number of messages */
export async function benchFaults({
  messages = usual.messages,
}: {
  messages?: number | undefined;
}): Promise<Figure[]> {
  const account = await runFaults(messages, usual.llmCalls, (line) => process.stderr.write(`${line}\n`));
  const { notedTwice, llmCalls, seconds, ...counts } = account;
  return [
    ...Object.entries(counts).map(([name, value]) => ({ name, value, unit: "messages", goal: messages })),
    { name: "noted twice", value: notedTwice, unit: "messages", goal: 0 },
    { name: "LLM calls a message", value: llmCalls, unit: "", goal: 1.05 },
    { name: "from the first message to the last delivery", value: seconds, unit: "s" },
  ];
}
