/** A look at the account that changes nothing: what the token may read, and what in the config fits nothing there. */
import type { Health } from "../../plugins/contract/connector.ts";
import { ConnectorError, isConnectorError } from "../../plugins/contract/errors.ts";
import type { HubspotClient } from "./client.ts";
import { introspect } from "./oauth.ts";
import type { Pipelines } from "./schemas.ts";
import { orNull } from "./vendor.ts";

/** What each scope is for. */
export const scopes = {
  tickets: "to read tickets, and set their properties",
  "crm.objects.contacts.read": "to read who a ticket is from, and its notes",
  "crm.objects.contacts.write": "to write notes",
  "conversations.read": "to read what customers and agents write",
} as const;

type Scope = keyof typeof scopes;

interface Probe {
  readonly area: string;
  readonly scope: Scope;
  look(client: HubspotClient, signal: AbortSignal): Promise<unknown>;
}

const probes: readonly Probe[] = [
  {
    area: "tickets",
    scope: "tickets",
    look: ({ vendor }, signal) =>
      vendor.searchTickets(
        { filters: [], sort: "hs_lastmodifieddate", properties: ["hs_lastmodifieddate"], limit: 1 },
        signal,
      ),
  },
  {
    area: "conversations",
    scope: "conversations.read",
    look: ({ vendor }, signal) => vendor.peekThreads(signal),
  },
  {
    area: "contacts",
    scope: "crm.objects.contacts.read",
    look: ({ vendor }, signal) => vendor.peek("contacts", signal),
  },
  {
    area: "notes",
    scope: "crm.objects.contacts.read",
    look: ({ vendor }, signal) => vendor.peek("notes", signal),
  },
];

/** Whether the token may look there. Any other trouble is thrown. */
async function isAllowed(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (isConnectorError(error) && error.status === 403) return false;
    throw error;
  }
}

interface Grant {
  readonly missing: Set<Scope>;
  readonly readable: string[];
  readonly account: string | null;
  /** Whether HubSpot has told of scopes that no reading shows. */
  readonly isTold: boolean;
}

async function grantOf(client: HubspotClient, signal: AbortSignal): Promise<Grant> {
  const { oauth, url } = client.ctx.config;
  const missing = new Set<Scope>();
  const readable: string[] = [];
  let told: Awaited<ReturnType<typeof introspect>> | null = null;
  if (oauth) {
    const token = await client.accessToken();
    told = await introspect(url, oauth, token, client.ctx.fetch, signal);
    if (!told.active) throw new ConnectorError("auth", "HubSpot says that the access token is not valid");
    const granted = told.scopes ?? [];
    if (granted.length > 0)
      for (const scope of Object.keys(scopes) as Scope[]) if (!granted.includes(scope)) missing.add(scope);
  }
  for (const { area, scope, look } of probes) {
    if (await isAllowed(look(client, signal))) readable.push(area);
    else missing.add(scope);
  }
  return { missing, readable, account: told?.account ?? null, isTold: (told?.scopes?.length ?? 0) > 0 };
}

/** Ids in the config that the account does not have. */
function unknownIds(client: HubspotClient, pipelines: Pipelines): string[] {
  const { config } = client.ctx;
  const ids = new Set(pipelines.map(({ id }) => id));
  const stages = new Set(pipelines.flatMap((one) => one.stages.map(({ id }) => id)));
  return [
    ...config.pipelines.filter((id) => !ids.has(id)).map((id) => `there is no pipeline ${id}`),
    ...config.closedStages.filter((id) => !stages.has(id)).map((id) => `there is no stage ${id}`),
  ];
}

/** Properties and values in the config that the account does not have. */
async function unknownProperties(client: HubspotClient, signal: AbortSignal): Promise<string[]> {
  const faults: string[] = [];
  for (const { property, values } of client.fields) {
    const found = await orNull(client.vendor.property(property, signal));
    if (!found) {
      faults.push(`tickets have no property ${property}`);
      continue;
    }
    const options = found.options.map(({ value }) => value);
    const unknown = options.length === 0 ? [] : Object.values(values).filter((one) => !options.includes(one));
    if (unknown.length > 0) faults.push(`${property} has no value ${unknown.join(", ")}`);
  }
  return faults;
}

function webhookState({ ctx }: HubspotClient): string {
  const { clientSecret, publicUrl } = ctx.config;
  if (!clientSecret) return "without clientSecret webhooks are refused: tickets are found by polling alone";
  return publicUrl ? "webhooks are taken" : "webhooks are taken; behind a proxy, set publicUrl";
}

/** Signs in, reads a little of everything, and says what is missing. Changes nothing. */
export async function check(client: HubspotClient, signal: AbortSignal): Promise<Health> {
  const { missing, readable, account, isTold } = await grantOf(client, signal);
  const faults = [...missing].map((scope) => `the scope ${scope} is missing, ${scopes[scope]}`);
  if (!missing.has("tickets")) {
    faults.push(...unknownIds(client, await client.vendor.pipelines(signal)));
    faults.push(...(await unknownProperties(client, signal)));
  }
  if (faults.length > 0) return { ok: false, detail: faults.join("; ") };
  const where = account === null ? "" : ` of account ${account}`;
  const unsure = isTold ? "" : "; whether it may write notes shows with the first one";
  return { ok: true, detail: `reads ${readable.join(", ")}${where}; ${webhookState(client)}${unsure}` };
}
