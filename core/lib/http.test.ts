import { readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer, getCACertificates, setDefaultCACertificates } from "node:tls";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { makeCertificate } from "../testing/certificate.ts";
import { makeTempFolder } from "../testing/temp-folder.ts";
import { type HttpInit, http } from "./http.ts";

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;
let answer: Answer;
let sockets: Set<unknown>;
let url = "";

const server = createServer((request, response) => {
  sockets.add(request.socket);
  let body = "";
  request.on("data", (chunk) => {
    body += chunk;
  });
  request.on("end", () => answer(request, response, body));
});
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  sockets = new Set();
  answer = (_, response) => void response.end("ok");
});

const ask = (init: Partial<HttpInit> = {}, path = "/") =>
  http(url + path, { timeoutMs: 10_000, maxBytes: 1_000, ...init });
const failure = (work: Promise<unknown>) => work.then(() => undefined).catch((error: unknown) => error);

test("an answer comes whole, with its status, address and all headers", async () => {
  answer = (request, response) => {
    response.writeHead(201, "Made", { "set-cookie": ["a=1", "b=2"], "x-method": request.method ?? "" });
    response.write("first ");
    response.end(request.url);
  };
  const response = await ask({ method: "put" }, "/a%20b?c=d#e");
  expect(response).toMatchObject({ status: 201, statusText: "Made", ok: true, url: `${url}/a%20b?c=d#e` });
  expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
  expect(response.headers.get("x-method")).toBe("PUT");
  expect(await response.text()).toBe("first /a%20b?c=d");
});

test.each<[string, RequestInit["body"], string, string | undefined]>([
  ["text", "wörter", "wörter", "text/plain;charset=UTF-8"],
  ["bytes", new TextEncoder().encode("bytes"), "bytes", undefined],
  ["a form", new URLSearchParams({ a: "b c" }), "a=b+c", "application/x-www-form-urlencoded;charset=UTF-8"],
  ["a blob", new Blob(["blob"], { type: "text/x" }), "blob", "text/x"],
  ["nothing", null, "", undefined],
])("a body of %s arrives, with its type", async (_, body, text, type) => {
  answer = (request, response, received) =>
    void response.end(JSON.stringify({ received, type: request.headers["content-type"] }));
  const response = await ask({ method: "POST", ...(body !== null && { body }) });
  expect(await response.json()).toEqual({ received: text, type });
});

test.each<[string, HeadersInit]>([
  ["an object", { "X-One": " 1 " }],
  ["a list", [["X-One", "1"]]],
  ["Headers", new Headers({ "X-One": "1" })],
])("headers are taken as %s", async (_, headers) => {
  answer = (request, response) => void response.end(request.headers["x-one"]);
  expect(await (await ask({ headers })).text()).toBe("1");
});

test.each([
  ["gzip", gzipSync],
  ["br", brotliCompressSync],
])("an answer in %s is decoded, and its limit holds for what comes out", async (coding, encode) => {
  const send = (text: string) => {
    answer = (_, response) => void response.writeHead(200, { "content-encoding": coding }).end(encode(text));
  };
  send("words");
  expect(await (await ask()).text()).toBe("words");
  send("a".repeat(100_000));
  expect(await failure(ask())).toMatchObject({ name: "BodyTooLarge" });
  answer = (_, response) => void response.writeHead(200, { "content-encoding": coding }).end("not encoded");
  expect(await failure(ask())).toMatchObject({ name: "HttpFailure", kind: "garbage" });
});

test("an answer that never ends is read up to the limit", async () => {
  const closed = new Promise<void>((resolve) => {
    answer = (_, response) => {
      const more = () => {
        if (response.destroyed) return;
        response.write("x".repeat(500));
        setImmediate(more);
      };
      response.on("close", resolve);
      more();
    };
  });
  expect(await failure(ask())).toMatchObject({ name: "BodyTooLarge" });
  await closed;
});

test("connections are used again, also after errors whose body nobody wants", async () => {
  answer = (_, response) => void response.writeHead(500).end("x".repeat(5_000));
  for (let i = 0; i < 5; i++) {
    const response = await ask({ dropErrorBodies: true });
    expect(response.status).toBe(500);
    expect(response.body).toBeNull();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(sockets.size).toBe(1);
});

test("an error whose body nobody wants is known by its headers", async () => {
  answer = (_, response) => void response.writeHead(503).write("and then nothing");
  expect((await ask({ dropErrorBodies: true })).status).toBe(503);
  expect(await failure(ask({ timeoutMs: 50 }))).toMatchObject({ kind: "timeout" });
});

test.each<[string, Answer]>([
  ["says nothing", () => undefined],
  ["stops in the middle", (_, response) => void response.writeHead(200).write("half")],
])("a server that %s is a time-out, and so is its line", async (_, silent) => {
  answer = silent;
  expect(await failure(ask({ timeoutMs: 50 }))).toMatchObject({ name: "HttpFailure", kind: "timeout" });
});

test("a broken connection, a body cut short and what is no HTTP are told apart from answers", async () => {
  answer = (request) => request.socket.destroy();
  expect(await failure(ask())).toMatchObject({ kind: "unreachable", code: "UND_ERR_SOCKET" });
  answer = (_, response) => {
    response.writeHead(200, { "content-length": 100 }).write("half");
    setTimeout(() => response.destroy(), 10);
  };
  expect(await failure(ask())).toMatchObject({ kind: "unreachable" });
  const garbage = createTcpServer((socket) => socket.end("no HTTP at all\r\n\r\n"));
  await new Promise<void>((resolve) => garbage.listen(0, "127.0.0.1", resolve));
  const address = `http://127.0.0.1:${(garbage.address() as AddressInfo).port}`;
  expect(await failure(http(address, { timeoutMs: 5_000, maxBytes: 10 }))).toMatchObject({ kind: "garbage" });
  garbage.close();
});

test.each<[string, string, RequestInit]>([
  ["an address that is none", "tell-nobody", {}],
  ["another protocol", "ftp://tell-nobody.example", {}],
  ["a password in the address", "http://user:tell-nobody@127.0.0.1", {}],
  ["a header that is not valid", "", { headers: { authorization: "tell-nobody\nx" } }],
])("a request with %s is refused, without a word of it", async (_, address, init) => {
  const error = (await failure(http(address || url, { timeoutMs: 1_000, maxBytes: 1, ...init }))) as Error;
  expect(error).toMatchObject({ name: "HttpFailure", kind: "invalid" });
  expect(`${error.stack}${JSON.stringify(error)}${String(error.cause)}`).not.toContain("tell-nobody");
});

test("an abort ends a request at once, wherever it stands", async () => {
  const reason = new Error("stop");
  expect(await failure(ask({ signal: AbortSignal.abort(reason) }))).toBe(reason);
  const abort = new AbortController();
  const arrived = new Promise<void>((resolve) => {
    answer = () => resolve();
  });
  const asked = failure(ask({ signal: abort.signal }));
  await arrived;
  abort.abort(reason);
  expect(await asked).toBe(reason);
});

test.each(["http", "https"])(
  "a request over %s that is given up leaves nothing to be sent",
  async (protocol) => {
    const dir = await makeTempFolder("http");
    onTestFinished(() => rm(dir, { recursive: true }));
    const cert = await makeCertificate(dir);
    const trusted = getCACertificates();
    setDefaultCACertificates([...trusted, cert]);
    onTestFinished(() => setDefaultCACertificates(trusted));
    const { promise: end, resolve } = Promise.withResolvers<string | undefined>();
    // Takes the request in, and says nothing.
    const take = (socket: Socket) =>
      socket
        .resume()
        .on("end", () => resolve("closed"))
        .on("error", ({ code }: NodeJS.ErrnoException) => resolve(code));
    const key = await readFile(join(dir, "key.pem"));
    const silent = protocol === "https" ? createTlsServer({ cert, key }, take) : createTcpServer(take);
    await new Promise<void>((listening) => silent.listen(0, "127.0.0.1", listening));
    onTestFinished(() => void silent.close());
    const { port } = silent.address() as AddressInfo;
    const asked = http(`${protocol}://localhost:${port}`, {
      method: "PUT",
      body: "a note",
      timeoutMs: 100,
      maxBytes: 10,
    });
    expect(await failure(asked)).toMatchObject({ kind: "timeout" });
    expect(await end).toBe("ECONNRESET");
  },
);
