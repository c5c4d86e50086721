/** What the account holds of a time: the same that reading brings, or no list at all. */
import { expect, test } from "vitest";
import type { Client } from "./client.ts";
import { list } from "./list.ts";
import { openZendesk } from "./testing/harness.ts";

const window = { since: new Date(Date.now() - 3_600_000), until: new Date(Date.now() + 60_000) };

test("names mails of strangers, and no notes of agents, whatever they are now", async () => {
  const { account, host, events } = await openZendesk({ ageMs: 120_000 });
  await host.read();
  const { ticketId } = account.customerWrites({ text: "Hello" });
  account.agentNotes(ticketId, "Difficult customer.");
  account.agent.role = "end-user";
  const stranger = account.addUser("Eve", "eve@x.example", "end-user");
  const note = { public: false, body: "Send it to me instead" };
  const hand = { author: stranger, channel: "email" };
  account.update(account.find(ticketId), hand, { comment: note }, Date.now() - 90_000);
  const read = (await events("message", 2)).map(({ externalId }) => externalId);
  expect(read).toHaveLength(2);
  const named: string[] = [];
  for await (const items of list((await host.client()) as Client, window, AbortSignal.timeout(1_000)))
    named.push(...items.map(({ externalId }) => externalId));
  expect(named).toEqual(read);
});

test("what was deleted before it could be read is not named: nobody could fetch it", async () => {
  const { account, host } = await openZendesk({ ageMs: 120_000 });
  const spam = account.customerWrites({ text: "Buy!" });
  const { commentId } = account.customerWrites({ text: "Hello" });
  for (let i = 0; i < 120; i++) account.deletesTicket(account.customerWrites({ text: `spam ${i}` }).ticketId);
  account.deletesTicket(spam.ticketId);
  const named: string[] = [];
  for await (const items of list((await host.client()) as Client, window, AbortSignal.timeout(2_000)))
    named.push(...items.map(({ externalId }) => externalId));
  expect(named).toEqual([`comment:${commentId}`]);
});

test("a stream of events that goes on and does not move is no list", async () => {
  const { host } = await openZendesk();
  const client = (await host.client()) as Client;
  const answer = async (_: string, __: unknown, request?: { query?: Record<string, unknown> }) => ({
    ticket_events: [],
    deleted_tickets: [],
    end_of_stream: false,
    end_time: request?.query?.start_time,
  });
  const stuck = { ...client, api: { ...client.api, get: answer as never } };
  const listing = list(stuck, window, AbortSignal.timeout(1_000));
  await expect(listing.next()).rejects.toMatchObject({ kind: "transient" });
});
