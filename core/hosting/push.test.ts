import { expect, test } from "vitest";
import { z } from "zod";
import {
  type AnyConnector,
  defineConnector,
  type RawRequest,
  type Verdict,
} from "../../plugins/contract/connector.ts";
import { hostConnector } from "../testing/hosting.ts";
import { openTestStore } from "../testing/store.ts";
import { handleRequest, Refused, replayWindowMs } from "./push.ts";

const bodySchema = z.object({ id: z.string(), text: z.string() });

/** A webhook whose id and time are headers; `x-genuine` stands for a signature. */
function makeSpec(): AnyConnector {
  return defineConnector({
    name: "desk",
    core: "^1",
    config: z.looseObject({}),
    limits: { requests: 100, perMs: 1_000, concurrency: 10 },
    open: async () => "client",
    check: async () => ({ ok: true }),
    close: async () => undefined,
    push: {
      verify({ headers }): Verdict {
        if (headers["x-genuine"] !== "yes") return { ok: false, reason: "the signature is wrong" };
        const id = headers["x-id"];
        return id === undefined
          ? { ok: true }
          : { ok: true, replay: { id, at: new Date(headers["x-at"] ?? "") } };
      },
      async parse(_client, { body }) {
        const { id, text } = bodySchema.parse(JSON.parse(new TextDecoder().decode(body)));
        return [{ kind: "message", externalId: id, text }];
      },
    },
    serve: {
      handle: async (_client, { path }) => (path === "/page" ? { status: 200, body: "a page" } : null),
    },
  }) as AnyConnector;
}

function request(
  body: unknown,
  headers: Record<string, string> = {},
  fields: Partial<RawRequest> = {},
): RawRequest {
  return {
    company: "acme",
    instance: "desk",
    method: "POST",
    path: "/",
    query: new URLSearchParams(),
    headers: { "x-genuine": "yes", ...headers },
    body: new TextEncoder().encode(JSON.stringify(body)),
    url: "http://hub.example/connect/acme/desk",
    remoteAddress: "127.0.0.1",
    ...fields,
  };
}

const at = (ms: number) => new Date(Date.now() + ms).toISOString();

async function openTestPush() {
  const { db } = await openTestStore();
  const host = hostConnector(db, makeSpec());
  return {
    ...host,
    send: (sent: RawRequest, parts = host) => handleRequest(parts, "acme", "desk", sent),
    stored: async () => (await db.query("stored", "SELECT 1 AS n FROM messages", [])).length,
  };
}

test("a genuine webhook is taken in", async () => {
  const { send, stored } = await openTestPush();
  expect(await send(request({ id: "a", text: "hello" }))).toMatchObject({
    accepted: [{ externalId: "a", duplicate: false }],
  });
  expect(await stored()).toBe(1);
});

test("a forged webhook is refused and stores nothing", async () => {
  const { send, stored } = await openTestPush();
  await expect(send(request({ id: "a", text: "x" }, { "x-genuine": "no" }))).rejects.toThrow(Refused);
  expect(await stored()).toBe(0);
});

test.each([
  ["too old", () => at(-replayWindowMs - 5_000)],
  ["from the future", () => at(replayWindowMs + 5_000)],
  ["without a time that can be read", () => "soon"],
])("a webhook that is %s is refused", async (_, time) => {
  const { send, stored } = await openTestPush();
  const sent = request({ id: "a", text: "x" }, { "x-id": "w1", "x-at": time() });
  await expect(send(sent)).rejects.toThrow(Refused);
  expect(await stored()).toBe(0);
});

test("a webhook that is sent again within the window is answered and ignored", async () => {
  const { send, stored } = await openTestPush();
  const headers = { "x-id": "w1", "x-at": at(0) };
  await send(request({ id: "a", text: "x" }, headers));
  expect(await send(request({ id: "other", text: "y" }, headers))).toEqual({ accepted: [] });
  expect(await stored()).toBe(1);
});

test("a webhook whose intake failed is taken when it comes again", async () => {
  const { send, stored, intake, instances, db, directory, blobs } = await openTestPush();
  const sent = request({ id: "a", text: "x" }, { "x-id": "w1", "x-at": at(0) });
  const failing = { ...intake, accept: () => Promise.reject(new Error("the database is away")) };
  await expect(send(sent, { intake: failing, instances, db, directory, blobs })).rejects.toThrow("away");
  expect(await send(sent)).toMatchObject({ accepted: [{ externalId: "a", duplicate: false }] });
  expect(await stored()).toBe(1);
});

test("a body that cannot be read is a ZodError, and is not remembered", async () => {
  const { send } = await openTestPush();
  const headers = { "x-id": "w1", "x-at": at(0) };
  await expect(send(request({ id: "a" }, headers))).rejects.toThrow(z.ZodError);
  expect(await send(request({ id: "a", text: "x" }, headers))).toMatchObject({
    accepted: [{ externalId: "a" }],
  });
});

test("what the connector serves comes before posts; other methods are not found", async () => {
  const { send } = await openTestPush();
  expect(await send(request({}, {}, { method: "GET", path: "/page" }))).toEqual({
    reply: { status: 200, body: "a page" },
  });
  expect(await send(request({}, {}, { method: "GET" }))).toEqual({ notFound: true });
});
