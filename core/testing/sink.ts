/** A company's own system for tests: a real HTTP server that takes drafts. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface SinkDelivery {
  /** The webhook's id: the same for every attempt at the same delivery. */
  id: string;
  /** The draft as the company's system gets it. */
  draft: { id: string; text: string };
}

export interface Sink {
  url: string;
  /** The status of its answers, 204 at first; what is answered with another one is not taken. */
  answer: number;
  deliveries: SinkDelivery[];
  close(): Promise<void>;
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

export async function startSink(): Promise<Sink> {
  const deliveries: SinkDelivery[] = [];
  const server = createServer(async (request, response) => {
    const { data } = JSON.parse(await read(request)) as { data: SinkDelivery["draft"] };
    if (sink.answer === 204) deliveries.push({ id: String(request.headers["webhook-id"]), draft: data });
    response.writeHead(sink.answer).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const sink: Sink = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/drafts`,
    answer: 204,
    deliveries,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return sink;
}
