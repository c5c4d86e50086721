/** A day in the life of a Zendesk account. */
import { expect, test } from "vitest";
import { describeDay } from "../../core/testing/day/account.ts";
import { liveDay } from "../../core/testing/day/run.ts";
import { describeWith } from "../../core/testing/system-packages.ts";
import { startZendeskDay } from "./testing/zendesk-day.ts";

describeWith("nats", "an account on two nodes", () => {
  test("500 tickets: one note for each message that wants one, none over a person's head, and all that people did in the history", {
    timeout: 360_000,
  }, async () => {
    const desk = await startZendeskDay();
    const result = await liveDay(desk, 500, (line) => console.log(line));
    console.log(describeDay(result, desk.requests()));
    const { account, day } = result;
    expect(account.faults).toEqual([]);
    expect(account.messages).toBe(day.messages.size);
    expect(account.replies).toBe(day.replies.length);
    expect(account.corrections).toBe(day.corrections);
    expect(account.notes).toBe(account.ended.delivered);
    // Of 500 tickets, all but those whose agents were faster than the draft.
    expect(account.notes).toBeGreaterThan(450);
  });
});
