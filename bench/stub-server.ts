/** The process of the stubs: an OpenAI-compatible API and a helpdesk that count what they are asked, and do little else. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the process is told. */
export type StubOrder = { latencyMs: number } | { count: string } | { report: string };

export interface StubReport {
  /** Calls of the LLM. */
  llmCalls: number;
  /** Requests that write a note, repeated ones too. */
  puts: number;
  /** Notes of each message. */
  notes: Record<string, number>;
  /** When each message had its first note, in milliseconds since 1970. */
  at: Record<string, number>;
}

const answerText =
  "Thank you for writing to us. We have looked into your message and can see the payment that you mention. We have asked " +
  "our billing team to check the second one and to return it; this takes three to five working days. You need not do " +
  "anything further. If the amount has not arrived by then, please answer this message, and we will follow it up at once.";

const completion = JSON.stringify({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "stub",
  choices: [{ index: 0, message: { role: "assistant", content: answerText }, finish_reason: "stop" }],
  usage: { prompt_tokens: 200, completion_tokens: 90, total_tokens: 290 },
});

const llmCalls = new Map<string, number>();
const notes = new Map<string, { at: number; count: number; puts: number }>();
const keys = new Set<string>();
let latencyMs = 0;

const now = () => performance.timeOrigin + performance.now();

function answer(response: ServerResponse, body: string, status = 200): void {
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

function complete(body: string, response: ServerResponse): void {
  const id = /\[ref:([\w-]+)/.exec(body)?.[1] ?? "unknown";
  llmCalls.set(id, (llmCalls.get(id) ?? 0) + 1);
  if (latencyMs > 0) setTimeout(() => answer(response, completion), latencyMs);
  else answer(response, completion);
}

/** Takes a note; one whose key is known already is not written again, as helpdesks promise. */
function takeNote(request: IncomingMessage, body: string, response: ServerResponse): void {
  const id = /^\/api\/v2\/tickets\/([\w-]+)\.json$/.exec(request.url ?? "")?.[1];
  const { ticket } = JSON.parse(body) as { ticket?: { comment?: { body?: string; public?: boolean } } };
  const key = request.headers["idempotency-key"];
  if (!id || !ticket?.comment?.body || ticket.comment.public !== false || typeof key !== "string") {
    answer(response, '{"error":"bad request"}', 422);
    return;
  }
  const note = notes.get(id) ?? { at: now(), count: 0, puts: 0 };
  notes.set(id, note);
  note.puts += 1;
  const created = !keys.has(key);
  keys.add(key);
  if (created) note.count += 1;
  answer(response, JSON.stringify({ id, created }));
}

function noted(prefix: string) {
  return [...notes].filter(([id]) => id.startsWith(prefix));
}

function report(prefix: string): StubReport {
  const mine = noted(prefix);
  return {
    llmCalls: [...llmCalls].reduce((sum, [id, count]) => sum + (id.startsWith(prefix) ? count : 0), 0),
    puts: mine.reduce((sum, [, { puts }]) => sum + puts, 0),
    notes: Object.fromEntries(mine.map(([id, { count }]) => [id, count])),
    at: Object.fromEntries(mine.map(([id, { at }]) => [id, at])),
  };
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks).toString();
    if (request.method === "PUT") takeNote(request, body, response);
    else if (request.url === "/v1/chat/completions") complete(body, response);
    else answer(response, "{}", 404);
  });
});
server.keepAliveTimeout = 60_000;
server.listen({ port: 0, host: "127.0.0.1", backlog: 1_024 }, () => {
  process.send?.((server.address() as AddressInfo).port);
});

process.on("message", (order: StubOrder) => {
  if ("report" in order) process.send?.(report(order.report));
  else if ("count" in order) process.send?.(noted(order.count).length);
  else {
    latencyMs = order.latencyMs;
    process.send?.(null);
  }
});
process.on("disconnect", () => process.exit(0));
