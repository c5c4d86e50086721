/** The conformance suite against the `api` connector and a company's own system that takes its signed posts. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "vitest";
import { describeConnector } from "../../plugins/kit/conformance.ts";
import { type Found, rawRequest, type World } from "../../plugins/kit/world.ts";
import { api } from "./index.ts";
import { verifySignature } from "./signature.ts";

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** Takes each id once, as the page about this connector tells receivers to do. */
async function startReceiver() {
  const taken = new Map<string, Found & { type: string }>();
  const server = createServer(async (request, response) => {
    const body = await read(request);
    const verdict = verifySignature({ secret, headers: request.headers, body });
    if (!verdict.ok) return response.writeHead(401).end(verdict.reason);
    const id = String(request.headers["webhook-id"]);
    if (taken.has(id)) return response.writeHead(409).end();
    const { type, data } = JSON.parse(body) as { type: string; data: { text: string } };
    taken.set(id, { type, id, text: data.text });
    return response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify({ id }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const of = async (wanted: string) => [...taken.values()].filter(({ type }) => type === wanted);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/drafts`,
    of,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const world: World = {
  spec: api,
  badConfigs: [{ url: "https://shop.example" }, { url: "ftp://shop.example", secret }],
  async start() {
    const receiver = await startReceiver();
    return {
      config: { url: receiver.url, secret, headers: { "x-gateway": "a-key-of-the-gateway" } },
      webhook: {
        body({ key, thread, text, subject, from }) {
          const message = { externalId: key, threadId: thread, subject, text, requester: from };
          return new TextEncoder().encode(JSON.stringify(message));
        },
        // The gateway has found the company's API key by then.
        sign: (body) =>
          rawRequest({ body, headers: { "content-type": "application/json" }, apiKey: "default" }),
      },
      found: () => receiver.of("draft.ready"),
      sent: () => receiver.of("reply.approved"),
      close: () => receiver.close(),
    };
  },
  exempt: {
    "push: a webhook signed with another secret is refused":
      "the gateway checks the API key, not the connector",
    "push: a webhook whose body was changed on its way is refused":
      "an API key vouches for posts, no signature",
    "push: a webhook that is too old, or from the future, is refused": "posts carry no time",
    "check says what is wrong where the credentials are refused": "check calls nobody before the first draft",
    "deliver: a draft that an agent has changed is never overwritten": "each draft is a post of its own",
    "deliver: once an agent has answered, no draft is left in the way":
      "the company's system tells the hub of answers by the API, and the core looks before it delivers",
  },
};

describeConnector(world, { test });
