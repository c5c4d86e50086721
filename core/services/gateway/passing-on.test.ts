/** Replies on their way to a company's own system that is not always there, and the demo page's files. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Client, checkedClient } from "../../testing/checked-client.ts";
import { startTestHub, type TestHub, testKey } from "../../testing/hub.ts";
import { attachmentHeader, safeFileName } from "./file-name.ts";

let hub: TestHub;
let call: Client;
let receiver: Server;
/** What the company's system answers to a reply, and what it has got. */
let answers = 204;
let received: Array<{ id: string; text: string }> = [];
const key = testKey("acme");

beforeAll(async () => {
  receiver = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { type, data } = JSON.parse(Buffer.concat(chunks).toString());
    if (type === "reply.approved") received.push({ id: data.externalId, text: data.text });
    response.writeHead(type === "reply.approved" ? answers : 204, { "retry-after": "7" }).end();
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const { port } = receiver.address() as AddressInfo;
  const api = `connectors:\n  api:\n    url: http://127.0.0.1:${port}/hook\n    secret: a-secret-of-24-characters\n`;
  const widget = `  chat:\n    plugin: widget\n    origins: [http://shop.example]\n    sessionKey: a-session-key-0123\n`;
  hub = await startTestHub(
    { acme: api, shop: `demo: true\nconnectors:\n${widget}` },
    { log: { level: "error" } },
  );
  call = await checkedClient(hub.url);
});
afterAll(async () => {
  await hub.stop();
  receiver.closeAllConnections();
  await new Promise((resolve) => receiver.close(resolve));
});
beforeEach(() => {
  received = [];
  answers = 204;
});

async function ticket(): Promise<string> {
  const { body } = await call("/v1/messages", { key, body: { text: "Hello", skip: "a test's own" } });
  return body.accepted[0].ticketId;
}
const reply = (id: string, body: object) => call(`/v1/tickets/${id}/replies`, { key, body });
const texts = async (id: string) =>
  (await call(`/v1/tickets/${id}`, { key })).body.messages.map((m: { text: string }) => m.text);

describe("a reply for a company's own system", () => {
  test("is passed on when it is recorded, and again when it is repeated, as it was first recorded", async () => {
    const id = await ticket();
    expect((await reply(id, { externalId: "p-1", text: "First" })).status).toBe(201);
    expect((await reply(id, { externalId: "p-1", text: "Changed" })).status).toBe(200);
    expect(received).toEqual([
      { id: "p-1", text: "First" },
      { id: "p-1", text: "First" },
    ]);
    expect(await texts(id)).toEqual(["Hello", "First"]);
  });

  test("is recorded while that system is down, and its repeat brings it on its way", async () => {
    const id = await ticket();
    answers = 503;
    const down = await reply(id, { text: "Hi" });
    expect([down.status, down.headers.get("retry-after")]).toEqual([503, "7"]);
    const externalId = /"externalId": "([\w-]+)"/.exec(down.body.detail)?.[1];
    expect(down.body.detail).toContain("the reply is recorded");
    answers = 204;
    expect((await reply(id, { externalId, text: "Hi" })).status).toBe(200);
    expect(received).toHaveLength(2);
    expect(await texts(id)).toEqual(["Hello", "Hi"]);
  });

  test("that the system refuses for good is told as such", async () => {
    const id = await ticket();
    answers = 422;
    const refused = await reply(id, { externalId: "p-3", text: "Hi" });
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([502, null]);
    expect(refused.body.detail).toMatch(/recorded.*422/);
    expect(refused.body.detail).not.toContain("a-secret");
    expect(await texts(id)).toEqual(["Hello", "Hi"]);
  });

  test("that nobody could record is not passed on", async () => {
    const id = await ticket();
    const draftId = "0193a5b0-0000-7000-8000-00000000000f";
    expect((await reply(id, { text: "Hi", draftId })).status).toBe(422);
    expect(received).toEqual([]);
  });
});

describe("the demo page", () => {
  test("is served with every file that it, and each of its scripts, asks for", async () => {
    const page = await call("/");
    expect(page.status).toBe(200);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    const wanted = [...String(page.body).matchAll(/(?:src|href)="(\/[^"#]*)"/g)].map(([, path = ""]) => path);
    const seen = new Set<string>();
    for (const path of wanted) {
      if (seen.has(path)) continue;
      seen.add(path);
      const file = await call(path);
      expect([path, file.status]).toEqual([path, 200]);
      if (path.startsWith("/connect/")) continue;
      const imports = String(file.body).matchAll(/from\s+"\.(\/[\w-]+\.js)"/g);
      wanted.push(...[...imports].map(([, name = ""]) => name));
    }
    expect([...seen]).toEqual(expect.arrayContaining(["/demo.css", "/demo.js", "/demo-dom.js"]));
  });

  test("is not sent again to a browser that has it", async () => {
    const first = await call("/demo.js");
    const headers = { "if-none-match": first.headers.get("etag") ?? "" };
    expect((await call("/demo.js", { headers })).status).toBe(304);
    expect((await call("/demo-nothing.js")).status).toBe(404);
  });
});

describe("the name of a download", () => {
  test.each([
    ["report.pdf", "report.pdf"],
    ["отчёт за май.pdf", "отчёт за май.pdf"],
    ["../../etc/passwd", ".._.._etc_passwd"],
    ["C:\\Windows\\evil.exe", "C__Windows_evil.exe"],
    ["a\r\nSet-Cookie: b", "a__Set-Cookie_ b"],
    ["invoice\u202efdp.exe", "invoice_fdp.exe"],
    ["a\ud800b", "a\ufffdb"],
    ["..", "file"],
    [" ", "file"],
  ])("%j is %j", (name, safe) => {
    expect(safeFileName(name)).toBe(safe);
  });

  test("stands in the header in both forms, without a character that could end them", () => {
    expect(attachmentHeader('50% "off" (ж)\'*!.pdf')).toBe(
      `attachment; filename="50_ _off_ (_)'_!.pdf"; filename*=UTF-8''50%25%20_off_%20%28%D0%B6%29%27_%21.pdf`,
    );
  });
});
