/** A HubSpot account in memory behind a server on this machine: it answers as documented, and notes each request that is not. */
import { createHmac } from "node:crypto";
import type { RawRequest } from "../../../plugins/contract/connector.ts";
import { rawRequest } from "../../../plugins/kit/world.ts";
import type { Reply } from "./fake-crm.ts";
import { createDesk, type Desk } from "./fake-desk.ts";
import { addressOf, listen, startFileHost } from "./fake-file-host.ts";
import { createGate, createOAuth, type Limit } from "./fake-gate.ts";
import { answer, type FakeState } from "./fake-server.ts";
import { createStore, type FakeStore } from "./fake-store.ts";

export interface FakeOptions {
  readonly searchLimit?: number;
  /** The most items of one page of threads or messages. */
  readonly listPage?: number;
  readonly associationPage?: number;
  readonly burst?: Limit;
  readonly search?: Limit;
}

export interface FakeNote {
  readonly id: string;
  readonly ticketId: string;
  readonly html: string;
  readonly ownerId: string | null;
}

export const fakeSecrets = {
  accessToken: "pat-a-token-of-the-account",
  clientId: "an-app",
  clientSecret: "the-secret-of-the-app",
  refreshToken: "refresh-by-a-person",
} as const;

const allScopes = [
  "oauth",
  "tickets",
  "crm.objects.contacts.read",
  "crm.objects.contacts.write",
  "conversations.read",
];

export interface FakeHubspot extends Desk, FakeState {
  /** Requests whose path ends so get no answer until they are released. */
  holds(end: string): { release(): void };
  /** So many requests are answered with 429, and after how many seconds one may ask again. */
  refuse(count: number, retryAfterSeconds: number): void;
  /** The most requests and searches in any period, as the limits have it. */
  most(): { burst: number; search: number };
  /** Whether the files' own host was shown credentials. */
  readonly fileHost: { requests: number; credentials: string[] };
  notes(): FakeNote[];
  /** All that could be changed. */
  snapshot(): unknown;
  /** A genuine webhook of these events. */
  webhook(body: Uint8Array, at?: Date, url?: string): RawRequest;
  close(): Promise<void>;
}

function notesOf(store: FakeStore): FakeNote[] {
  return [...store.tickets.values()].flatMap((ticket) =>
    ticket.notes.flatMap((id) => {
      const note = store.notes.get(id);
      if (!note || note.archived) return [];
      const { hs_note_body: html, hubspot_owner_id: ownerId } = note.properties;
      return [{ id, ticketId: ticket.id, html: html ?? "", ownerId: ownerId ?? null }];
    }),
  );
}

function signed(body: Uint8Array, at = new Date(), url = rawRequest({}).url): RawRequest {
  const time = String(at.getTime());
  const hmac = createHmac("sha256", fakeSecrets.clientSecret).update("POST").update(url).update(body);
  const signature = hmac.update(time).digest("base64");
  const headers = { "x-hubspot-request-timestamp": time, "x-hubspot-signature-v3": signature };
  return rawRequest({ body, url, headers: { ...headers, "content-type": "application/json" } });
}

export async function startFakeHubspot(options: FakeOptions = {}): Promise<FakeHubspot> {
  const store = createStore();
  const gate = createGate(options);
  const held = new Map<string, Promise<void>>();
  const fileHost = await startFileHost(store);
  const around = {
    gate,
    held,
    accessToken: fakeSecrets.accessToken,
    fileHost: addressOf(fileHost.server),
    searchLimit: options.searchLimit ?? 10_000,
    associationPage: options.associationPage ?? 100,
    listPage: options.listPage ?? 500,
    appId: "3142",
  };
  const server = await listen(async (request, response) => {
    const { status, body, headers } = await answer(fake, around, request).catch((error): Reply => {
      fake.violations.push(`the fake failed: ${error}`);
      return { status: 500, body: String(error) };
    });
    const type = body === undefined ? {} : { "content-type": "application/json" };
    response.writeHead(status, { ...type, ...headers }).end(body === undefined ? "" : JSON.stringify(body));
  });
  const fake: FakeHubspot = {
    ...createDesk(store, () => fake.url),
    url: addressOf(server),
    store,
    violations: [],
    requests: [],
    oauth: createOAuth(fakeSecrets.clientId, fakeSecrets.clientSecret, fakeSecrets.refreshToken),
    scopes: [...allScopes],
    forbidden: new Set(),
    onBeforeWrite: null,
    onAfterWrite: null,
    fault: null,
    holds(end) {
      const { promise, resolve } = Promise.withResolvers<void>();
      held.set(end, promise);
      return { release: () => void (held.delete(end) && resolve()) };
    },
    refuse: gate.refuse,
    most: gate.most,
    fileHost: fileHost.seen,
    notes: () => notesOf(store),
    snapshot: () =>
      structuredClone([store.tickets, store.notes, store.threads].map((all) => [...all.values()])),
    webhook: signed,
    async close() {
      for (const one of [server, fileHost.server]) {
        one.closeAllConnections();
        await new Promise((resolve) => one.close(resolve));
      }
    },
  };
  return fake;
}
