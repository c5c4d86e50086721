/** The API client against real servers: where credentials go, what is asked again, and what is not believed. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import type { ConnectorFetch } from "../contract/connector.ts";
import { ConnectorError, describeError } from "../contract/errors.ts";
import { createKitHttp } from "../kit/http.ts";
import { type Authorization, createApi, orGone } from "./api-client.ts";

interface Seen {
  method: string;
  path: string;
  authorization: string | undefined;
  type: string | undefined;
  body: string;
}
type Reply = { status?: number; headers?: Record<string, string>; body?: string | Uint8Array };

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A server that keeps what it is asked, and answers as it is told. */
async function startServer(reply: (request: Seen) => Reply) {
  const seen: Seen[] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    const { method = "", url: path = "", headers } = request;
    const { authorization, "content-type": type } = headers;
    const asked = { method, path, authorization, type, body: await text(request) };
    seen.push(asked);
    const { status = 200, headers: more, body = "{}" } = reply(asked);
    response.writeHead(status, more).end(body);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const token: Authorization = async () => "Bearer a-token";
const anything = z.unknown();
const apiOf = (url: string, authorization = token) => createApi(createKitHttp().fetch, url, authorization);
const failing = (kind: string, message: RegExp) => ({ kind, message: expect.stringMatching(message) });

/** A fetch that keeps the addresses it is asked for, and answers each with an empty file. */
function recordingFetch() {
  const asked: Array<{ url: string; authorization: string | undefined }> = [];
  const fetch: ConnectorFetch = async (url, init) => {
    const { authorization } = (init?.headers ?? {}) as Record<string, string>;
    asked.push({ url, authorization });
    return new Response("");
  };
  return { asked, fetch };
}

test("it reads and writes below its base, with credentials, a query and a JSON body", async () => {
  const { url, seen } = await startServer(() => ({ body: '{"id": 7}' }));
  const api = apiOf(`${url}/base/`);
  const query = { page: 2, all: true, none: undefined, q: "a&b" };
  expect(await api.get("things", z.object({ id: z.int() }), { query })).toEqual({ id: 7 });
  await api.send("POST", "things", anything, { json: { name: "x" } });
  await api.send("PUT", "file", anything, {
    bytes: { content: new Uint8Array([104, 105]), mediaType: "text/plain" },
  });
  const authorization = "Bearer a-token";
  expect(seen).toEqual([
    { method: "GET", path: "/base/things?page=2&all=true&q=a%26b", authorization, body: "" },
    { method: "POST", path: "/base/things", authorization, type: "application/json", body: '{"name":"x"}' },
    { method: "PUT", path: "/base/file", authorization, type: "text/plain", body: "hi" },
  ]);
});

test("an answer without a body is undefined, and headers come along where they are wanted", async () => {
  const { url } = await startServer(({ method }) =>
    method === "DELETE" ? { status: 204, body: "" } : { headers: { "x-next": "2" } },
  );
  expect(await apiOf(url).send("DELETE", "thing", z.undefined())).toBeUndefined();
  expect((await apiOf(url).read("things", anything)).headers.get("x-next")).toBe("2");
});

test("a link to the next page is followed within the API's origin, and nowhere else", async () => {
  const other = await startServer(() => ({}));
  const { url, seen } = await startServer(() => ({}));
  const api = apiOf(url);
  await api.get(`${url}/things?page=2`, anything);
  expect(seen.map(({ path }) => path)).toEqual(["/things?page=2"]);
  for (const link of [
    `${other.url}/things`,
    `//${new URL(other.url).host}/things`,
    "file:///etc/passwd",
    "data:,x",
  ])
    await expect(api.get(link, anything)).rejects.toMatchObject(failing("permanent", /lies outside of/));
  await expect(api.get("http://[", anything)).rejects.toMatchObject(failing("permanent", /no address/));
  expect(other.seen).toEqual([]);
});

test("a redirect of an API call is not followed, credentials or not", async () => {
  const other = await startServer(() => ({}));
  const { url } = await startServer(() => ({ status: 302, headers: { location: `${other.url}/stolen` } }));
  await expect(apiOf(url).get("things", anything)).rejects.toMatchObject({ kind: "permanent", status: 302 });
  expect(other.seen).toEqual([]);
});

test("refused credentials are asked for anew once, and the request is made once more", async () => {
  const { url, seen } = await startServer(({ authorization }) => ({
    status: authorization === "new" ? 200 : 401,
  }));
  const refused: Array<string | undefined> = [];
  const renewing: Authorization = async (value) => {
    refused.push(value);
    return value === undefined ? "old" : "new";
  };
  await apiOf(url, renewing).send("POST", "things", anything, { json: {} });
  expect(refused).toEqual([undefined, "old"]);
  expect(seen.map(({ authorization, body }) => [authorization, body])).toEqual([
    ["old", "{}"],
    ["new", "{}"],
  ]);
});

test("credentials that stay the same are not tried again, nor new ones a second time", async () => {
  const { url, seen } = await startServer(() => ({ status: 401 }));
  await expect(apiOf(url).get("things", anything)).rejects.toMatchObject({ kind: "auth", status: 401 });
  expect(seen).toHaveLength(1);
  let n = 0;
  await expect(apiOf(url, async () => `token-${n++}`).get("things", anything)).rejects.toMatchObject({
    kind: "auth",
  });
  expect(seen).toHaveLength(3);
});

test("a write is made once, unless the caller says otherwise; a read is made again", async () => {
  const { url, seen } = await startServer(() => ({ status: 503 }));
  await expect(apiOf(url).send("POST", "a", anything)).rejects.toMatchObject({ kind: "transient" });
  expect(seen).toHaveLength(1);
  await expect(apiOf(url).send("POST", "a", anything, { attempts: 2 })).rejects.toMatchObject({
    status: 503,
  });
  expect(seen).toHaveLength(3);
  await expect(apiOf(url).get("a", anything)).rejects.toMatchObject({ status: 503 });
  expect(seen).toHaveLength(6);
});

test("what is not JSON, or not as it is documented, is transient, and the message shows no content", async () => {
  const { url } = await startServer(({ path }) => ({
    body: path === "/page" ? "secret words" : '{"id": "secret words"}',
  }));
  const schema = z.object({ id: z.int() });
  const page = await apiOf(url)
    .get("page", schema)
    .catch((error: unknown) => error);
  expect(page).toMatchObject(
    failing("transient", /GET http:\S+\/page answered with something that is not JSON/),
  );
  const thing = await apiOf(url)
    .get("thing", schema)
    .catch((error: unknown) => error);
  expect(thing).toMatchObject(failing("transient", /answered otherwise than it is documented/));
  expect(`${describeError(page)}${describeError(thing)}`).not.toContain("secret");
});

test("a file is loaded from elsewhere without credentials, also after a redirect away and back", async () => {
  const files = await startServer(({ path }) =>
    path === "/back" ? { status: 302, headers: { location: `${desk.url}/own` } } : { body: "a file" },
  );
  const desk = await startServer(({ path }) =>
    path === "/away" ? { status: 302, headers: { location: `${files.url}/there` } } : { body: "own file" },
  );
  const api = apiOf(desk.url);
  const download = async (url: string) => new TextDecoder().decode(await api.download(url, 1_000));
  expect(await download(`${files.url}/direct`)).toBe("a file");
  expect(await download("away")).toBe("a file");
  expect(await download(`${files.url}/back`)).toBe("own file");
  expect(files.seen.map(({ path, authorization }) => [path, authorization])).toEqual([
    ["/direct", undefined],
    ["/there", undefined],
    ["/back", undefined],
  ]);
  expect(desk.seen.map(({ authorization }) => authorization)).toEqual(["Bearer a-token", "Bearer a-token"]);
});

test("a relative redirect of a file is taken from where it came, and an endless one is given up", async () => {
  const { url } = await startServer(({ path }) => {
    if (path === "/a/first") return { status: 307, headers: { location: "second" } };
    return path === "/a/second" ? { body: "found" } : { status: 302, headers: { location: "/loop" } };
  });
  expect(await apiOf(url).download("a/first", 1_000)).toEqual(new TextEncoder().encode("found"));
  await expect(apiOf(url).download("loop", 1_000)).rejects.toMatchObject(failing("permanent", /5 redirects/));
});

test("a file that is too large will not become smaller", async () => {
  const { url } = await startServer(() => ({ body: new Uint8Array(2_000) }));
  await expect(apiOf(url).download("file", 1_000)).rejects.toMatchObject(failing("permanent", /1000 bytes/));
  expect(await apiOf(url).download("file", 2_000)).toHaveLength(2_000);
});

test("what a file's host asks for is no limit of the account's", async () => {
  const busy = () => ({ status: 429, headers: { "retry-after": "86400" } });
  const [files, desk] = [await startServer(busy), await startServer(busy)];
  const api = apiOf(desk.url);
  const failed = (url: string) => api.download(url, 1_000).catch((error: unknown) => error);
  const foreign = await failed(`${files.url}/file`);
  expect(foreign).toMatchObject({ kind: "transient", status: 429 });
  expect(foreign).not.toHaveProperty("retryAfterMs", expect.any(Number));
  expect(await failed("file")).toMatchObject({ kind: "rate_limited", retryAfterMs: 86_400_000 });
});

test("a file's address is told nowhere, and a refusal by a host that was shown no credentials says nothing of them", async () => {
  const files = await startServer(({ path }) => ({ status: path.endsWith("busy") ? 503 : 401, body: "no" }));
  const desk = await startServer(() => ({ status: 401, body: "no" }));
  const api = apiOf(desk.url);
  const failed = (url: string) => api.download(url, 1_000).catch((error: unknown) => error);
  const [foreign, own] = [await failed(`${files.url}/token-of-the-file`), await failed("token-of-the-file")];
  expect(foreign).toMatchObject({ kind: "permanent", status: 401 });
  expect(own).toMatchObject({ kind: "auth", status: 401 });
  expect(await failed(`${files.url}/token-busy`)).toMatchObject({ kind: "transient", status: 503 });
  expect(`${foreign} ${own}`).not.toContain("token-of-the-file");
});

test.each([
  ["http://files.example/x", "plain HTTP, where the API has better"],
  ["https://localhost/x", "this machine"],
  ["https://localhost./x", "this machine, with a dot"],
  ["https://redis:6379/x", "a name without a domain"],
  ["https://a.localhost/x", "this machine, under any name"],
  ["https://metadata.google.internal/x", "a cloud's own service"],
  ["https://printer.local/x", "the local network"],
  ["https://127.0.0.1/x", "this machine, by number"],
  ["https://2130706433/x", "this machine, by one number"],
  ["https://0x7f.1/x", "this machine, in hexadecimal"],
  ["https://10.1.2.3/x", "a private network"],
  ["https://172.20.1.1/x", "a private network"],
  ["https://192.168.0.1/x", "a private network"],
  ["https://100.100.100.200/x", "a provider's network"],
  ["https://169.254.169.254/latest/meta-data", "a cloud's metadata"],
  ["https://[::1]/x", "this machine, by IPv6"],
  ["https://[::ffff:127.0.0.1]/x", "this machine, mapped"],
  ["ftp://files.example/x", "another protocol"],
  ["file:///etc/passwd", "a file of this machine"],
  ["https://files.example:99999/x", "no address at all"],
])("no file is loaded from %s (%s)", async (url) => {
  const { asked, fetch } = recordingFetch();
  const api = createApi(fetch, "https://desk.example", token);
  await expect(api.download(url, 1_000)).rejects.toMatchObject({ kind: "permanent" });
  expect(asked).toEqual([]);
});

test("a name and a password within a link do not go along", async () => {
  const { asked, fetch } = recordingFetch();
  const api = createApi(fetch, "https://desk.example", token);
  await api.download("https://ann:secret@files.example/x", 1_000);
  await api.download("https://172.15.0.1/x", 1_000);
  expect(asked).toEqual([
    { url: "https://files.example/x", authorization: undefined },
    { url: "https://172.15.0.1/x", authorization: undefined },
  ]);
});

test("what is gone, or not for us to see, is told from what failed", async () => {
  const answer = (kind: "auth" | "permanent" | "transient", status: number) =>
    orGone(Promise.reject(new ConnectorError(kind, "no", { status })));
  expect(await orGone(Promise.resolve(7))).toBe(7);
  expect(await answer("auth", 403)).toBeNull();
  expect(await answer("permanent", 404)).toBeNull();
  await expect(answer("auth", 401)).rejects.toThrow("no");
  await expect(answer("transient", 500)).rejects.toThrow("no");
});
