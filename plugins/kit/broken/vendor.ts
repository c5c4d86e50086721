/** An invented helpdesk on a free port: the other side of the connectors that test the kit. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface Comment {
  id: number;
  case: string;
  title: string;
  /** What a customer wrote, or anything else where the item is broken. */
  body: unknown;
  by: "customer" | "staff" | "bot";
  name: string;
  email: string;
  /** ISO 8601. */
  created: string;
}

export interface Note {
  id: number;
  case: string;
  key: string;
  text: string;
  edited: boolean;
}

export interface Vendor {
  readonly url: string;
  readonly token: string;
  readonly comments: Comment[];
  readonly notes: Note[];
  /** Replies that went out to customers. */
  readonly replies: Note[];
  comment(fields: Partial<Comment>): void;
  close(): Promise<void>;
}

const decoder = new TextDecoder();

async function readJson(request: IncomingMessage): Promise<Record<string, string>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return JSON.parse(decoder.decode(Buffer.concat(chunks)) || "{}");
}

export async function startVendor(): Promise<Vendor> {
  const comments: Comment[] = [];
  const notes: Note[] = [];
  const replies: Note[] = [];
  let lastId = 0;

  const comment = (fields: Partial<Comment>) => {
    lastId++;
    const person = { name: "Ada", email: "ada@customer.example" };
    const fresh = {
      case: "c1",
      title: "A case",
      body: "Hello",
      by: "customer" as const,
      created: new Date(),
    };
    comments.push({ ...person, ...fresh, created: new Date().toISOString(), ...fields, id: lastId });
  };

  const add = (list: Note[], of: string, { key = "", text = "" }: Record<string, string>) => {
    lastId++;
    const note = { id: lastId, case: of, key, text, edited: false };
    list.push(note);
    // Everything that is written turns up among the comments as well.
    comment({ case: of, body: text, by: "bot" });
    return note;
  };

  const answer = (method: string, url: URL, body: Record<string, string>): [number, unknown] => {
    const { pathname, searchParams } = url;
    const after = Number(searchParams.get("after") ?? 0);
    if (pathname === "/me") return [200, { name: "Deskwire" }];
    if (pathname === "/comments") {
      const limit = Number(searchParams.get("limit") ?? 100);
      return [200, comments.filter(({ id }) => id > after).slice(0, limit)];
    }
    const [, of = "", what] = /^\/cases\/([^/]+)(?:\/(\w+))?$/.exec(pathname) ?? [];
    const name = decodeURIComponent(of);
    if (what === undefined && of !== "") {
      return [200, { answered: comments.some(({ by, case: one }) => by === "staff" && one === name) }];
    }
    const list = what === "notes" ? notes : what === "replies" ? replies : undefined;
    if (!list) return [404, {}];
    if (method === "POST") return [201, add(list, name, body)];
    if (method === "PUT") {
      const note = list.find(({ case: one }) => one === name);
      return note ? [200, Object.assign(note, body)] : [404, {}];
    }
    return [200, list.filter((note) => note.case === name)];
  };

  const server: Server = createServer(async (request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const isKnown = request.headers.authorization === `Bearer ${token}`;
    const body = await readJson(request);
    const [status, answered] = isKnown ? answer(request.method ?? "GET", url, body) : [401, {}];
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answered));
  });
  const token = "a-token-of-the-helpdesk";
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    comments,
    notes,
    replies,
    comment,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
