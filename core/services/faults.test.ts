import { expect, test } from "vitest";
import { runFaults } from "../testing/fault-run.ts";
import { describeWith } from "../testing/system-packages.ts";

describeWith("nats", "four nodes over NATS and PostgreSQL", () => {
  test("500 messages go through while every part fails in turn: each is delivered once, and the LLM is asked little more than once", {
    timeout: 240_000,
  }, async () => {
    const messages = 500;
    const { llmCalls, seconds, ...account } = await runFaults(messages, 4, (line) => console.log(line));
    console.log(
      `${JSON.stringify(account)}, ${llmCalls.toFixed(3)} LLM calls a message, ${seconds.toFixed(1)} s`,
    );
    expect(account).toEqual({
      accepted: messages,
      stored: messages,
      classified: messages,
      drafted: messages,
      delivered: messages,
      noted: messages,
      notedTwice: 0,
    });
    expect(llmCalls).toBeLessThan(1.05);
  });
});
