/** Webhooks: genuine ones are hints of which ticket to read, whenever and however often they come. */
import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { eventually } from "../../plugins/kit/waiting.ts";
import { rawRequest } from "../../plugins/kit/world.ts";
import { webhookSecret } from "./testing/fake-zendesk.ts";
import { openZendesk } from "./testing/harness.ts";
import { hastyZendesk } from "./testing/zendesk-world.ts";

test("the signature is over the timestamp and then the body, and over nothing else", async () => {
  const { fake, account, host } = await openZendesk();
  const { ticketId } = account.customerWrites({ text: "Hello" });
  const body = fake.webhookBody("ticket.created", ticketId);
  const at = new Date().toISOString();
  const signed = (...parts: Array<string | Uint8Array>) => {
    const hmac = createHmac("sha256", webhookSecret);
    for (const part of parts) hmac.update(part);
    const headers = { ...fake.sign(body), "x-zendesk-webhook-signature-timestamp": at };
    return rawRequest({
      body,
      headers: { ...headers, "x-zendesk-webhook-signature": hmac.digest("base64") },
    });
  };
  expect((await host.receive(signed(body, at))).status).toBe(401);
  expect((await host.receive(signed(body))).status).toBe(401);
  expect((await host.receive(signed(at, body))).status).toBe(202);
});

test("without a webhookSecret every webhook is refused", async () => {
  const { fake, account, newHost } = await openZendesk();
  const body = fake.webhookBody("ticket.created", account.customerWrites({ text: "Hello" }).ticketId);
  const received = await newHost().receive(rawRequest({ body, headers: fake.sign(body) }));
  expect(received).toMatchObject({ status: 401, reason: expect.stringContaining("no webhookSecret") });
});

test("webhooks that come twice, late and in any order bring each message once, with what was said before it", async () => {
  const { fake, account, host, events } = await openZendesk();
  const { ticketId } = account.customerWrites({ text: "first" });
  const early = fake.webhookBody("ticket.created", ticketId);
  account.agentReplies(ticketId, "an answer");
  account.customerWrites({ text: "second", ticketId });
  const late = fake.webhookBody("ticket.comment_added", ticketId);
  for (const body of [late, early, late])
    expect((await host.receive(rawRequest({ body, headers: fake.sign(body) }))).status).toBe(202);
  expect(host.memory.events.map(({ kind }) => kind)).toEqual(["message", "agent-reply", "message"]);
  expect((await events("message", 2)).map(({ text }) => text)).toEqual(["first", "second"]);
});

test("webhooks of other matters, and of tickets that are gone, are taken and bring nothing", async () => {
  const { fake, host } = await openZendesk();
  const bodies = [
    fake.webhookBody("ticket.created", 999_999),
    new TextEncoder().encode(JSON.stringify({ type: "zen:event-type:user.created", detail: { id: "5" } })),
    new TextEncoder().encode(JSON.stringify({ type: "zen:event-type:ticket.merged", detail: {} })),
  ];
  for (const body of bodies)
    expect(await host.receive(rawRequest({ body, headers: fake.sign(body) }))).toEqual({
      status: 202,
      accepted: [],
    });
});

test("a webhook whose ticket cannot be read for the moment is to be sent again", async () => {
  const { fake, account, host } = await openZendesk();
  const { ticketId } = account.customerWrites({ text: "Hello" });
  fake.fault = ({ path }) => (path.endsWith("/comments") ? 503 : null);
  const body = fake.webhookBody("ticket.created", ticketId);
  const request = rawRequest({ body, headers: fake.sign(body) });
  expect((await host.receive(request)).status).toBe(500);
  fake.fault = null;
  expect((await host.receive(request)).status).toBe(202);
  expect(host.memory.events).toHaveLength(1);
});

test("a webhook brings what polling has not brought before", async () => {
  const { fake, account, host, events } = await openZendesk();
  const reading = host.read();
  const file = account.fileOf("photo.png", "image/png", new Uint8Array(9));
  const { ticketId } = account.customerWrites({ text: "See the photo", files: [file] });
  await events("message", 1);
  await eventually("the next page", 5_000, () => reading.pages > 3);
  await reading.stop(1_000);
  account.customerWrites({ text: "Do you see it?", ticketId });
  const body = fake.webhookBody("ticket.comment_added", ticketId);
  const request = rawRequest({ body, headers: fake.sign(body) });
  const parsed = await hastyZendesk.push?.parse((await host.client()) as never, request);
  expect(parsed?.map((event) => "text" in event && event.text)).toEqual(["Do you see it?"]);
});

test("a repeat is known as one, whatever its invocation is called", async () => {
  const { fake, account, host } = await openZendesk();
  const body = fake.webhookBody("ticket.created", account.customerWrites({ text: "Hello" }).ticketId);
  const headers = fake.sign(body);
  await host.receive(rawRequest({ body, headers }));
  const { length } = fake.requests;
  const again = { ...headers, "x-zendesk-webhook-invocation-id": "another" };
  expect((await host.receive(rawRequest({ body, headers: again }))).status).toBe(202);
  expect(fake.requests).toHaveLength(length);
});
