import { createHmac, randomUUID } from "node:crypto";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { Context, HttpReply, RawRequest } from "../../plugins/contract/connector.ts";
import { connectorEventSchema } from "../../plugins/contract/events.ts";
import type { WidgetConfig } from "./config.ts";
import { inkOn, widgetConfig } from "./config.ts";
import { widget } from "./index.ts";
import { maxVisitorText } from "./map.ts";
import type { WidgetClient } from "./serve.ts";
import { signSession } from "./session.ts";

const identityKey = "0123456789abcdef0123456789abcdef";
const hub = "https://hub.example";
const visitorFile = "0193a5b0-0000-7000-8000-00000000000f";

const config = widgetConfig.parse({
  origins: ["https://shop.example", "https://www.shop.example"],
  sessionKey: "a-session-key-0123",
  identity: { keys: { k1: identityKey } },
  greeting: { en: 'Hello & "welcome" <script>' },
  maxFileBytes: 1_000,
  maxFiles: 2,
});

const read: { thread: string; after: string | undefined }[] = [];

function open(
  settings: WidgetConfig = config,
  { company = "demo", instance = "widget" } = {},
): Promise<WidgetClient> {
  const silent = () => undefined;
  const ctx: Context<WidgetConfig> = {
    company,
    companyName: "Fjordline Outdoor",
    instance,
    config: settings,
    log: { debug: silent, info: silent, warn: silent, error: silent },
    fetch: () => Promise.reject(new Error("unused")),
    conversations: {
      read: async (thread, after) => {
        read.push({ thread, after });
        return [];
      },
      attachment: async (_thread, id) =>
        id === visitorFile
          ? { name: 'квитанция "1".html', mediaType: "text/html", content: Buffer.from("<script>") }
          : null,
    },
    tokens: { accessToken: () => Promise.reject(new Error("unused")) },
    since: async () => new Date(),
  };
  return widget.open(ctx, new AbortController().signal);
}

let client: WidgetClient;
beforeAll(async () => {
  client = await open();
});

function request(method: string, target: string, more: Partial<RawRequest> = {}): RawRequest {
  const url = new URL(target, `${hub}/`);
  const { headers, ...rest } = more;
  return {
    company: "demo",
    instance: "widget",
    method,
    path: url.pathname,
    query: url.searchParams,
    headers: { ...(method === "POST" ? { origin: hub } : {}), ...headers },
    body: new Uint8Array(),
    url: `${hub}/connect/demo/widget${target}`,
    remoteAddress: "127.0.0.1",
    ...rest,
  };
}

async function served(asked: RawRequest, to: WidgetClient = client): Promise<HttpReply> {
  const reply = await widget.serve?.handle(to, asked);
  if (!reply) throw new Error(`${asked.path} is not served`);
  return reply;
}

async function session(body: object = {}, to: WidgetClient = client) {
  const reply = await served(request("POST", "/session", { body: Buffer.from(JSON.stringify(body)) }), to);
  return { status: reply.status, ...JSON.parse(String(reply.body)) };
}

function post(token: string, body: unknown, headers: Record<string, string | undefined> = {}): RawRequest {
  const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  return request("POST", "/messages", {
    body: bytes,
    headers: { origin: hub, authorization: `Bearer ${token}`, ...headers },
  });
}

async function message(token: string, body: unknown, to: WidgetClient = client) {
  const [event] = (await widget.push?.parse(to, post(token, body))) ?? [];
  return connectorEventSchema.parse(event);
}

function b64(value: unknown): string {
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
}

function jwt(
  claims: object,
  header: object = { alg: "HS256", kid: "k1", typ: "JWT" },
  key = identityKey,
  hash = "sha256",
) {
  const signed = `${b64(header)}.${b64(claims)}`;
  return `${signed}.${createHmac(hash, key).update(signed).digest("base64url")}`;
}

const soon = () => Math.floor(Date.now() / 1000) + 600;

describe("the loader", () => {
  it("is under 10 kB gzipped, valid, and can be kept by browsers", async () => {
    const reply = await served(request("GET", "/loader.js"));
    expect(gzipSync(String(reply.body)).byteLength).toBeLessThan(10_000);
    expect(() => new Function(String(reply.body))).not.toThrow();
    const etag = reply.headers?.etag ?? "";
    expect(etag).toMatch(/^"[\w-]+"$/);
    const again = await served(request("GET", "/loader.js", { headers: { "if-none-match": etag } }));
    expect(again).toMatchObject({ status: 304 });
    expect(again.body).toBeUndefined();
  });
});

describe("the frame", () => {
  it("may be shown by the configured sites only and runs no inline script", async () => {
    const reply = await served(request("GET", "/frame.html?lang=ru"));
    const policy = reply.headers?.["content-security-policy"] ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toMatch(/frame-ancestors 'self' https:\/\/shop\.example https:\/\/www\.shop\.example$/);
    expect(policy).not.toContain("unsafe");
    expect(reply.headers?.["x-content-type-options"]).toBe("nosniff");
    expect(String(reply.body)).toContain('lang="ru"');
    expect(String(reply.body)).not.toMatch(/<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|\{\{/);
  });

  it("escapes what the operator wrote", async () => {
    const body = String((await served(request("GET", "/frame.html"))).body);
    expect(body).not.toContain('welcome" <script>');
    expect(body).toContain("&#60;script&#62;");
  });

  it("finds every file that it names, and keeps them for good", async () => {
    const page = String((await served(request("GET", "/frame.html"))).body);
    const named = [...page.matchAll(/(?:src|href)="(v-[^"]+)"/g)].map((match) => `/${match[1]}`);
    expect(named.length).toBeGreaterThan(5);
    for (const path of named) {
      const reply = await served(request("GET", path));
      expect(reply.headers?.["cache-control"]).toContain("immutable");
      for (const [, near] of String(reply.body).matchAll(/from "\.\/([\w.-]+)"/g)) {
        expect(named.some((other) => other.endsWith(`/${near}`))).toBe(true);
      }
    }
    expect((await served(request("GET", "/frame.js"))).headers?.["cache-control"]).toBe("no-cache");
    expect(await widget.serve?.handle(client, request("GET", "/../config.js"))).toBeNull();
  });

  it("writes on any colour in a readable one", () => {
    expect([inkOn("#0b6e4f"), inkOn("#ffe066"), inkOn("#ffffff"), inkOn("#000000")]).toEqual([
      "#ffffff",
      "#000000",
      "#000000",
      "#ffffff",
    ]);
  });
});

async function expectRefused(token: string, to: WidgetClient, place = {}) {
  const sent = { ...post(token, { id: randomUUID(), text: "hi" }), ...place };
  expect(widget.push?.verify(sent, to.ctx.config)).toMatchObject({ ok: false });
  await expect(widget.push?.parse(to, sent)).rejects.toThrow("session is missing or over");
  const headers = { authorization: `Bearer ${token}` };
  for (const path of ["/conversation", `/files/${visitorFile}`]) {
    const asked = { ...request("GET", path, { headers }), ...place };
    expect(await served(asked, to)).toMatchObject({ status: 401 });
  }
}

describe("a session", () => {
  it("is renewed on the same thread", async () => {
    const first = await session();
    const second = await session({ token: first.token });
    expect(second).toMatchObject({ status: 200, resumed: true, identified: false });
    await served(request("GET", "/conversation", { headers: { authorization: `Bearer ${first.token}` } }));
    await served(request("GET", "/conversation", { headers: { authorization: `Bearer ${second.token}` } }));
    expect(read.at(-1)?.thread).toBe(read.at(-2)?.thread);
    expect((await session()).token).not.toBe(first.token);
  });

  it("that is forged is not taken", async () => {
    const { token } = await session();
    const [payload, signature] = String(token).split(".");
    const other = b64({ thread: "v-someone-else", exp: soon() });
    const tokens = [
      `${other}.${signature}`,
      `${payload}.`,
      `${payload}`,
      `${other}.${createHmac("sha256", "a-session-key-0123").update(other).digest("base64url")}`,
      `${token}.${signature}`,
      `${payload}.${signature}A`,
      "null",
      "",
      "x".repeat(5_000),
    ];
    for (const forged of tokens) {
      expect(widget.push?.verify(post(forged, {}), config)).toMatchObject({ ok: false });
      const reply = await served(
        request("GET", "/conversation", { headers: { authorization: `Bearer ${forged}` } }),
      );
      expect(reply.status).toBe(401);
    }
    expect(widget.push?.verify(post(token, {}), config)).toEqual({ ok: true });
  });

  it("ends", async () => {
    const short = widgetConfig.parse({ ...plain(), sessionDays: 1 / 24 });
    const { token } = await session({}, await open(short));
    vi.useFakeTimers({ now: Date.now() + 3_601_000 });
    expect(widget.push?.verify(post(token, {}), short)).toMatchObject({ ok: false });
    vi.useRealTimers();
    expect(widget.push?.verify(post(token, {}), short)).toEqual({ ok: true });
  });

  it.each([
    { company: "other", instance: "widget" },
    { company: "demo", instance: "widget-2" },
  ])("is refused by another widget with the same key: $company/$instance", async (place) => {
    const other = await open(config, place);
    const identity = jwt({ sub: "user-7", exp: soon() });
    for (const { token } of [await session(), await session({ identity })]) {
      await expectRefused(token, other, place);
      expect(await session({ token }, other)).toMatchObject({ status: 200, resumed: false });
    }
    const body = { id: randomUUID(), text: "hi" };
    const here = await message((await session({ identity })).token, body);
    const there = await message((await session({ identity }, other)).token, body, other);
    expect("threadId" in here && "threadId" in there && here.threadId !== there.threadId).toBe(true);
  });

  it("is refused to other origins, and to posts without one", async () => {
    const { token } = await session();
    for (const origin of ["https://shop.example", "null", "https://hub.example.evil.example", undefined]) {
      expect(
        (await served(request("POST", "/session", { headers: { origin }, body: Buffer.from("{}") }))).status,
      ).toBe(403);
      expect(widget.push?.verify(post(token, {}, { origin }), config)).toMatchObject({ ok: false });
    }
    const foreign = { authorization: `Bearer ${token}`, origin: "https://shop.example" };
    expect((await served(request("GET", "/conversation", { headers: foreign }))).status).toBe(403);
  });

  it("is refused for a body that is not what it should be", async () => {
    for (const body of ["", "[]", '{"token": 7}', '{"other": 1}', "{"]) {
      expect((await served(request("POST", "/session", { body: Buffer.from(body) }))).status).toBe(400);
    }
  });
});

function plain() {
  return { origins: ["https://shop.example"], sessionKey: "a-session-key-0123" };
}

describe("an identity", () => {
  it("leads to the same thread on every device, and into the requester", async () => {
    const claims = { sub: "user-7", name: "Ада", email: "ada@example.com", exp: soon() };
    const [one, two] = [
      await session({ identity: jwt(claims) }),
      await session({ identity: jwt({ ...claims, exp: soon() + 1 }) }),
    ];
    expect(one).toMatchObject({ status: 200, identified: true });
    const body = () => ({ id: randomUUID(), text: "hi" });
    const [first, second] = [await message(one.token, body()), await message(two.token, body())];
    expect(first).toMatchObject({
      requester: { name: "Ада", email: "ada@example.com", externalId: "user-7" },
    });
    expect("threadId" in first && "threadId" in second && first.threadId === second.threadId).toBe(true);
    const stranger = await message(
      (await session({ identity: jwt({ ...claims, sub: "user-8" }) })).token,
      body(),
    );
    expect(stranger).not.toMatchObject({ threadId: "threadId" in first ? first.threadId : "" });
  });

  it("is not kept by a session that is renewed without it", async () => {
    const known = await session({ identity: jwt({ sub: "user-7", exp: soon() }) });
    expect(await session({ token: known.token })).toMatchObject({ identified: false, resumed: false });
  });

  it.each<[string, string]>([
    ["alg none", `${b64({ alg: "none", kid: "k1" })}.${b64({ sub: "a", exp: soon() })}.`],
    ["alg none with a signature", jwt({ sub: "a", exp: soon() }, { alg: "none", kid: "k1" })],
    ["alg HS512", jwt({ sub: "a", exp: soon() }, { alg: "HS512", kid: "k1" }, identityKey, "sha512")],
    ["alg RS256 signed as HS256", jwt({ sub: "a", exp: soon() }, { alg: "RS256", kid: "k1" })],
    ["no alg", jwt({ sub: "a", exp: soon() }, { kid: "k1" })],
    ["no kid", jwt({ sub: "a", exp: soon() }, { alg: "HS256" })],
    ["an unknown kid", jwt({ sub: "a", exp: soon() }, { alg: "HS256", kid: "k2" })],
    ["a kid of the prototype", jwt({ sub: "a", exp: soon() }, { alg: "HS256", kid: "constructor" })],
    [
      "a critical extension",
      jwt({ sub: "a", exp: soon() }, { alg: "HS256", kid: "k1", crit: ["b64"], b64: false }),
    ],
    ["another key", jwt({ sub: "a", exp: soon() }, undefined, "another-key-another-key-another-k")],
    ["no exp", jwt({ sub: "a" })],
    ["an exp that is text", jwt({ sub: "a", exp: String(soon()) })],
    ["an exp in the past", jwt({ sub: "a", exp: soon() - 601 })],
    ["an exp too far ahead", jwt({ sub: "a", exp: soon() + 4_000 })],
    ["a time before nbf", jwt({ sub: "a", exp: soon(), nbf: soon() })],
    ["no sub", jwt({ exp: soon() })],
    ["an empty sub", jwt({ sub: "", exp: soon() })],
    ["a NUL in the name", jwt({ sub: "a", name: "a\u0000", exp: soon() })],
    ["claims that are no object", jwt([])],
    ["two parts", jwt({ sub: "a", exp: soon() }).split(".").slice(0, 2).join(".")],
    ["four parts", `${jwt({ sub: "a", exp: soon() })}.x`],
    [
      "other claims under the same signature",
      jwt({ sub: "a", exp: soon() }).replace(/\.[^.]+\./, `.${b64({ sub: "b", exp: soon() })}.`),
    ],
    ["nothing", ""],
  ])("with %s is refused", async (_, identity) => {
    expect(await session({ identity })).toMatchObject({ status: 401 });
  });

  it("may be required", async () => {
    const strict = await open(
      widgetConfig.parse({ ...plain(), identity: { keys: { k1: identityKey }, required: true } }),
    );
    expect(await session({}, strict)).toMatchObject({ status: 401 });
    expect(await session({ identity: jwt({ sub: "a", exp: soon() }) }, strict)).toMatchObject({
      status: 200,
    });
  });
});

describe("a session from before a change of the config", () => {
  const withKeys = (keys: Record<string, string>, required = false) =>
    open(widgetConfig.parse({ ...plain(), identity: { keys, required } }));

  it("is refused without an identity where one is required now", async () => {
    const { token } = await session({}, await open(widgetConfig.parse(plain())));
    const strict = await withKeys({ k1: identityKey }, true);
    await expectRefused(token, strict);
    const known = await session({ identity: jwt({ sub: "a", exp: soon() }) });
    expect(widget.push?.verify(post(known.token, {}), strict.ctx.config)).toEqual({ ok: true });
  });

  it("is refused once the identity key that vouched for it is gone", async () => {
    const { token } = await session({ identity: jwt({ sub: "a", exp: soon() }) });
    const both = await withKeys({ k1: identityKey, k2: `${identityKey}2` }, true);
    expect(widget.push?.verify(post(token, {}), both.ctx.config)).toEqual({ ok: true });
    await expectRefused(token, await withKeys({ k2: `${identityKey}2` }));
    await expectRefused(token, await open(widgetConfig.parse(plain())));
  });

  it("is refused where it names a person and no key", async () => {
    const token = signSession(client.ctx, { thread: "u-1", exp: soon(), sub: "a" });
    await expectRefused(token, client);
    const made = signSession(client.ctx, { thread: "u-1", exp: soon(), sub: "a", kid: "constructor" });
    await expectRefused(made, client);
  });
});

describe("a visitor's message", () => {
  it("has an id of its own in its thread, the same for a retry", async () => {
    const { token } = await session();
    const body = { id: randomUUID(), text: "Where is my tent?" };
    const [first, retry] = [await message(token, body), await message(token, body)];
    expect(first).toEqual(retry);
    expect(first).toMatchObject({
      kind: "message",
      text: "Where is my tent?",
      externalId: expect.stringContaining(body.id),
    });
    expect(await message((await session()).token, body)).not.toMatchObject({ externalId: first.externalId });
  });

  it("may be a file alone", async () => {
    const { token } = await session();
    const attachments = [{ name: "фото.png", mediaType: "image/png", content: "aGk=" }];
    const event = await message(token, { id: randomUUID(), text: " ", attachments });
    expect(event).toMatchObject({
      text: "[file: фото.png]",
      attachments: [{ content: new Uint8Array([104, 105]) }],
    });
  });

  it.each<[string, unknown, string | RegExp]>([
    ["nothing in it", { text: "" }, "is empty"],
    [
      "a file too large",
      { text: "a", attachments: [{ name: "big.zip", content: "A".repeat(1_336) }] },
      '"big.zip" is too large',
    ],
    [
      "too many files",
      { text: "a", attachments: Array(3).fill({ name: "a", content: "" }) },
      "Too many files: 3",
    ],
    [
      "a file that is not base64",
      { text: "a", attachments: [{ name: "a", content: "%%%%" }] },
      "expected base64",
    ],
    ["a file without a name", { text: "a", attachments: [{ name: "", content: "" }] }, "name"],
    ["a text too long", { text: "x".repeat(maxVisitorText + 1) }, "text"],
    ["a NUL", { text: "a\u0000" }, "NUL"],
    ["an id that is no UUID", { id: "1", text: "a" }, "id"],
    ["a thread of its own choice", { text: "a", threadId: "v-other" }, "threadId"],
    ["broken JSON", "{", "could not be read"],
  ])("with %s is refused", async (_, body, reason) => {
    const { token } = await session();
    const whole = typeof body === "object" ? { id: randomUUID(), ...body } : body;
    await expect(message(token, whole)).rejects.toThrow(reason);
  });

  it("is taken at /messages only", async () => {
    const { token } = await session();
    expect(widget.push?.verify({ ...post(token, {}), path: "/" }, config)).toMatchObject({ ok: false });
    expect(widget.push?.verify({ ...post(token, {}), method: "PUT" }, config)).toMatchObject({ ok: false });
    expect(await widget.serve?.handle(client, post(token, {}))).toBeNull();
  });
});

describe("a file of the conversation", () => {
  it("is downloaded, never run", async () => {
    const { token } = await session();
    const headers = { authorization: `Bearer ${token}` };
    const reply = await served(request("GET", `/files/${visitorFile}`, { headers }));
    expect(reply.headers).toMatchObject({
      "content-type": "application/octet-stream",
      "x-content-type-options": "nosniff",
      "content-disposition": `attachment; filename="_________ _1_.html"; filename*=UTF-8''${encodeURIComponent('квитанция "1".html')}`,
    });
    expect((await served(request("GET", `/files/${randomUUID()}`, { headers }))).status).toBe(404);
    expect((await served(request("GET", `/files/${visitorFile}`))).status).toBe(401);
  });
});

describe("the config", () => {
  it.each([
    { ...plain(), origins: [] },
    { ...plain(), origins: ["https://shop.example/"] },
    { ...plain(), origins: ["*"] },
    { ...plain(), origins: ["file://"] },
    { ...plain(), sessionKey: "short" },
    { ...plain(), color: "green" },
    { ...plain(), identity: { keys: {} } },
    { ...plain(), identity: { keys: { k1: "short" } } },
    { ...plain(), unknown: true },
  ])("is refused where it cannot work: %#", (value) => {
    expect(widgetConfig.safeParse(value).success).toBe(false);
  });
});
