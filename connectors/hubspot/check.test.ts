/** `check`: says what may be read, what is missing, and what in the config fits nothing in the account. */
import { expect, test } from "vitest";
import { check } from "./check.ts";
import { type AccountOptions, openAccount } from "./testing/test-account.ts";

async function checked(options: AccountOptions, without: string[] = []) {
  const account = await openAccount(options);
  account.fake.scopes = account.fake.scopes.filter((scope) => !without.includes(scope));
  return check(account.client, account.signal);
}

test("a token of an account's own is tried on everything that is read", async () => {
  expect(await checked({})).toEqual({
    ok: true,
    detail:
      "reads tickets, conversations, contacts, notes; webhooks are taken; behind a proxy, set publicUrl; whether it may write notes shows with the first one",
  });
});

test("an app that was authorised is asked for its scopes and its account", async () => {
  const publicUrl = "https://hub.example.com";
  expect(await checked({ oauth: true, config: { publicUrl } })).toEqual({
    ok: true,
    detail: "reads tickets, conversations, contacts, notes of account 62515; webhooks are taken",
  });
});

test.each([[true], [false]])(
  "missing scopes are named with what they are for (authorised: %s)",
  async (oauth) => {
    const without = ["conversations.read", "crm.objects.contacts.read", "crm.objects.contacts.write"];
    const { ok, detail } = await checked({ oauth }, without);
    expect(ok).toBe(false);
    expect(detail).toContain(
      "the scope conversations.read is missing, to read what customers and agents write",
    );
    expect(detail).toContain("the scope crm.objects.contacts.read is missing");
    // Only HubSpot itself can tell of what shows when it is written.
    expect(detail?.includes("crm.objects.contacts.write")).toBe(oauth);
  },
);

test("without the scope for tickets nothing else is asked of them", async () => {
  const { detail } = await checked({ config: { pipelines: ["9"] } }, ["tickets"]);
  expect(detail).toBe("the scope tickets is missing, to read tickets, and set their properties");
});

test("ids, properties and values that the account does not have are named", async () => {
  const fields = {
    priority: { values: { urgent: "AT_ONCE", low: "LOW" } },
    department: { property: "team", values: { billing: "B" } },
  };
  const { ok, detail } = await checked({
    config: { pipelines: ["0", "9"], closedStages: ["4", "8"], fields },
  });
  expect(ok).toBe(false);
  expect(detail).toBe(
    "there is no pipeline 9; there is no stage 8; hs_ticket_priority has no value AT_ONCE; tickets have no property team",
  );
});

test("without a client secret it says that tickets are found by polling alone", async () => {
  const { detail } = await checked({ config: { clientSecret: undefined } });
  expect(detail).toContain("without clientSecret webhooks are refused: tickets are found by polling alone");
});
