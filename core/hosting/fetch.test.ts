import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ConnectorError, describeError } from "../../plugins/contract/errors.ts";
import { createConnectorFetch, retryAfterMs, shownUrl } from "./fetch.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
let answers: Answer[] = [];
let requests: IncomingMessage[] = [];
let url = "";

/** Answers requests in turn; the last answer stays. */
const server = createServer((request, response) => {
  requests.push(request);
  request.resume();
  const answer = answers.length > 1 ? answers.shift() : answers[0];
  answer?.(request, response);
});
const status =
  (code: number, headers: Record<string, string> = {}, body = "body"): Answer =>
  (_, response) =>
    void response.writeHead(code, headers).end(body);
const silent: Answer = () => undefined;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  answers = [];
  requests = [];
});

const makeFetch = () => createConnectorFetch({ requests: 1_000, perMs: 1_000, concurrency: 10 });
async function failureOf(work: Promise<unknown>): Promise<ConnectorError> {
  const error = await work.then(
    () => undefined,
    (error) => error,
  );
  expect(error).toBeInstanceOf(ConnectorError);
  return error;
}

test.each([
  [401, "auth"],
  [403, "auth"],
  [404, "permanent"],
  [409, "permanent"],
  [422, "permanent"],
  [408, "transient"],
  [500, "transient"],
  [503, "transient"],
  [429, "rate_limited"],
])("an answer of %i is an error of kind %s, with its status", async (code, kind) => {
  answers = [status(code)];
  const error = await failureOf(makeFetch()(`${url}/v2/tickets?token=tell-nobody`, { attempts: 1 }));
  expect(error).toMatchObject({ kind, status: code });
  expect(error.message).toBe(`GET ${url}/v2/tickets answered ${code}`);
});

test("what may work later is tried again, what never will is not", async () => {
  answers = [status(503), status(429), status(200)];
  expect((await makeFetch()(url)).status).toBe(200);
  expect(requests).toHaveLength(3);
  answers = [status(404)];
  requests = [];
  await failureOf(makeFetch()(url));
  expect(requests).toHaveLength(1);
});

test("attempts have an end, and one means one", async () => {
  answers = [status(500)];
  await failureOf(makeFetch()(url, { attempts: 2 }));
  expect(requests).toHaveLength(2);
  await failureOf(makeFetch()(url, { attempts: 1, method: "POST", body: "x" }));
  expect(requests).toHaveLength(3);
});

test("Retry-After is kept to: a short one is waited for, a long one is left to the caller", async () => {
  answers = [status(429, { "retry-after": "1" }), status(200)];
  const started = performance.now();
  await makeFetch()(url);
  expect(performance.now() - started).toBeGreaterThan(990);
  answers = [status(429, { "retry-after": "120" })];
  requests = [];
  expect(await failureOf(makeFetch()(url))).toMatchObject({ kind: "rate_limited", retryAfterMs: 120_000 });
  expect(requests).toHaveLength(1);
});

test("Retry-After may be seconds or a date; nonsense counts as missing", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  expect(retryAfterMs("7", now)).toBe(7_000);
  expect(retryAfterMs("Thu, 01 Jan 2026 00:01:00 GMT", now)).toBe(60_000);
  expect(retryAfterMs("Wed, 31 Dec 2025 00:00:00 GMT", now)).toBe(0);
  for (const header of [null, "", "soon", "-5x"]) expect(retryAfterMs(header, now)).toBeUndefined();
});

test("a request that takes too long is transient, and its time counts for each attempt", async () => {
  answers = [silent, status(200)];
  expect((await makeFetch()(url, { timeoutMs: 100 })).status).toBe(200);
  answers = [silent];
  const error = await failureOf(makeFetch()(`${url}/slow?key=tell-nobody`, { timeoutMs: 50, attempts: 1 }));
  expect(error).toMatchObject({ kind: "transient", message: `GET ${url}/slow took longer than 50 ms` });
});

test("a server that is not there, or hangs up, is transient", async () => {
  const gone = createServer();
  await new Promise<void>((resolve) => gone.listen(0, "127.0.0.1", resolve));
  const { port } = gone.address() as AddressInfo;
  await new Promise((resolve) => gone.close(resolve));
  const address = `http://127.0.0.1:${port}/x`;
  const refused = await failureOf(makeFetch()(`${address}?key=tell-nobody`, { attempts: 1 }));
  expect(refused.kind).toBe("transient");
  expect(describeError(refused)).toBe(`GET ${address} could not be reached (ECONNREFUSED)`);
  answers = [(request) => request.socket.destroy()];
  expect((await failureOf(makeFetch()(url, { attempts: 1 }))).kind).toBe("transient");
});

test("a redirect comes back and is not followed", async () => {
  answers = [status(302, { location: "http://127.0.0.1:1/elsewhere" })];
  const response = await makeFetch()(url, { method: "POST", body: "words of a customer" });
  expect(response.status).toBe(302);
  expect(requests).toHaveLength(1);
});

test("an abort ends a request at once, its pause before the next attempt, and its place in the line", async () => {
  const fetch = createConnectorFetch({ requests: 1_000, perMs: 1_000, concurrency: 1 });
  answers = [silent];
  const abort = new AbortController();
  const first = fetch(url, { signal: abort.signal });
  const second = fetch(url, { signal: abort.signal });
  setTimeout(() => abort.abort(new Error("the node stops")), 30);
  await expect(first).rejects.toThrow("the node stops");
  await expect(second).rejects.toThrow("the node stops");
  expect(requests.length).toBeLessThanOrEqual(1);

  answers = [status(503, { "retry-after": "9" })];
  requests = [];
  const pausing = new AbortController();
  const started = performance.now();
  const waiting = fetch(url, { signal: pausing.signal });
  setTimeout(() => pausing.abort(new Error("no longer")), 100);
  await expect(waiting).rejects.toThrow("no longer");
  expect(performance.now() - started).toBeLessThan(2_000);
  expect(requests).toHaveLength(1);
});

test("no error shows a query, a password in an address, or a header", async () => {
  answers = [status(400)];
  const wrong = [
    failureOf(makeFetch()(`${url}/x?token=tell-nobody`, { attempts: 1 })),
    failureOf(makeFetch()("not an address tell-nobody", { attempts: 1 })),
    failureOf(makeFetch()(`http://user:tell-nobody@127.0.0.1/x`, { attempts: 1 })),
    failureOf(makeFetch()(url, { attempts: 1, headers: { authorization: "tell-nobody\nx" } })),
    failureOf(makeFetch()("http://no-such-host.invalid/?q=tell-nobody", { attempts: 1, timeoutMs: 3_000 })),
  ];
  for (const error of await Promise.all(wrong)) {
    expect(describeError(error)).not.toContain("tell-nobody");
    expect(String(error.stack)).not.toContain("tell-nobody");
  }
  expect(shownUrl("https://user:pw@host.example/a/b?c=d#e")).toBe("https://host.example/a/b");
});

test("the connector's limits hold for all its requests", async () => {
  const fetch = createConnectorFetch({ requests: 5, perMs: 200, concurrency: 2 });
  let open = 0;
  let most = 0;
  answers = [
    (_, response) => {
      most = Math.max(most, ++open);
      setTimeout(() => {
        open--;
        response.end("ok");
      }, 5);
    },
  ];
  const started = performance.now();
  await Promise.all(Array.from({ length: 12 }, () => fetch(url).then((response) => response.text())));
  expect(most).toBeLessThanOrEqual(2);
  expect(performance.now() - started).toBeGreaterThan(390);
});

test("an answer that is larger than asked for is permanent: it will be as large the next time", async () => {
  answers = [status(200, {}, "x".repeat(2_000))];
  const error = await failureOf(makeFetch()(`${url}/export`, { maxBytes: 1_000 }));
  expect(error).toMatchObject({
    kind: "permanent",
    message: `GET ${url}/export: the answer is larger than 1000 bytes`,
  });
  expect(requests).toHaveLength(1);
});
