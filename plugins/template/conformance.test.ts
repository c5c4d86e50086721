/** The conformance suite against Template Desk, played by a small server: no network, no account. */
import { createHmac, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { test } from "vitest";
import { describeConnector } from "../kit/conformance.ts";
import { type CustomerMessage, rawRequest, type Side } from "../kit/world.ts";
import { htmlToPlain } from "../toolkit/html-text.ts";
import { textToHtml } from "../toolkit/note.ts";
import connector from "./index.ts";

const secrets = { token: "a-token-of-the-desk", webhookSecret: "a-secret-of-its-webhooks" };
const numberOf = (key: string) => Number.parseInt(key.slice(1, 9), 16);

interface Message {
  id: number;
  conversation_id?: number;
  author?: { role: string };
}

function written(id: number, { thread, subject, text, from }: CustomerMessage, role = "customer") {
  const about = { conversation_id: numberOf(thread), subject, author: { ...from, role } };
  return { id, ...about, html: textToHtml(text), created_at: new Date().toISOString() };
}

/** Answers as the other side's documentation says; extend it with each path that the connector comes to use. */
async function startDesk() {
  const messages: Message[] = [];
  const notes: Array<{ id: number; conversation: number; html: string }> = [];
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    const reply = (status: number, body: unknown) => response.writeHead(status).end(JSON.stringify(body));
    if (request.headers.authorization !== `Bearer ${secrets.token}`) return reply(401, {});
    const after = Number(searchParams.get("after"));
    const newer = messages.filter(({ id }) => id > after);
    if (pathname === "/api/v1/account") return reply(200, { name: "Acme" });
    if (pathname === "/api/v1/messages") return reply(200, { messages: newer.slice(0, 100) });
    const [, number, part] = /^\/api\/v1\/conversations\/(\d+)(?:\/(\w+))?$/.exec(pathname) ?? [];
    const conversation = Number(number);
    if (part === undefined) return reply(200, { status: "open" });
    if (part === "messages") {
      const by = searchParams.get("author");
      const found = newer.filter((one) => one.conversation_id === conversation && one.author?.role === by);
      return reply(200, { messages: found });
    }
    if (part !== "notes") return reply(404, {});
    if (request.method === "GET")
      return reply(200, { notes: notes.filter((note) => note.conversation === conversation) });
    notes.push({ ...((await json(request)) as { html: string }), id: notes.length + 1, conversation });
    return reply(201, notes.at(-1));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, messages, notes, close: async () => void server.close().closeAllConnections() };
}

async function start(): Promise<Side> {
  const { url, messages, notes, close } = await startDesk();
  return {
    config: { ...secrets, url },
    arrive: async (message) => void messages.push(written(messages.length + 1, message)),
    arriveUnreadable: async () => void messages.push({ id: messages.length + 1 }),
    webhook: {
      body: (message) => new TextEncoder().encode(JSON.stringify(written(numberOf(message.key), message))),
      sign(body, at) {
        const [id, time] = [randomUUID(), String(Math.floor(at.getTime() / 1_000))];
        const hmac = createHmac("sha256", secrets.webhookSecret).update(`${id}.${time}.`).update(body);
        const signature = `sha256=${hmac.digest("hex")}`;
        return rawRequest({
          body,
          headers: { "desk-delivery": id, "desk-time": time, "desk-signature": signature },
        });
      },
    },
    found: async () => notes.map(({ id, html }) => ({ id: String(id), text: htmlToPlain(html) })),
    edit: async ({ id }, text) => void Object.assign(notes[Number(id) - 1] ?? {}, { html: textToHtml(text) }),
    answer: async (message, text) =>
      void messages.push(written(messages.length + 1, { ...message, text }, "agent")),
    close,
  };
}

describeConnector({ spec: connector, start }, { test });
