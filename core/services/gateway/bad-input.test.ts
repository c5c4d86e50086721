/** What the API must refuse: each with a problem that says what is wrong, and with nothing half-written. */
import { randomBytes, randomUUID } from "node:crypto";
import { readdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, type Client, checkedClient } from "../../testing/checked-client.ts";
import { startTestHub, type TestHub, testKey } from "../../testing/hub.ts";

let hub: TestHub;
let call: Client;
let ticketId: string;
const key = testKey("acme");
const maxBodyBytes = 2_000_000;

beforeAll(async () => {
  const companies = { acme: "connectors:\n  api: {}\n", other: "connectors:\n  api: {}\n" };
  hub = await startTestHub(companies, { http: { maxBodyBytes } });
  call = await checkedClient(hub.url);
  const first = await call("/v1/messages", { key, body: { text: "Hello", skip: "a test's own" } });
  ticketId = first.body.accepted[0].ticketId;
});
afterAll(() => hub.stop());

/** All that a refused request could have left. */
async function written(): Promise<object> {
  const [rows] = await hub.node.db.query(
    "count-all",
    `SELECT (SELECT count(*) FROM tickets) AS tickets, (SELECT count(*) FROM messages) AS messages,
      (SELECT count(*) FROM progress) AS progress, (SELECT count(*) FROM attachments) AS attachments,
      (SELECT count(*) FROM outcomes) AS outcomes, (SELECT count(*) FROM audit_log) AS audit,
      (SELECT max(updated_at) FROM tickets) AS updated`,
    [],
  );
  const folder = join(hub.project.dir, "state", "blobs");
  const files = await readdir(folder, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return { ...rows, files };
}

/** Makes the request, and sees to it that nothing was written. */
async function refused(request: () => Promise<Answer>): Promise<Answer> {
  const before = await written();
  const answer = await request();
  expect(await written()).toEqual(before);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.body).toMatchObject({ status: answer.status, title: expect.any(String) });
  expect(answer.body.detail).toMatch(/\w{3}/);
  return answer;
}

const post = (body: unknown, headers: Record<string, string> = {}) =>
  refused(() => call("/v1/messages", { key, body, headers }));
const reply = (body: unknown, headers: Record<string, string> = {}) =>
  refused(() => call(`/v1/tickets/${ticketId}/replies`, { key, body, headers }));
const paths = ({ body }: Answer) => body.errors?.map((error: { path: string }) => error.path);
const file = (bytes: number) => ({ name: "a", content: randomBytes(bytes).toString("base64") });

describe.each([
  ["a message", post],
  ["a reply", reply],
])("the body of %s", (_, send) => {
  test.each([
    ["broken JSON", '{"text": "Hello"', /no valid JSON.*/],
    ["JSON with a rest behind it", '{"text": "Hello"} {}', /no valid JSON.*position/],
    ["no JSON at all", "text=Hello", /no valid JSON/],
    ["an empty body", "", /empty/],
    ["bytes that are not UTF-8", Buffer.from('{"text": "\xe4\xf6"}', "latin1"), /UTF-8/],
    [
      "UTF-8 of a surrogate",
      Buffer.from([...Buffer.from('{"text":"'), 0xed, 0xa0, 0x80, 0x22, 0x7d]),
      /UTF-8/,
    ],
    ["100,000 open brackets", "[".repeat(100_000), /no valid JSON/],
    ["100,000 open braces", '{"a":'.repeat(100_000), /no valid JSON/],
  ])("%s is a bad request", async (_name, body, detail) => {
    const answer = await send(body);
    expect(answer.status).toBe(400);
    expect(answer.body.detail).toMatch(detail);
  });

  test.each(["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a", "json"])(
    "the type %s is not supported",
    async (type) => {
      const answer = await send('{"text": "Hello"}', { "content-type": type });
      expect(answer.status).toBe(415);
      expect(answer.body.detail).toContain("application/json");
    },
  );

  test("a compressed body is not supported, and says so", async () => {
    const answer = await send('{"text": "Hello"}', { "content-encoding": "gzip" });
    expect([answer.status, answer.body.detail]).toEqual([415, expect.stringContaining("gzip")]);
  });

  test.each([
    ["null", ""],
    ["5", ""],
    ['"text"', ""],
    ["[]", ""],
    [`${"[".repeat(50_000)}${"]".repeat(50_000)}`, ""],
    ["{}", "text"],
    ['{"text": null}', "text"],
    ['{"text": 5}', "text"],
    ['{"text": 1e999}', "text"],
    ['{"text": ["Hello"]}', "text"],
    ['{"text": ""}', "text"],
    ['{"text": "Hello", "text": {}}', "text"],
    [`{"text": ${"[".repeat(50_000)}${"]".repeat(50_000)}}`, "text"],
    ['{"text": "Hello", "txt": 1}', "txt"],
    ['{"text": "Hello", "__proto__": {"admin": true}}', "__proto__"],
    ['{"text": "Hello", "constructor": {"prototype": {}}}', "constructor"],
    ['{"text": "Hello", "externalId": ""}', "externalId"],
    ['{"text": "Hello", "externalId": 123456789012345678901234567890}', "externalId"],
  ])("%j names the field %j", async (body, path) => {
    const answer = await send(body);
    expect([answer.status, paths(answer)]).toEqual([422, [path]]);
    expect(answer.body.errors[0].message).toMatch(/\w{3}/);
  });

  test("a text that is too long is refused, not cut", async () => {
    const answer = await send({ text: "ж".repeat(200_001) });
    expect([answer.status, paths(answer)]).toEqual([422, ["text"]]);
  });

  test("a thousand wrong fields are counted, and the first ones named", async () => {
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_value, i) => [`f${i}`, i]));
    const answer = await send({ text: "Hello", ...many, ["x".repeat(100_000)]: 1 });
    expect(answer.status).toBe(422);
    expect(answer.body.errors).toHaveLength(20);
    expect(answer.body.detail).toContain("20 of 1001");
    const long = await send({ text: "Hello", ["x".repeat(100_000)]: 1 });
    expect(JSON.stringify(long.body).length).toBeLessThan(1_000);
  });
});

describe("characters that cannot be stored", () => {
  const broken = { "a NUL": "a\u0000b", "a lone surrogate": "a\ud800b", "a lone low surrogate": "\udc00" };
  const messages: Record<string, (value: string) => object> = {
    text: (text) => ({ text }),
    subject: (subject) => ({ text: "Hello", subject }),
    html: (html) => ({ text: "Hello", html }),
    externalId: (externalId) => ({ text: "Hello", externalId }),
    threadId: (threadId) => ({ text: "Hello", threadId }),
    skip: (skip) => ({ text: "Hello", skip }),
    "requester.name": (name) => ({ text: "Hello", requester: { name } }),
    "requester.email": (email) => ({ text: "Hello", requester: { email } }),
    "requester.externalId": (externalId) => ({ text: "Hello", requester: { externalId } }),
    "attachments[0].name": (name) => ({ text: "Hello", attachments: [{ name, content: "" }] }),
    "attachments[0].mediaType": (mediaType) => ({
      text: "Hello",
      attachments: [{ name: "a", mediaType, content: "" }],
    }),
  };
  const replies: Record<string, (value: string) => object> = {
    text: (text) => ({ text }),
    externalId: (externalId) => ({ text: "Hello", externalId }),
    "agent.name": (name) => ({ text: "Hello", agent: { name } }),
    "agent.email": (email) => ({ text: "Hello", agent: { email } }),
  };
  for (const [what, value] of Object.entries(broken)) {
    test.each(Object.keys(messages))(`${what} in a message's %s is refused`, async (path) => {
      const answer = await post(messages[path]?.(value));
      expect([answer.status, paths(answer)]).toEqual([422, [path]]);
      expect(answer.body.errors[0].message).toMatch(/NUL|surrogate/);
    });
    test.each(Object.keys(replies))(`${what} in a reply's %s is refused`, async (path) => {
      const answer = await reply(replies[path]?.(value));
      expect([answer.status, paths(answer)]).toEqual([422, [path]]);
    });
  }
});

describe("fields of a message", () => {
  test.each([
    "yesterday",
    "2026-11-23",
    "2026-11-23T09:30:00",
    "2026-02-30T00:00:00Z",
    "2026-11-23T25:00:00Z",
    "+275760-09-13T00:00:00.000Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "2101-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    1_700_000_000_000,
    null,
    {},
  ])("the time %j is refused", async (sentAt) => {
    const answer = await post({ text: "Hello", sentAt });
    expect([answer.status, paths(answer)]).toEqual([422, ["sentAt"]]);
    expect(answer.body.errors[0].message).toMatch(/expected/);
  });

  test.each(["!!!!", "YQ", "YQ=\n", "data:text/plain;base64,YQ==", "Y Q=", "жжжж", 5, null])(
    "the file content %j is no base64",
    async (content) => {
      const answer = await post({ text: "Hello", attachments: [file(10), { name: "a", content }] });
      expect([answer.status, paths(answer)]).toEqual([422, ["attachments[1].content"]]);
    },
  );

  test.each([
    ["too many files", { attachments: Array.from({ length: 21 }, () => file(1)) }, "attachments"],
    ["a file without a name", { attachments: [{ content: "" }] }, "attachments[0].name"],
    [
      "a file's name that is too long",
      { attachments: [{ ...file(1), name: "a".repeat(256) }] },
      "attachments[0].name",
    ],
    ["files that are no list", { attachments: { 0: file(1) } }, "attachments"],
    ["an unknown field of the requester", { requester: { phone: "1" } }, "requester.phone"],
    ["a requester that is a name", { requester: "Anna" }, "requester"],
    ["an externalId that is too long", { externalId: "a".repeat(513) }, "externalId"],
    [
      "an inherited name in the requester",
      { requester: JSON.parse('{"__proto__": 1}') },
      "requester.__proto__",
    ],
  ])("%s is refused", async (_, fields, path) => {
    const answer = await post({ text: "Hello", ...fields });
    expect([answer.status, paths(answer)]).toEqual([422, [path]]);
  });

  test("all that is wrong is told at once", async () => {
    const answer = await post({ subject: 1, sentAt: "never", extra: true });
    expect(paths(answer).sort()).toEqual(["extra", "sentAt", "subject", "text"]);
  });

  test("an Idempotency-Key that is too long is refused", async () => {
    const answer = await post({ text: "Hello" }, { "idempotency-key": "a".repeat(513) });
    expect([answer.status, answer.body.detail]).toEqual([422, expect.stringContaining("Idempotency-Key")]);
  });

  test("a text of more words than PostgreSQL can index is stored, and found by its beginning", async () => {
    const letter = (n: number) => String.fromCodePoint(0x10d0 + (n % 33));
    const word = (n: number) => [n, n / 33, n / 1089, n / 35937].map((d) => letter(Math.floor(d))).join("");
    const compound = (n: number) => Array.from({ length: 20 }, (_, i) => word(n * 20 + i)).join("-");
    const text = `Beginning ${Array.from({ length: 1_900 }, (_, n) => compound(n)).join(" ")}`;
    const body = { text, skip: "a test's own" };
    expect((await call("/v1/messages", { key, body })).status).toBe(202);
    const found = await call("/v1/tickets?text=beginning", { key });
    expect(found.body.tickets).toHaveLength(1);
  });
});

describe("bodies that are too large", () => {
  const large = JSON.stringify({ text: "a".repeat(10_000_000) });

  test("ten megabytes are refused, and the client gets to read why", async () => {
    for (const send of [post, reply]) {
      const answer = await send(large);
      expect([answer.status, answer.body.detail]).toEqual([
        413,
        expect.stringContaining(String(maxBodyBytes)),
      ]);
    }
  });

  test("a client without a key reads that, whatever it has sent", async () => {
    const answer = await refused(() => call("/v1/messages", { body: large }));
    expect(answer.status).toBe(401);
  });

  test("one byte over the limit is refused, and the limit itself is taken", async () => {
    const padded = (size: number) => {
      const start = '{"text": "Hello", "skip": "a test\'s own"';
      return `${start}${" ".repeat(size - start.length - 1)}}`;
    };
    expect((await post(padded(maxBodyBytes + 1))).status).toBe(413);
    expect((await call("/v1/messages", { key, body: padded(maxBodyBytes) })).status).toBe(202);
  });

  /** Writes all it has, and only then reads: the connection must outlive that. */
  async function raw(head: string, chunks: Iterable<string>): Promise<string> {
    const socket = connect(Number(new URL(hub.url).port), "127.0.0.1");
    const received: Buffer[] = [];
    let failure: Error | undefined;
    socket.on("error", (error) => {
      failure = error;
    });
    socket.write(`${head}\r\nHost: hub\r\nAuthorization: Bearer ${key}\r\nConnection: close\r\n\r\n`);
    for (const chunk of chunks)
      if (!socket.write(chunk)) await new Promise((resolve) => socket.once("drain", resolve));
    socket.on("data", (chunk) => received.push(chunk));
    await new Promise((resolve) => socket.once("close", resolve));
    expect(failure).toBeUndefined();
    return Buffer.concat(received).toString();
  }
  const type = "Content-Type: application/json";

  test("a client that writes all before it reads gets its answer", async () => {
    const before = await written();
    const head = `POST /v1/messages HTTP/1.1\r\n${type}\r\nContent-Length: ${large.length}`;
    const answer = await raw(head, [large]);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('"status":413');
    expect(await written()).toEqual(before);
  });

  test("so does one that does not say how much is to come", async () => {
    const before = await written();
    const chunk = `${(100_000).toString(16)}\r\n${"a".repeat(100_000)}\r\n`;
    const chunks = [...Array.from({ length: 100 }, () => chunk), "0\r\n\r\n"];
    const answer = await raw(`POST /v1/messages HTTP/1.1\r\n${type}\r\nTransfer-Encoding: chunked`, chunks);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(await written()).toEqual(before);
  });

  test("one that asks before it sends need not send at all", async () => {
    const head = `POST /v1/messages HTTP/1.1\r\n${type}\r\nContent-Length: 10000000\r\nExpect: 100-continue`;
    const answer = await raw(head, []);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    const small = '{"text": "Hello", "skip": "a test\'s own"}';
    const asked = `POST /v1/messages HTTP/1.1\r\n${type}\r\nContent-Length: ${small.length}\r\nExpect: 100-continue`;
    expect(await raw(asked, [small])).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 202 /);
  });

  test("headers that are too large, and what is no HTTP, are answered with a problem", async () => {
    const oversized = await raw(`GET /v1/tickets HTTP/1.1\r\nX-Large: ${"a".repeat(40_000)}`, []);
    expect(oversized).toMatch(/^HTTP\/1\.1 431 /);
    expect(oversized).toContain('"title":"Request headers too large"');
    const noHttp = await raw("HELO hub", []);
    expect(noHttp).toMatch(/^HTTP\/1\.1 400 [\s\S]*application\/problem\+json/);
  });

  test("a sender that breaks off, or is slow, leaves nothing and holds nobody up", async () => {
    const before = await written();
    const head = `POST /v1/messages HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer ${key}\r\n${type}\r\n`;
    const sockets = Array.from({ length: 5 }, () => {
      const socket = connect(Number(new URL(hub.url).port), "127.0.0.1");
      socket.on("error", () => socket.destroy());
      socket.write(`${head}Content-Length: 1000\r\n\r\n{"text": "Hel`);
      return socket;
    });
    await sleep(50);
    expect((await call("/v1/tickets", { key })).status).toBe(200);
    for (const socket of sockets) socket.resetAndDestroy();
    await sleep(50);
    expect(await written()).toEqual(before);
    expect((await call("/health")).status).toBe(200);
  });
});

describe("addresses and methods", () => {
  test.each(["1", "null", "..", "%00", "%2e%2e%2f", `${randomUUID()}0`, "a".repeat(5_000)])(
    "the id %j is no UUID",
    async (id) => {
      for (const path of [`/v1/tickets/${id}`, `/v1/attachments/${id}`]) {
        const answer = await refused(() => call(path, { key }));
        expect([404, 422]).toContain(answer.status);
      }
      const body = { text: "Hello" };
      const answer = await refused(() => call(`/v1/tickets/${id}/replies`, { key, body }));
      expect([404, 422]).toContain(answer.status);
    },
  );

  test("a reply's draftId that is no UUID is named", async () => {
    expect(paths(await reply({ text: "Hello", draftId: "1" }))).toEqual(["draftId"]);
  });

  test("a broken percent-encoding is a bad request", async () => {
    expect((await refused(() => call("/v1/tickets/%zz", { key }))).status).toBe(400);
  });

  test.each([
    ["DELETE", "/v1/tickets", "GET, HEAD, OPTIONS"],
    ["PUT", "/v1/messages", "POST, OPTIONS"],
    ["GET", "/v1/messages", "POST, OPTIONS"],
    ["PATCH", "/v1/tickets/x", "GET, HEAD, OPTIONS"],
    ["POST", "/health", "GET, HEAD, OPTIONS"],
    ["DELETE", "/connect/acme/api/x", "GET, HEAD, POST, OPTIONS"],
  ])("%s %s is answered with what the address takes", async (method, path, allow) => {
    const answer = await refused(() => call(path, { key, method }));
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, allow]);
  });

  test.each([
    "/v1",
    "/v1/nothing",
    "/v2/tickets",
    "/V1/tickets",
    "//v1/tickets",
    "/demoXjs",
    "/.env",
    "/v1/tickets/x/y",
  ])("there is nothing at %s", async (path) => {
    for (const options of [{ key }, { key, body: { text: "Hello" } }])
      expect((await refused(() => call(path, options))).status).toBe(404);
  });

  test("a slash at the end changes nothing", async () => {
    expect((await call("/v1/tickets/", { key })).status).toBe(200);
  });

  test("HEAD is answered as GET is, without a body", async () => {
    for (const path of ["/v1/tickets", "/health", "/openapi.json", `/v1/tickets/${ticketId}`]) {
      const [head, get] = [await call(path, { key, method: "HEAD" }), await call(path, { key })];
      expect([head.status, head.body.length]).toEqual([get.status, 0]);
      expect(head.headers.get("content-type")).toBe(get.headers.get("content-type"));
    }
  });

  test("OPTIONS tells the methods, and runs nothing, whatever it asks about", async () => {
    const before = await written();
    const plain = await call("/v1/messages", { key, method: "OPTIONS" });
    expect([plain.status, plain.headers.get("allow")]).toEqual([204, "POST, OPTIONS"]);
    const headers = { "access-control-request-method": "POST" };
    const asked = await call("/v1/messages", { key, method: "OPTIONS", headers, body: { text: "Hello" } });
    expect(asked.status).toBe(403);
    expect(await written()).toEqual(before);
  });
});

describe("one bad item", () => {
  test("does not fail those that are stored in the same moment", async () => {
    const bad = [{ text: 5 }, { text: "\u0000" }, { text: "a", sentAt: "0001-01-01T00:00:00Z" }, "{", {}];
    const good = Array.from({ length: 50 }, (_, i) => ({
      externalId: `together-${i}`,
      text: `Question ${i}`,
      skip: "a test's own",
    }));
    const all = good.flatMap((message, i) => (i % 10 === 0 ? [message, bad[i / 10]] : [message]));
    const answers = await Promise.all(all.map((body) => call("/v1/messages", { key, body })));
    const unexpected = answers.filter(({ status }, i) => (status === 202) !== good.includes(all[i] as never));
    expect(unexpected.map(({ status, body }) => [status, body])).toEqual([]);
    const stored = await hub.node.db.query(
      "count-together",
      "SELECT external_id FROM messages WHERE external_id LIKE 'together-%'",
      [],
    );
    expect(stored).toHaveLength(50);
  });
});
