/** The API as a client sees it, on a whole hub with a real database. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { request, startTestHub, type TestHub, testKey, until } from "../testing/hub.ts";

let hub: TestHub;
const key = testKey("acme");

beforeAll(async () => {
  hub = await startTestHub();
});
afterAll(() => hub.stop());

test("a posted message ends as a delivered draft, with its whole history", async () => {
  const posted = await request(hub.url, "/v1/messages", {
    key,
    body: { externalId: "m-1", text: "Where is my order?" },
  });
  expect(posted.status).toBe(202);
  const { accepted } = posted.body as { accepted: [{ ticketId: string; duplicate: boolean }] };
  const ticket = await until("the message is delivered", async () => {
    const { body } = await request(hub.url, `/v1/tickets/${accepted[0].ticketId}`, { key });
    const found = body as { messages: [{ progress: { stage: string } }] };
    return found.messages[0].progress.stage === "delivered" ? found : undefined;
  });
  expect(ticket.messages[0]).toMatchObject({ externalId: "m-1", draft: { writtenBy: "offline" } });
});
