/** Drafters whose API is in trouble: how often it is called, and what becomes of the rest. */
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { drafterSchema } from "../../config/schema.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import { createBreakers } from "../lib/breakers.ts";
import { Unavailable } from "../lib/unavailable.ts";
import { quietLog } from "../testing/store.ts";
import { createCompanyDrafter } from "./company-drafter.ts";
import type { DraftRequest } from "./drafter.ts";

const text = "Hello Ann,\n\nyour parcel is on its way.";
const words = "My order number 4711 has not arrived.";
const fine: RequestListener = (_, response) =>
  void response
    .writeHead(200, { "content-type": "application/json" })
    .end(JSON.stringify({ choices: [{ message: { content: text }, finish_reason: "stop" }] }));
const status =
  (code: number, headers: Record<string, string> = {}): RequestListener =>
  (_, response) =>
    void response
      .writeHead(code, { "content-type": "application/json", ...headers })
      .end(JSON.stringify({ error: { message: `no: ${words}` } }));

let server: Server;
let answer: RequestListener;
let calls = 0;

beforeEach(async () => {
  calls = 0;
  answer = fine;
  server = createServer((request, response) => {
    calls++;
    request.resume();
    request.on("end", () => answer(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function drafterOf(company: string, breakers = createBreakers(), fields: object = {}) {
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const config = drafterSchema.parse({ baseUrl, key: "sk-test-0123456789", timeoutMs: 1_000, ...fields });
  const knowledge = { articles: [], macros: [], problems: [], digest: "1" };
  return createCompanyDrafter({
    company: { id: company, name: company },
    config,
    knowledge,
    log: quietLog,
    breakers,
  });
}

function draft(drafter: ReturnType<typeof drafterOf>, signal = new AbortController().signal) {
  const conversation: DraftRequest["conversation"] = [
    { from: "requester", name: "Ann", text: words, at: new Date("2026-03-02T10:00:00Z") },
  ];
  const request = { company: "c", companyName: "C", subject: null, requesterName: "Ann", language: "en" };
  return drafter.draft({ ...request, conversation, labels: null }, signal);
}
const failure = (work: Promise<unknown>) => work.then(() => undefined).catch((error: unknown) => error);

test("an API that fails three times in a row is left alone, by all companies that use it", async () => {
  const breakers = createBreakers();
  const [acme, other] = [drafterOf("acme", breakers), drafterOf("other", breakers)];
  const apart = drafterOf("apart", breakers, { model: "another-model" });
  answer = status(500);
  for (const drafter of [acme, other, acme]) {
    expect(await failure(draft(drafter))).toBeInstanceOf(ConnectorError);
  }
  for (const drafter of [acme, other]) {
    const refused = await failure(draft(drafter));
    expect(refused).toBeInstanceOf(Unavailable);
    expect((refused as Unavailable).retryAfterMs).toBeGreaterThan(0);
  }
  expect(calls).toBe(3);
  expect(breakers.open()).toEqual({ llm: 1, connector: 0 });
  answer = fine;
  expect((await draft(apart)).text).toBe(text);
});

test("an API that asks to slow down is left alone at once, for as long as it asks", async () => {
  const drafter = drafterOf("acme");
  answer = status(429, { "retry-after": "7" });
  expect(await failure(draft(drafter))).toMatchObject({ kind: "rate_limited", retryAfterMs: 7_000 });
  const refused = await failure(draft(drafter));
  expect((refused as Unavailable).retryAfterMs).toBeGreaterThan(6_000);
  expect(calls).toBe(1);
});

test("messages that an API refuses, and our own stops, are no trouble of the API", async () => {
  const drafter = drafterOf("acme");
  answer = status(413);
  for (let i = 0; i < 6; i++) expect(await failure(draft(drafter))).toMatchObject({ kind: "permanent" });
  answer = () => undefined;
  for (let i = 0; i < 6; i++) {
    const stop = new AbortController();
    const asked = failure(draft(drafter, stop.signal));
    while (calls < 7 + i) await new Promise(setImmediate);
    stop.abort();
    expect(await asked).toBe(stop.signal.reason);
  }
  answer = fine;
  expect((await draft(drafter)).text).toBe(text);
});

test("the one that looks whether it works again does not bear the blame, nor tell the customer's words", async () => {
  const drafter = drafterOf("acme");
  answer = status(429, { "retry-after-ms": "1" });
  await failure(draft(drafter));
  answer = status(500);
  let refused: unknown;
  do refused = await failure(draft(drafter));
  while (calls < 2);
  expect(refused).toBeInstanceOf(Unavailable);
  const { cause } = refused as Unavailable;
  expect(cause).toMatchObject({ name: "ConnectorError", kind: "transient" });
  expect((cause as Error).message).not.toContain("4711");
});

test("through 429, 500, garbage and silence, a draft costs less than 1.05 calls", {
  timeout: 60_000,
}, async () => {
  const drafter = drafterOf("acme");
  // Models take their time, also when they refuse nothing: calls do not start together.
  const thinking: RequestListener = (request, response) => {
    setTimeout(() => fine(request, response), 5 + Math.random() * 20);
  };
  answer = thinking;
  const total = 500;
  const phases: RequestListener[] = [
    status(429, { "retry-after": "1" }),
    status(500),
    (_, response) => void response.end("garbage"),
    () => undefined,
  ];
  let drafted = 0;
  // Trouble comes when a part of the work is done, and goes by itself.
  const troubles = phases.map((phase, i) => ({ at: 50 + i * 120, phase }));
  const watch = () => {
    if (drafted < (troubles[0]?.at ?? total)) return;
    answer = troubles.shift()?.phase ?? thinking;
    setTimeout(() => {
      answer = thinking;
    }, 1_000);
  };
  let left = total;
  const worker = async () => {
    while (left > 0) {
      left--;
      for (;;) {
        const error = await failure(draft(drafter));
        if (error === undefined) break;
        const { retryAfterMs = 100 } = error as Unavailable;
        await new Promise((resolve) => setTimeout(resolve, retryAfterMs));
      }
      drafted++;
      watch();
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  expect(drafted).toBe(total);
  expect(calls).toBeLessThan(total * 1.05);
});
