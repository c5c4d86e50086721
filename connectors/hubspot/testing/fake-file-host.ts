/** Servers of the fake on this machine, among them the host of another name where files lie. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { FakeStore } from "./fake-store.ts";

export async function listen(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Server> {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

export const addressOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** Another host, where the files lie. */
export async function startFileHost(store: FakeStore) {
  const seen = { requests: 0, credentials: [] as string[] };
  const server = await listen((request, response) => {
    seen.requests++;
    const { authorization } = request.headers;
    if (authorization) seen.credentials.push(authorization);
    const file = store.files.get(request.url?.slice(1) ?? "");
    response.writeHead(file?.status ?? 404).end(file?.status === 200 ? file.content : "no");
  });
  return { seen, server };
}
