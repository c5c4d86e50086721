/** The conformance suite against the `zendesk` connector, with an account in memory on the other side. */
import { test } from "vitest";
import { describeConnector } from "../../plugins/kit/conformance.ts";
import { configFor, hastyZendesk, startZendeskSide } from "./testing/zendesk-world.ts";

const good = configFor("https://acme.zendesk.com");

describeConnector(
  {
    spec: hastyZendesk,
    start: () => startZendeskSide(),
    badConfigs: [
      { ...good, url: "acme" },
      { url: good.url },
      { ...good, apiToken: "a token", email: "kim@acme.example" },
      { url: good.url, apiToken: "a token" },
      { ...good, fields: [{ field: "priority", from: "type" }] },
      { ...good, fields: [{ field: "type", from: "type", values: { question: "query" } }] },
      { ...good, fields: [{ field: "group_id", from: "department", values: { billing: "Billing" } }] },
      { ...good, pollSeconds: 1 },
    ],
    exempt: {
      "deliver: a draft that an agent has changed is never overwritten":
        "a note in Zendesk cannot be changed, only written",
    },
  },
  { test },
);
