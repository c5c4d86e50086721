/** A language model for a day: it answers each message by the key that stands in it, so that drafts can be told apart. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** The form of a key: it stands in each customer's message. */
export const keyPattern = /\bM\d{4}\b/g;

/** What the model answers to the message with this key. */
export const draftText = (key: string) =>
  `Thank you for your message ${key}. Your parcel left our store this morning and will be with you on Thursday. You can follow it with the number that stands in your order.\n\nKind regards`;

export interface DayLlm {
  readonly url: string;
  readonly calls: number;
  close(): Promise<void>;
}

function completion(key: string): string {
  return JSON.stringify({
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model: "day",
    choices: [{ index: 0, message: { role: "assistant", content: draftText(key) }, finish_reason: "stop" }],
    usage: { prompt_tokens: 100, completion_tokens: 40, total_tokens: 140 },
  });
}

export async function startDayLlm(): Promise<DayLlm> {
  let calls = 0;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    calls++;
    // The newest message stands last.
    const key = Buffer.concat(chunks).toString().match(keyPattern)?.at(-1) ?? "M????";
    response.writeHead(200, { "content-type": "application/json" }).end(completion(key));
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get calls() {
      return calls;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
