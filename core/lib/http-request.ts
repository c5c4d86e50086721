/** Requests as `fetch` takes them, in the plain form that goes out. */

export interface PlainRequest {
  origin: string;
  path: string;
  method: string;
  /** Lower-case names. */
  headers: Record<string, string>;
  body: string | Uint8Array | null;
}

/** A request that cannot be made. What is wrong with it is not told: it may be a secret in the wrong place. */
export class InvalidRequest extends Error {
  constructor(what: string) {
    super(`${what} is not valid`);
    this.name = "InvalidRequest";
  }
}

function plainHeaders(given: RequestInit["headers"]): Record<string, string> {
  const headers: Record<string, string> = {};
  const add = (name: string, value: string) => {
    const key = name.toLowerCase();
    const before = headers[key];
    // As `fetch` does: white space around a value is no part of it, and a repeated name makes a list.
    headers[key] = before === undefined ? String(value).trim() : `${before}, ${String(value).trim()}`;
  };
  if (given === undefined || given === null) return headers;
  const entries = Symbol.iterator in given ? given : Object.entries(given);
  for (const [name = "", value = ""] of entries as Iterable<readonly string[]>) add(name, value);
  return headers;
}

/** The bytes of a body and the type that they have by themselves. */
async function plainBody(
  given: RequestInit["body"],
): Promise<{ body: string | Uint8Array | null; type: string | null }> {
  if (given === undefined || given === null) return { body: null, type: null };
  if (typeof given === "string") return { body: given, type: "text/plain;charset=UTF-8" };
  if (given instanceof Uint8Array) return { body: given, type: null };
  const whole = new Response(given);
  return { body: new Uint8Array(await whole.arrayBuffer()), type: whole.headers.get("content-type") };
}

/** @throws InvalidRequest for an address that is none, is not of the web, or holds a password */
export async function toPlainRequest(url: string, init: RequestInit): Promise<PlainRequest> {
  if (!URL.canParse(url)) throw new InvalidRequest("the address");
  const { origin, protocol, pathname, search, username, password } = new URL(url);
  if ((protocol !== "http:" && protocol !== "https:") || username !== "" || password !== "")
    throw new InvalidRequest("the address");
  const headers = plainHeaders(init.headers);
  const { body, type } = await plainBody(init.body);
  headers.accept ??= "*/*";
  headers["accept-encoding"] ??= "gzip, br";
  headers["user-agent"] ??= "deskwire";
  if (type !== null) headers["content-type"] ??= type;
  // The length is told from the body.
  delete headers["content-length"];
  return { origin, path: pathname + search, method: (init.method ?? "GET").toUpperCase(), headers, body };
}
