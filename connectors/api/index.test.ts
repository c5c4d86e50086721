import { describe, expect, it } from "vitest";
import type { Context, OutgoingDraft, RawRequest } from "../../plugins/contract/connector.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { connectorEventSchema } from "../../plugins/contract/events.ts";
import { api, apiConfig } from "./index.ts";
import { signedHeaders, verifySignature } from "./signature.ts";

const secret = "a-secret-of-more-than-24-characters";

function request(body: string | Uint8Array, headers: Record<string, string> = {}): RawRequest {
  return {
    company: "demo",
    instance: "api",
    method: "POST",
    path: "/",
    query: new URLSearchParams(),
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? Buffer.from(body) : body,
    url: "http://hub.example/v1/messages",
    remoteAddress: "127.0.0.1",
    apiKey: "default",
  };
}

function context(
  config: unknown,
  fetch: Context<unknown>["fetch"] = () => Promise.reject(new Error("unused")),
) {
  const silent = () => undefined;
  return {
    company: "demo",
    companyName: "Fjordline Outdoor",
    instance: "api",
    config: apiConfig.parse(config),
    log: { debug: silent, info: silent, warn: silent, error: silent },
    fetch,
    conversations: { read: async () => [], attachment: async () => null },
    tokens: { accessToken: () => Promise.reject(new Error("unused")) },
    since: async () => new Date(),
  };
}

async function parsed(body: unknown, headers?: Record<string, string>): Promise<ConnectorEventInput> {
  const raw = typeof body === "string" ? body : JSON.stringify(body);
  const [event, ...more] = (await api.push?.parse(context({}), request(raw, headers))) ?? [];
  expect(more).toEqual([]);
  // What comes out must pass the contract's own check.
  return connectorEventSchema.parse(event);
}

const draft: OutgoingDraft = {
  id: "0193a5b0-0000-7000-8000-000000000001",
  idempotencyKey: "draft-1",
  ticket: {
    id: "t-1",
    code: "00000000t1",
    threadId: "order-7",
    subject: "Tent",
    requester: { email: "ada@example.com" },
  },
  message: {
    id: "m-1",
    externalId: "x-1",
    text: "Where is it?",
    quoted: null,
    sentAt: new Date(0),
    sourceData: null,
  },
  text: "It left our store today.",
  language: "en",
  labels: null,
  sources: [],
  writtenBy: "offline",
};

const signal = new AbortController().signal;

describe("a posted message", () => {
  it("becomes an event with all its fields", async () => {
    const event = await parsed({
      externalId: "x-1",
      threadId: "order-7",
      subject: "Tent",
      text: "Where is it?",
      requester: { name: "Ada", email: "ada@example.com", externalId: "c-1" },
      sentAt: "2026-11-23T09:30:00+03:00",
      attachments: [
        { name: "a.txt", mediaType: "text/plain", content: "aGk=" },
        { name: "b", content: "" },
      ],
    });
    expect(event).toMatchObject({ kind: "message", externalId: "x-1", threadId: "order-7", subject: "Tent" });
    expect(event).toMatchObject({
      sentAt: new Date("2026-11-23T06:30:00Z"),
      requester: { email: "ada@example.com" },
    });
    expect(event).toMatchObject({
      attachments: [
        { name: "a.txt", mediaType: "text/plain", content: new Uint8Array([104, 105]) },
        { name: "b", mediaType: "application/octet-stream" },
      ],
    });
  });

  it("takes the Idempotency-Key as its id, else a random one", async () => {
    expect(await parsed({ text: "hi" }, { "idempotency-key": "k-1" })).toMatchObject({ externalId: "k-1" });
    expect(await parsed({ text: "hi", externalId: "x" }, { "idempotency-key": "k" })).toMatchObject({
      externalId: "x",
    });
    const [one, two] = [await parsed({ text: "hi" }), await parsed({ text: "hi" })];
    expect(one).not.toEqual(two);
    await expect(parsed({ text: "hi" }, { "idempotency-key": "k".repeat(513) })).rejects.toThrow("512");
  });

  it("is refused without the company's key", () => {
    const { apiKey: _, ...without } = request("{}");
    expect(api.push?.verify(without, apiConfig.parse({}))).toMatchObject({ ok: false });
    expect(api.push?.verify(request("{}"), apiConfig.parse({}))).toEqual({ ok: true });
  });

  it.each([
    ['{"text": "a",}', /not valid JSON: .*position 13/],
    ['{"text": "a"', /not valid JSON: .*position 12/],
    ["", /empty/],
  ])("of broken JSON %j is refused with the place", async (body, message) => {
    const fault = await parsed(body).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(ConnectorError);
    expect(fault).toMatchObject({ kind: "permanent", message: expect.stringMatching(message) });
  });

  it("of bytes that are not UTF-8, or of another content type, is refused", async () => {
    const bytes = request(new Uint8Array([0x7b, 0xff, 0x7d]));
    await expect(api.push?.parse(context({}), bytes)).rejects.toThrow("UTF-8");
    await expect(parsed({ text: "a" }, { "content-type": "text/plain" })).rejects.toThrow('"text/plain"');
  });

  it.each([
    [{ text: "" }, "text"],
    [{ text: 7 }, "text"],
    [{}, "text"],
    [{ text: "a\u0000b" }, "text"],
    [{ text: "a\ud800b" }, "text"],
    [{ text: "x".repeat(200_001) }, "text"],
    [{ text: "a", requester: { name: "a", phone: "1" } }, "requester"],
    [{ text: "a", sentAt: "2026-11-23T09:30:00" }, "sentAt"],
    [{ text: "a", sentAt: "2026-02-30T09:30:00Z" }, "sentAt"],
    [{ text: "a", attachments: [{ name: "a", content: "a b=" }] }, "attachments.0.content"],
    [{ text: "a", attachments: [{ name: "a", content: "abc" }] }, "attachments.0.content"],
    [{ text: "a", attachments: [{ name: "a", content: "a===" }] }, "attachments.0.content"],
  ])("with a wrong field is refused by name: %#", async (body, path) => {
    const fault = await parsed(body).catch((error: unknown) => error);
    expect(fault).toMatchObject({
      issues: [{ path: path.split(".").map((key) => (key === "0" ? 0 : key)) }],
    });
  });

  it("with unknown fields is refused", async () => {
    await expect(parsed({ text: "a", priority: "high" })).rejects.toThrow("priority");
  });

  it("with several megabytes of attachment is read", async () => {
    const content = Buffer.alloc(3_000_000, 7).toString("base64");
    expect(await parsed({ text: "a", attachments: [{ name: "a", content }] })).toMatchObject({
      kind: "message",
    });
  });
});

describe("a draft", () => {
  it("is kept where there is no url", async () => {
    expect(await api.deliver?.put(context({}), draft, signal)).toEqual({
      externalId: draft.id,
      created: true,
    });
  });

  it("is posted to the url, signed, once per attempt", async () => {
    const calls: [string, Parameters<Context<unknown>["fetch"]>[1]][] = [];
    const ctx = context(
      { url: "https://shop.example/drafts", secret, headers: { "x-gate": "open" } },
      (url, init) => {
        calls.push([url, init]);
        return Promise.resolve(Response.json({ id: 42 }));
      },
    );
    expect(await api.deliver?.put(ctx, draft, signal)).toEqual({ externalId: "42", created: true });
    const [url, init] = calls[0] ?? [];
    expect(url).toBe("https://shop.example/drafts");
    expect(init).toMatchObject({
      attempts: 1,
      method: "POST",
      headers: { "x-gate": "open", "idempotency-key": "draft-1" },
    });
    const sent = { secret, headers: init?.headers as Record<string, string>, body: String(init?.body) };
    expect(verifySignature(sent)).toMatchObject({ ok: true, replay: { id: "draft-1" } });
    expect(JSON.parse(sent.body)).toMatchObject({
      type: "draft.ready",
      data: { text: draft.text, writtenBy: "offline" },
    });
  });

  it("that the receiver has already counts as delivered", async () => {
    const ctx = context({ url: "https://shop.example/drafts", secret }, () =>
      Promise.reject(new ConnectorError("permanent", "409", { status: 409 })),
    );
    expect(await api.deliver?.put(ctx, draft, signal)).toEqual({ externalId: "draft-1", created: false });
  });

  it.each(["", "<p>thanks</p>", "{broken", '{"id": null}', '{"ok": true}'])(
    "goes under its own key where the answer %j names no id",
    async (answer) => {
      const ctx = context({ url: "https://shop.example/", secret }, () =>
        Promise.resolve(new Response(answer)),
      );
      expect(await api.deliver?.put(ctx, draft, signal)).toEqual({ externalId: "draft-1", created: true });
    },
  );

  it("is not carried on by a redirect, and other errors pass through", async () => {
    const moved = context({ url: "https://shop.example/", secret }, () =>
      Promise.resolve(
        new Response(null, { status: 307, headers: { location: "https://elsewhere.example" } }),
      ),
    );
    await expect(api.deliver?.put(moved, draft, signal)).rejects.toThrow("redirect (307)");
    const down = context({ url: "https://shop.example/", secret }, () =>
      Promise.reject(new ConnectorError("transient", "503", { status: 503 })),
    );
    await expect(api.deliver?.put(down, draft, signal)).rejects.toMatchObject({ kind: "transient" });
  });

  it("is followed by the approved reply, signed in the same way", async () => {
    const bodies: string[] = [];
    const ctx = context({ url: "https://shop.example/", secret }, (_, init) => {
      bodies.push(String(init?.body));
      return Promise.resolve(new Response(null, { status: 204 }));
    });
    const { ticket, message } = draft;
    const reply = { externalId: "r-1", text: "Done.", agent: {}, ticket, message };
    await api.deliver?.send?.(ctx, reply, signal);
    expect(bodies.map((body) => JSON.parse(body))).toMatchObject([
      { type: "reply.approved", data: { text: "Done.", threadId: "order-7" } },
    ]);
  });
});

describe("the config", () => {
  it("needs a secret with a url, http or https", () => {
    expect(apiConfig.safeParse({ url: "https://shop.example" }).error?.issues[0]?.path).toEqual(["secret"]);
    expect(apiConfig.safeParse({ url: "ftp://shop.example", secret }).success).toBe(false);
    expect(apiConfig.safeParse({ url: "https://shop.example", secret: "short" }).success).toBe(false);
    expect(apiConfig.safeParse({ headers: { Host: "x" } }).success).toBe(false);
    expect(apiConfig.safeParse({}).success).toBe(true);
  });
});

describe("a signature", () => {
  const now = 1_800_000_000_000;
  const body = '{"type":"draft.ready"}';
  const headers = signedHeaders(secret, "id-1", body, new Date(now));
  const good = { secret, headers, body, now };

  it("is as the Standard Webhooks scheme has it", () => {
    // The example of the scheme's own libraries.
    const known = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const made = signedHeaders(
      known,
      "msg_p5jXN8AQM9LWM0D4loKWxJek",
      '{"test": 2432232314}',
      new Date(1614265330_000),
    );
    expect(made["webhook-signature"]).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  });

  it("is taken, also beside others, and tells id and time", () => {
    expect(verifySignature(good)).toEqual({ ok: true, replay: { id: "id-1", at: new Date(now) } });
    const several = { ...headers, "webhook-signature": `v1,AAAA ${headers["webhook-signature"]}` };
    expect(verifySignature({ ...good, headers: several })).toMatchObject({ ok: true });
  });

  it.each([
    ["another body", { ...good, body: `${body} ` }],
    ["another secret", { ...good, secret: `${secret}x` }],
    ["another id", { ...good, headers: { ...headers, "webhook-id": "id-2" } }],
    ["another time", { ...good, headers: { ...headers, "webhook-timestamp": "1800000001" } }],
    ["an old time", { ...good, now: now + 301_000 }],
    ["a future time", { ...good, now: now - 301_000 }],
    ["no signature", { ...good, headers: { ...headers, "webhook-signature": undefined } }],
    ["an empty signature", { ...good, headers: { ...headers, "webhook-signature": "v1," } }],
    [
      "another version",
      {
        ...good,
        headers: { ...headers, "webhook-signature": `v2,${headers["webhook-signature"]?.slice(3)}` },
      },
    ],
    ["a time that is no number", { ...good, headers: { ...headers, "webhook-timestamp": "soon" } }],
  ])("with %s is refused", (_, post) => {
    expect(verifySignature(post)).toMatchObject({ ok: false });
  });
});
