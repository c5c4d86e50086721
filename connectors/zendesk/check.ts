/** A look at the account: who it signs in as, what that user may do, and what is missing. Changes nothing. */
import { z } from "zod";
import type { Health } from "../../plugins/contract/connector.ts";
import { ConnectorError, isConnectorError } from "../../plugins/contract/errors.ts";
import type { Client } from "./client.ts";
import type { FieldRule } from "./config.ts";
import { exportAnswer, tokenAnswer } from "./schema.ts";

/** What is needed, and the scopes that give it. */
const writing = { what: "writing notes", scopes: ["write", "tickets:write"] };
const needs = [
  { what: "reading tickets", scopes: ["read", "tickets:read"] },
  { what: "reading users", scopes: ["read", "users:read"] },
  writing,
];

async function readScopes({ api, ctx }: Client, signal: AbortSignal): Promise<string[] | null> {
  if (!ctx.config.oauth) return null;
  const { token } = await api.get("/api/v2/oauth/tokens/current", tokenAnswer, { signal });
  return token.scopes ?? [];
}

const lacks = (scopes: string[] | null, need: { scopes: readonly string[] }) =>
  scopes !== null && !need.scopes.some((scope) => scopes.includes(scope));

/** Whether the token may write notes at all; a user's own rights are another matter. */
export async function mayWrite(client: Client, signal: AbortSignal): Promise<boolean> {
  return !lacks(await readScopes(client, signal), writing);
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

const groupSchema = z.looseObject({ group: z.looseObject({ deleted: z.boolean().nullish() }) });

const fieldSchema = z.looseObject({
  ticket_field: z.looseObject({
    custom_field_options: z.array(z.looseObject({ value: z.string() })).nullish(),
  }),
});

async function missing(what: string, look: () => Promise<string[]>): Promise<string[]> {
  try {
    return await look();
  } catch (error) {
    if (!isConnectorError(error)) throw error;
    if (error.status === 403)
      return [`fields: the ${what} is not shown to this user: the scope read may be missing`];
    if (error.status !== 404) throw error;
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
      const path = `/api/v2/groups/${encodeURIComponent(id)}`;
      const { deleted } = (await api.get(path, groupSchema, { signal })).group;
      return deleted ? [`fields: the group ${id} is deleted`] : [];
    }),
  );
  return (await Promise.all(faults)).flat();
}

/** Null where a scope is missing that the answer takes: then that is what a person should know. */
async function unlessLacking<T>(answer: Promise<T>, told: readonly string[]): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (isConnectorError(error) && error.status === 403 && told.length > 0) return null;
    throw error;
  }
}

/** @throws ConnectorError of kind `auth` where it cannot sign in */
export async function check(client: Client, signal: AbortSignal): Promise<Health> {
  const { config } = client.ctx;
  const scopes = await readScopes(client, signal);
  const lacking = needs.filter((need) => lacks(scopes, need));
  const told = lacking.map(({ what, scopes: any }) => `no scope for ${what}: ${any.join(" or ")} is missing`);
  const me = await unlessLacking(client.me(signal), told);
  if (me === null) return { ok: false, detail: told.join("; ") };
  // Zendesk answers those whom it does not know as well: as somebody without a number.
  if (me.id === null)
    throw new ConnectorError("auth", "Zendesk does not know these credentials: look at email and apiToken");
  const role = me.role ?? "unknown role";
  const faults = [
    ...told,
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
