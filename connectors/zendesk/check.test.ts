/** `check`: who it signs in as, what that user may, and what is missing. */
import { expect, test } from "vitest";
import { customFieldId, groups } from "./testing/fake-account.ts";
import { openZendesk } from "./testing/harness.ts";
import { hastyZendesk } from "./testing/zendesk-world.ts";

type Opened = Awaited<ReturnType<typeof openZendesk>>;
const look = async ({ host }: Opened) =>
  hastyZendesk.check((await host.client()) as never, AbortSignal.timeout(5_000));

test("tells who it is, which scopes it has, and changes nothing", async () => {
  const opened = await openZendesk();
  const before = opened.fake.requests.length;
  const health = await look(opened);
  expect(health).toEqual({
    ok: true,
    detail: expect.stringMatching(
      /^signed in at 127\.0\.0\.1:\d+ as Deskwire \(admin\); scopes: read, write; webhooks are verified$/,
    ),
  });
  const made = opened.fake.requests.slice(before).filter((request) => request !== "POST /oauth/tokens");
  expect(made.every((request) => request.startsWith("GET "))).toBe(true);
});

test("names the scopes that are missing", async () => {
  const { ok, detail } = await look(await openZendesk({ scopes: ["tickets:read"] }));
  expect(ok).toBe(false);
  expect(detail).toContain("no scope for reading users: read or users:read is missing");
  expect(detail).toContain("no scope for writing notes: write or tickets:write is missing");
  expect(detail).not.toContain("reading tickets");
});

test("names them also where the user itself is not shown without them", async () => {
  const opened = await openZendesk({ scopes: ["tickets:read", "tickets:write"] });
  opened.fake.fault = ({ path }) => (path === "/api/v2/users/me" ? 403 : null);
  expect(await look(opened)).toEqual({
    ok: false,
    detail: "no scope for reading users: read or users:read is missing",
  });
});

test("names groups that are deleted, and those that are not shown", async () => {
  const values = { billing: groups.billing, shipping: groups.shipping };
  const opened = await openZendesk({}, { fields: [{ field: "group_id", from: "department", values }] });
  opened.fake.deletedGroups.add(groups.billing);
  opened.fake.fault = ({ path }) => (path.endsWith(`/${groups.shipping}`) ? 403 : null);
  const { ok, detail } = await look(opened);
  expect(ok).toBe(false);
  expect(detail).toContain(`the group ${groups.billing} is deleted`);
  expect(detail).toContain(`the group ${groups.shipping} is not shown to this user`);
});

test("says so where the user is no admin, or the export is refused", async () => {
  const opened = await openZendesk();
  opened.account.bot.role = "agent";
  expect(await look(opened)).toMatchObject({
    ok: false,
    detail: expect.stringContaining("is no admin (agent)"),
  });
  const refused = await openZendesk();
  refused.fake.fault = ({ path }) => (path.includes("/incremental/") ? 403 : null);
  expect(await look(refused)).toMatchObject({
    ok: false,
    detail: expect.stringContaining("export is refused"),
  });
});

test("names groups, fields and options that the account does not have", async () => {
  const fields = [
    { field: "group_id", from: "department", values: { billing: groups.billing, sales: 17 } },
    { field: customFieldId, from: "type", values: { complaint: "complaint", request: "wish" } },
    { field: 4_711, from: "priority", values: { high: "x" } },
  ];
  const { ok, detail } = await look(await openZendesk({}, { fields: fields.slice(0, 3) }));
  expect(ok).toBe(false);
  expect(detail).toContain("there is no group 17");
  expect(detail).toContain(`the custom field ${customFieldId} has no option wish`);
  expect(detail).toContain("there is no custom field 4711");
});

test("an API token works as its agent, and somebody whom Zendesk does not know is told so", async () => {
  const { newHost, account } = await openZendesk();
  const client = (await newHost().client()) as never;
  expect(await hastyZendesk.check(client, AbortSignal.timeout(5_000))).toMatchObject({
    ok: true,
    detail: expect.stringContaining("no webhookSecret"),
  });
  Object.assign(account.bot, { id: null });
  const unknown = (await newHost().client()) as never;
  await expect(hastyZendesk.check(unknown, AbortSignal.timeout(5_000))).rejects.toMatchObject({
    kind: "auth",
  });
});
