/** Webhooks: refused unless they are genuine, and then no more than hints. */
import { expect, test } from "vitest";
import { rawRequest } from "../../plugins/kit/world.ts";
import { hubspot } from "./index.ts";
import { hintsOf } from "./testing/hubspot-world.ts";
import { idsOf, openAccount } from "./testing/test-account.ts";

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const about = { eventId: 1, portalId: 1, appId: 1, occurredAt: 1, attemptNumber: 0 };

test("each ticket that a webhook tells of is read once, whatever else it tells of", async () => {
  const { fake, host, memory } = await openAccount();
  const one = fake.customerWrites({ key: "one", text: "first" });
  const two = fake.customerWrites({ key: "two", text: "second" });
  const lone = fake.store.nextId();
  fake.store.threads.set(lone, { ...fake.thread(one.ticketId), id: lone, ticketId: null });
  const hints = [
    ...hintsOf(one.ticketId, one.threadId, one.messageId),
    {
      ...about,
      subscriptionType: "object.propertyChange",
      objectTypeId: "0-5",
      objectId: Number(two.ticketId),
    },
    { ...about, subscriptionType: "object.creation", objectTypeId: "0-1", objectId: 1 },
    { ...about, subscriptionType: "ticket.deletion", objectId: 2 },
    { ...about, subscriptionType: "conversation.newMessage", objectId: Number(lone) },
    { ...about, subscriptionType: "conversation.newMessage", objectId: 404 },
    { ...about, subscriptionType: "a.kindYetToCome", objectId: "x" },
  ];
  expect(await host.receive(fake.webhook(bytes(hints)))).toMatchObject({ status: 202 });
  expect(idsOf(memory.events)).toEqual([`message:${one.messageId}`, `message:${two.messageId}`]);
  expect(fake.requests.filter((path) => path.endsWith("/messages"))).toHaveLength(2);
});

test("a webhook and a poll name the same messages, which are stored once", async () => {
  const { fake, host, memory, startReader } = await openAccount();
  const reader = await startReader();
  const place = fake.customerWrites({ key: "a", text: "hello" });
  await host.receive(fake.webhook(bytes(hintsOf(place.ticketId, place.threadId, place.messageId))));
  await reader.look();
  expect(idsOf(memory.events)).toEqual([`message:${place.messageId}`]);
});

test("the address that was signed may be the public one, with or without a slash at its end", async () => {
  const { fake, host } = await openAccount({ config: { publicUrl: "https://hub.example.com/" } });
  const body = bytes([]);
  const inner = { url: "http://10.0.0.7:3000/connect/acme/desk" };
  for (const signed of [
    "https://hub.example.com/connect/acme/desk",
    "https://hub.example.com/connect/acme/desk/",
  ]) {
    const request = { ...fake.webhook(body, new Date(), signed), ...inner };
    expect(await host.receive(request)).toMatchObject({ status: 202 });
  }
  for (const signed of [inner.url, "https://hub.example.com/connect/acme/other"]) {
    const request = { ...fake.webhook(body, new Date(), signed), ...inner };
    expect(await host.receive(request)).toEqual({ status: 401, reason: "wrong signature" });
  }
});

test("without a client secret all webhooks are refused, and so are forged and old ones", async () => {
  const { fake, host } = await openAccount();
  const config = hubspot.config.parse({ accessToken: "a token" });
  const genuine = fake.webhook(bytes([]));
  expect(hubspot.push?.verify(genuine, config)).toMatchObject({ ok: false });
  const forged = { ...genuine, body: bytes([{ subscriptionType: "ticket.creation", objectId: 1 }]) };
  expect(await host.receive(forged)).toMatchObject({ status: 401 });
  const old = fake.webhook(bytes([]), new Date(Date.now() - 301_000));
  expect(await host.receive(old)).toEqual({ status: 401, reason: "it is too old, or from the future" });
  expect(await host.receive(rawRequest({ body: bytes([]) }))).toMatchObject({ status: 401 });
});

test("what takes longer than HubSpot waits for is left to the poll", async () => {
  const { fake, host, memory, startReader } = await openAccount({ tuning: { pushMs: 600 } });
  const reader = await startReader();
  const quick = fake.customerWrites({ key: "quick", text: "quick" });
  const slow = fake.customerWrites({ key: "slow", text: "slow" });
  const held = fake.holds(`/threads/${slow.threadId}/messages`);
  const hints = [quick, slow].flatMap((one) => hintsOf(one.ticketId, one.threadId, one.messageId));
  expect(await host.receive(fake.webhook(bytes(hints)))).toMatchObject({ status: 202 });
  expect(idsOf(memory.events)).toEqual([`message:${quick.messageId}`]);
  held.release();
  await reader.look();
  expect(idsOf(memory.events)).toEqual([`message:${quick.messageId}`, `message:${slow.messageId}`]);
});

test("while HubSpot fails, a webhook is asked for again", async () => {
  const { fake, host } = await openAccount();
  const one = fake.customerWrites({ key: "one", text: "one" });
  const request = fake.webhook(bytes(hintsOf(one.ticketId, one.threadId, one.messageId)));
  host.http.fault = "server-error";
  expect(await host.receive(request)).toMatchObject({ status: 500 });
  host.http.fault = null;
  expect(await host.receive(request)).toMatchObject({ status: 202, accepted: [{ text: "one" }] });
});

test("a thread that the token may not read, or that HubSpot fails to give, takes no others with it", async () => {
  const { fake, host, memory } = await openAccount({ lax: true });
  const closed = fake.customerWrites({ key: "closed", text: "for other eyes" });
  const failing = fake.customerWrites({ key: "failing", text: "later" });
  const open = fake.customerWrites({ key: "open", text: "for all" });
  fake.forbidden.add(`/threads/${closed.threadId}`);
  fake.fault = (_, path) => (path.endsWith(`/threads/${failing.threadId}`) ? 400 : null);
  const news = [closed, failing, open].map(({ threadId }) => ({
    ...about,
    subscriptionType: "conversation.newMessage",
    objectId: Number(threadId),
  }));
  const odd = [null, 7, { ...about, subscriptionType: null, objectId: 1 }, { ...about, objectId: {} }];
  expect(await host.receive(fake.webhook(bytes([...odd, ...news])))).toMatchObject({ status: 202 });
  expect(idsOf(memory.events)).toEqual([`message:${open.messageId}`]);
  expect(await host.receive(fake.webhook(bytes(news.slice(0, 1))))).toMatchObject({ status: 202 });
  fake.fault = (_, path) => (path.endsWith(`/threads/${failing.threadId}`) ? 500 : null);
  expect(await host.receive(fake.webhook(bytes(news)))).toMatchObject({ status: 202 });
  expect(await host.receive(fake.webhook(bytes(news.slice(1, 2))))).toMatchObject({ status: 500 });
});
