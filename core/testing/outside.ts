/** What a hub talks to in tests of whole clusters: an LLM that can fail in every way, and a helpdesk that counts notes. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** `silence`: it takes the request and never answers. */
export type LlmMode = "ok" | "busy" | "broken" | "garbage" | "silence";

export interface Outside {
  url: string;
  llm: {
    mode: LlmMode;
    /** Milliseconds before an answer. */
    delayMs: number;
    /** All calls, whatever was answered. */
    calls: number;
  };
  /** How often each note was written, by the message's id at its source. */
  notes: Map<string, number>;
  /** When each note was first written, in milliseconds since the process began. */
  notedAt: Map<string, number>;
  close(): Promise<void>;
}

const completion = JSON.stringify({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "stub",
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: "Thank you. It will be there." },
      finish_reason: "stop",
    },
  ],
  usage: { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 },
});

function answer(response: ServerResponse, status: number, body = "{}", headers = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
}

async function drain(request: IncomingMessage): Promise<void> {
  for await (const _ of request);
}

/** @param host where it listens; 127.0.0.1 unless nodes elsewhere have to reach it */
export async function startOutside(host = "127.0.0.1"): Promise<Outside> {
  const complete = async (response: ServerResponse) => {
    const { llm } = outside;
    llm.calls++;
    if (llm.mode === "silence") return;
    if (llm.mode === "busy") return answer(response, 429, "{}", { "retry-after": "1" });
    if (llm.mode === "broken") return answer(response, 500);
    if (llm.mode === "garbage") return answer(response, 200, "<html>We will be back soon</html>");
    if (llm.delayMs > 0) await sleep(llm.delayMs);
    answer(response, 200, completion);
  };
  const note = ({ method }: IncomingMessage, response: ServerResponse, id: string) => {
    const written = outside.notes.get(id) ?? 0;
    if (method === "GET") return answer(response, written > 0 ? 200 : 404);
    outside.notes.set(id, written + 1);
    if (written === 0) outside.notedAt.set(id, performance.now());
    answer(response, 201);
  };
  const server = createServer(async (request, response) => {
    await drain(request);
    const id = /^\/notes\/(.+)$/.exec(request.url ?? "")?.[1];
    if (id !== undefined) note(request, response, id);
    else await complete(response);
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const outside: Outside = {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    llm: { mode: "ok", delayMs: 0, calls: 0 },
    notes: new Map(),
    notedAt: new Map(),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return outside;
}
