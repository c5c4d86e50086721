/** Refusals: those that mean a ticket are a matter of this ticket, those that mean the credentials lose nothing. */
import { expect, test } from "vitest";
import { eventually } from "../../plugins/kit/waiting.ts";
import { draftOf, openZendesk } from "./testing/harness.ts";

test("a refusal that is not the ticket's own loses no message", async () => {
  const fields = [{ field: "priority", from: "priority" }];
  const { fake, account, host, events } = await openZendesk({}, { fields });
  const reading = host.read();
  fake.fault = ({ path }) => (path === "/api/v2/users/me" ? 403 : null);
  account.customerWrites({ text: "Hello" });
  await eventually("an error", 5_000, () => reading.errors.length > 0);
  expect(reading.errors[0]).toMatchObject({ kind: "auth", status: 403 });
  fake.fault = null;
  await events("message", 1);
});

test("a ticket whose audits are refused is read all the same", async () => {
  const fields = [{ field: "priority", from: "priority" }];
  const { fake, account, host, events } = await openZendesk({}, { fields });
  await host.read();
  fake.fault = ({ path }) => (path.endsWith("/audits") ? 403 : null);
  account.customerWrites({ text: "Hello" });
  await events("message", 1);
});

test("a ticket that may not be written to fails by itself; where no ticket may, drafts wait", async () => {
  const { fake, account, host } = await openZendesk();
  const written = account.customerWrites({ text: "Where is it?" });
  fake.fault = ({ method }) => (method === "PUT" ? 403 : null);
  await expect(host.put(draftOf(written))).rejects.toMatchObject({ kind: "permanent" });
  const reader = await openZendesk({ scopes: ["read"] });
  reader.fake.fault = fake.fault;
  const draft = draftOf(reader.account.customerWrites({ text: "Where is it?" }));
  await expect(reader.host.put(draft)).rejects.toMatchObject({
    kind: "auth",
    message: expect.stringContaining("tickets:write is missing"),
  });
});

test("a draft waits where it is not the ticket that is refused", async () => {
  const { fake, account, host } = await openZendesk();
  const written = account.customerWrites({ text: "Where is it?" });
  fake.fault = ({ path }) => (path === "/api/v2/users/me" ? 403 : null);
  await expect(host.put(draftOf(written))).rejects.toMatchObject({ kind: "auth" });
});
