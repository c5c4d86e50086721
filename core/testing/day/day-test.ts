/** The test of a day: what must hold at its end, whichever helpdesk it is. */
import { expect, test } from "vitest";
import { describeWith } from "../system-packages.ts";
import { describeDay } from "./account.ts";
import type { DayDesk } from "./desk.ts";
import { liveDay } from "./run.ts";

const tickets = 500;

/** @param start a fresh account of the helpdesk */
export function testDay(start: () => Promise<DayDesk>): void {
  describeWith("nats", "a day in the life of an account, on two nodes", () => {
    test(`${tickets} tickets: one note for each message that wants one, none over a person's head, and all that people did in the history`, {
      timeout: 360_000,
    }, async () => {
      const desk = await start();
      const result = await liveDay(desk, tickets, (line) => console.log(line));
      console.log(describeDay(result, desk.requests()));
      const { account, day } = result;
      expect(account.faults).toEqual([]);
      expect(account.messages).toBe(day.messages.size);
      expect(account.replies).toBe(day.replies.length);
      expect(account.corrections).toBe(day.corrections);
      expect(account.notes).toBe(account.ended.delivered);
      // All but those whose agents were faster than the draft.
      expect(account.notes).toBeGreaterThan(0.9 * tickets);
      const { most, limit } = desk.requests();
      expect(most).toBeLessThanOrEqual(limit);
    });
  });
}
