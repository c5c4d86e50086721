/** The kit's host and the core, side by side: what a connector meets in its conformance suite is what it meets in a hub. */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import {
  type AnyConnector,
  type ConnectorFetch,
  defineConnector,
  type OutgoingDraft,
  type RawRequest,
} from "../../plugins/contract/connector.ts";
import { ConnectorError, isConnectorError } from "../../plugins/contract/errors.ts";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { createKitHost, replayWindowMs as kitWindowMs } from "../../plugins/kit/host.ts";
import { createKitHttp } from "../../plugins/kit/http.ts";
import { createJournal } from "../../plugins/kit/journal.ts";
import { draftFor } from "../../plugins/kit/stage.ts";
import { rawRequest } from "../../plugins/kit/world.ts";
import { newId } from "../lib/ids.ts";
import { toProblem } from "../services/gateway/problem.ts";
import { loadCursor } from "../store/cursors.ts";
import { hostConnector } from "../testing/hosting.ts";
import { eventually, openTestStore, quietLog } from "../testing/store.ts";
import { putDraft, unwrap } from "./deliver.ts";
import { createConnectorFetch } from "./fetch.ts";
import { startPulls } from "./pull.ts";
import { handleRequest, replayWindowMs } from "./push.ts";

type Answer = (response: ServerResponse) => void;
let answer: Answer = (response) => void response.end("ok");
let requests = 0;
let url = "";
const server = createServer((_, response) => {
  requests++;
  answer(response);
});
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

type Init = NonNullable<Parameters<ConnectorFetch>[1]>;

/** What a connector learns of a request, and how often the other side was asked. */
async function learned(fetch: ConnectorFetch, address: string, init: Init) {
  requests = 0;
  try {
    const response = await fetch(address, init);
    return { status: response.status, body: await response.text(), requests };
  } catch (error) {
    if (!isConnectorError(error)) return { thrown: (error as Error).name, requests };
    const { kind, message, status, retryAfterMs } = error;
    return { kind, message, status, retryAfterMs, requests };
  }
}

const both = () => [
  createConnectorFetch({ requests: 1_000, perMs: 1_000, concurrency: 10 }),
  createKitHttp().fetch,
];

async function expectSame(address: string, init: Init = {}) {
  const [core, kit] = both() as [ConnectorFetch, ConnectorFetch];
  const real = await learned(core, address, init);
  expect(await learned(kit, address, init)).toEqual(real);
  return real;
}

test.each([200, 204, 302, 400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503])(
  "an answer of %i means the same to a connector in both",
  async (status) => {
    answer = (response) => void response.writeHead(status).end(status === 204 ? undefined : "body");
    expect(await expectSame(`${url}/a?token=tell-nobody`, { attempts: 1 })).toMatchObject({ status });
  },
);

test.each([
  ["seconds", "120", 120_000],
  ["nonsense", "soon", undefined],
])("Retry-After in %s is understood in the same way", async (_, header, expected) => {
  answer = (response) => void response.writeHead(429, { "retry-after": header }).end();
  const known = await expectSame(url, { attempts: expected === undefined ? 1 : 3 });
  expect(known).toMatchObject({ kind: "rate_limited", retryAfterMs: expected, requests: 1 });
});

test("attempts, time-outs, lost connections, wrong addresses and wrong headers are treated in the same way", async () => {
  answer = (response) => void response.writeHead(500).end();
  expect(await expectSame(url, { attempts: 2 })).toMatchObject({ kind: "transient", requests: 2 });
  answer = (response) => void response.writeHead(404).end();
  expect(await expectSame(url)).toMatchObject({ kind: "permanent", requests: 1 });
  answer = () => undefined;
  expect(await expectSame(url, { attempts: 1, timeoutMs: 50 })).toMatchObject({ kind: "transient" });
  answer = (response) => void response.socket?.destroy();
  expect((await expectSame(url, { attempts: 1 })) as { kind: string }).toMatchObject({ kind: "transient" });
  answer = (response) => void response.end("ok");
  expect(await expectSame("no address", { attempts: 1 })).toMatchObject({ kind: "config" });
  const headers = { authorization: "tell-nobody\nx" };
  expect(await expectSame(url, { attempts: 1, headers })).toMatchObject({ kind: "config" });
  const aborted = AbortSignal.abort(new Error("the node stops"));
  expect(await expectSame(url, { signal: aborted })).toMatchObject({ thrown: "Error", requests: 0 });
});

/** A connector whose source, posts and deliveries are what a test makes of them. */
function makeSpec(events: ConnectorEventInput[]) {
  const seen = { from: [] as unknown[], puts: 0, atOnce: 0, most: 0, fail: null as Error | null };
  const spec = defineConnector({
    name: "desk",
    core: "^1",
    config: z.looseObject({}),
    cursor: z.object({ at: z.number() }),
    limits: { requests: 100, perMs: 1_000, concurrency: 2 },
    open: async () => "client",
    check: async () => ({ ok: true }),
    close: async () => undefined,
    pull: {
      async *pages(_client, from) {
        if (events.length > (from?.at ?? 0)) seen.from.push(from);
        for (let at = from?.at ?? 0; at < events.length; at += 3) {
          yield { events: events.slice(at, at + 3), cursor: { at: Math.min(at + 3, events.length) } };
        }
      },
    },
    push: {
      verify({ headers }) {
        if (headers["x-genuine"] !== "yes") return { ok: false, reason: "the signature is wrong" };
        const id = headers["x-id"];
        return id === undefined
          ? { ok: true }
          : { ok: true, replay: { id, at: new Date(headers["x-at"] ?? "") } };
      },
      async parse(_client, { body }) {
        const text = new TextDecoder().decode(body);
        if (text === "") throw new ConnectorError("permanent", "the body is empty");
        return [
          {
            kind: "message",
            ...z.object({ externalId: z.string(), text: z.string() }).parse(JSON.parse(text)),
          },
        ];
      },
    },
    serve: {
      handle: async (_client, { path }) => (path === "/page" ? { status: 200, body: "a page" } : null),
    },
    deliver: {
      as: "draft",
      async put() {
        seen.puts++;
        seen.most = Math.max(seen.most, ++seen.atOnce);
        await new Promise((resolve) => setTimeout(resolve, 20));
        seen.atOnce--;
        if (seen.fail) throw seen.fail;
        return { externalId: "note-1", created: true };
      },
    },
  }) as AnyConnector;
  return { spec, seen };
}

const mixed = [
  { kind: "message", externalId: "a", text: "first" },
  { kind: "message", externalId: "a", text: "first, once more" },
  { kind: "message", externalId: "b" },
  { kind: "rejected", externalId: "c", reason: "broken" },
  { kind: "message", externalId: "d", text: "with a NUL \u0000" },
  { kind: "message", externalId: "e", text: "half a letter \ud83d" },
  { kind: "message", externalId: "f", text: "x".repeat(200_001) },
  null,
  { kind: "message", externalId: "g", text: "last", surprise: true },
  { kind: "message", externalId: "h", text: "good" },
] as ConnectorEventInput[];

test("pages with repeats and events that break the contract leave the same behind, also after a failed commit", async () => {
  const { db } = await openTestStore();
  const { spec, seen } = makeSpec(mixed);
  const host = hostConnector(db, spec);
  let failures = 0;
  const acceptPage: typeof host.intake.acceptPage = async (source, page) => {
    if (failures++ === 0) throw new Error("the database is away");
    return host.intake.acceptPage(source, page);
  };
  const intake = { ...host.intake, acceptPage };
  const pulls = startPulls({ ...host, intake, node: newId(), log: quietLog });
  await eventually(async () => (await loadCursor(db, "acme", "desk")) !== null, "the first page");
  await eventually(
    async () => ((await loadCursor(db, "acme", "desk")) as { at: number }).at === mixed.length,
    "all",
  );
  await pulls.stop();
  const ids = async (table: string) =>
    (await db.query<{ id: string }>(table, `SELECT external_id AS id FROM ${table} ORDER BY id`, [])).map(
      ({ id }) => id,
    );
  const real = { messages: await ids("messages"), rejected: await ids("quarantine"), from: seen.from };

  const other = makeSpec(mixed);
  const kit = createKitHost(other.spec, {}, createJournal());
  kit.memory.failCommits = 1;
  const reading = kit.read();
  await eventually(() => (kit.memory.cursor as { at: number } | null)?.at === mixed.length, "all");
  await reading.stop(1_000);
  const of = (kind: string) =>
    kit.memory.events.filter((event) => event.kind === kind).map(({ externalId }) => externalId);
  expect(of("message")).toEqual(["a", "h"]);
  expect(of("message")).toEqual(real.messages.toSorted());
  const named = (list: string[]) => list.map((id) => id.replace(/^unnamed-.*/, "unnamed")).sort();
  expect(named(of("rejected"))).toEqual(named(real.rejected));
  expect(other.seen.from).toEqual(real.from);
});

const post = (
  body: unknown,
  headers: Record<string, string> = {},
  fields: Partial<RawRequest> = {},
): RawRequest =>
  rawRequest({
    headers: { "x-genuine": "yes", ...headers },
    body: new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body)),
    ...fields,
  });
const at = (ms: number) => new Date(Date.now() + ms).toISOString();
const message = { externalId: "m1", text: "hello" };

test("posts are answered in the same way, one after the other", async () => {
  expect(kitWindowMs).toBe(replayWindowMs);
  const { db } = await openTestStore();
  const host = hostConnector(db, makeSpec([]).spec);
  const kit = createKitHost(makeSpec([]).spec, {}, createJournal());
  const posts: Array<[RawRequest, number]> = [
    [post(message), 202],
    [post(message), 202],
    [post(message, { "x-genuine": "no" }), 401],
    [post({ ...message, externalId: "m2" }, { "x-id": "w1", "x-at": at(0) }), 202],
    [post({ ...message, externalId: "m3" }, { "x-id": "w1", "x-at": at(0) }), 202],
    [post(message, { "x-id": "w2", "x-at": at(-replayWindowMs - 5_000) }), 401],
    [post(message, { "x-id": "w3", "x-at": at(replayWindowMs + 5_000) }), 401],
    [post(message, { "x-id": "w4", "x-at": "soon" }), 401],
    [post({ externalId: "m4" }), 422],
    [post(""), 422],
    [post("{"), 500],
    [post({ externalId: "m5", text: "a NUL \u0000" }), 422],
    [post({ externalId: "", text: "without an id" }), 422],
    [post(message, {}, { method: "GET" }), 404],
    [post(message, {}, { method: "GET", path: "/page" }), 200],
  ];
  for (const [request, expected] of posts) {
    const real = await handleRequest(host, "acme", "desk", request).then(
      (result) => ("accepted" in result ? 202 : "reply" in result ? result.reply.status : 404),
      (error) => toProblem(error).status,
    );
    expect([real, (await kit.receive(request)).status]).toEqual([expected, expected]);
  }
  const stored = await db.query<{ id: string }>(
    "ids",
    "SELECT external_id AS id FROM messages ORDER BY 1",
    [],
  );
  expect(kit.memory.events.map(({ externalId }) => externalId)).toEqual(stored.map(({ id }) => id));
});

test("one draft that is put twice at a time is one call in both, and errors keep their kind", async () => {
  const { db } = await openTestStore();
  const core = makeSpec([]);
  const mine = makeSpec([]);
  const { instances } = hostConnector(db, core.spec);
  const kit = createKitHost(mine.spec, {}, createJournal());
  const event = { externalId: "m1", threadId: "t1", text: "hello" };
  const from = { name: "Ada", email: "ada@customer.example" };
  const customer = { key: "m1", text: "hello", subject: "Hello", thread: "t1", from, files: [] };
  const draft: OutgoingDraft = draftFor({ message: customer, event });
  const real = await Promise.all(
    [1, 2].map(async () => unwrap(await putDraft(instances, "acme", "desk", draft))),
  );
  const same = await Promise.all([1, 2].map(() => kit.put(draft)));
  expect(same).toEqual(real);
  expect([core.seen.puts, mine.seen.puts]).toEqual([1, 1]);
  for (const kind of ["rate_limited", "transient", "permanent", "auth"] as const) {
    core.seen.fail = mine.seen.fail = new ConnectorError(kind, "no");
    // In a hub of its own: one that was asked to slow down does not call again at once.
    const failed = await putDraft(hostConnector(db, core.spec).instances, "acme", "desk", draft);
    await expect(kit.put(draft)).rejects.toMatchObject({ kind });
    expect(failed).toMatchObject({ failed: { kind } });
  }
});

test("no more drafts are put at once than the connector's limits say", async () => {
  const { db } = await openTestStore();
  const core = makeSpec([]);
  const mine = makeSpec([]);
  const { instances } = hostConnector(db, core.spec);
  const kit = createKitHost(mine.spec, {}, createJournal());
  const from = { name: "Ada", email: "ada@customer.example" };
  const drafts = ["a", "b", "c", "d", "e"].map((key) => {
    const message = { key, text: "hello", subject: "Hello", thread: key, from, files: [] };
    return draftFor({ message, event: { externalId: key, text: "hello" } });
  });
  await Promise.all(drafts.map((draft) => putDraft(instances, "acme", "desk", draft)));
  await Promise.all(drafts.map((draft) => kit.put(draft)));
  expect([core.seen, mine.seen]).toMatchObject([
    { puts: 5, most: 2 },
    { puts: 5, most: 2 },
  ]);
});
