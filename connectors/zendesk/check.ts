/** A look at the account: who it signs in as, what that user may do, and what is missing. Changes nothing. */
import { z } from "zod";
import type { Health } from "../../plugins/contract/connector.ts";
import { ConnectorError, isConnectorError } from "../../plugins/contract/errors.ts";
import type { Client } from "./client.ts";
import type { FieldRule } from "./config.ts";
import { anyAnswer, exportAnswer, tokenAnswer } from "./schema.ts";

/** What is needed, and the scopes that give it. */
const needs = [
  { what: "reading tickets", scopes: ["read", "tickets:read"] },
  { what: "reading users", scopes: ["read", "users:read"] },
  { what: "writing notes", scopes: ["write", "tickets:write"] },
] as const;

async function readScopes({ api, ctx }: Client, signal: AbortSignal): Promise<string[] | null> {
  if (!ctx.config.oauth) return null;
  const { token } = await api.get("/api/v2/oauth/tokens/current", tokenAnswer, { signal });
  return token.scopes ?? [];
}

/** The export is what polling stands on, and is open to admins alone. */
async function exportFault({ api }: Client, signal: AbortSignal): Promise<string[]> {
  try {
    const query = { start_time: Math.floor(Date.now() / 1_000) - 120 };
    await api.get("/api/v2/incremental/tickets/cursor", exportAnswer, { query, signal });
    return [];
  } catch (error) {
    if (!isConnectorError(error) || error.status !== 403) throw error;
    return ["the incremental export is refused: it takes an admin, with the scope read or tickets:read"];
  }
}

const fieldSchema = z.looseObject({
  ticket_field: z.looseObject({
    custom_field_options: z.array(z.looseObject({ value: z.string() })).nullish(),
  }),
});

async function missing(what: string, look: () => Promise<string[]>): Promise<string[]> {
  try {
    return await look();
  } catch (error) {
    if (!isConnectorError(error) || error.status !== 404) throw error;
    return [`fields: there is no ${what}`];
  }
}

/** Fields, options and groups that `fields` names and the account does not have. */
async function fieldFaults(
  { api }: Client,
  { field, values }: FieldRule,
  signal: AbortSignal,
): Promise<string[]> {
  const wanted = [...new Set(Object.values(values ?? {}))].map(String);
  if (typeof field === "number") {
    return missing(`custom field ${field}`, async () => {
      const path = `/api/v2/ticket_fields/${field}`;
      const options = (await api.get(path, fieldSchema, { signal })).ticket_field.custom_field_options;
      const known = options?.map(({ value }) => value) ?? wanted;
      return wanted
        .filter((value) => !known.includes(value))
        .map((value) => `fields: the custom field ${field} has no option ${value}`);
    });
  }
  if (field !== "group_id") return [];
  const faults = wanted.map((id) =>
    missing(`group ${id}`, async () => {
      await api.get(`/api/v2/groups/${encodeURIComponent(id)}`, anyAnswer, { signal });
      return [];
    }),
  );
  return (await Promise.all(faults)).flat();
}

/** @throws ConnectorError of kind `auth` where it cannot sign in */
export async function check(client: Client, signal: AbortSignal): Promise<Health> {
  const { config } = client.ctx;
  const me = await client.me(signal);
  // Zendesk answers those whom it does not know as well: as somebody without a number.
  if (me.id === null)
    throw new ConnectorError("auth", "Zendesk does not know these credentials: look at email and apiToken");
  const scopes = await readScopes(client, signal);
  const lacking = needs.filter((need) => scopes && !need.scopes.some((scope) => scopes.includes(scope)));
  const role = me.role ?? "unknown role";
  const faults = [
    ...lacking.map(({ what, scopes: any }) => `no scope for ${what}: ${any.join(" or ")} is missing`),
    ...(role === "admin" ? [] : [`${me.name} is no admin (${role}): the incremental export takes one`]),
    ...(lacking.length > 0 || role !== "admin" ? [] : await exportFault(client, signal)),
  ];
  for (const rule of config.fields) faults.push(...(await fieldFaults(client, rule, signal)));
  const who = `signed in at ${new URL(config.url).host} as ${me.name} (${role})`;
  const may = scopes
    ? `scopes: ${scopes.join(", ") || "none"}`
    : "an API token has no scopes: it may all that its agent may";
  const hint = config.webhookSecret
    ? "webhooks are verified"
    : "no webhookSecret: new messages are found by polling, more than a minute late";
  return { ok: faults.length === 0, detail: [who, may, ...faults, hint].join("; ") };
}
