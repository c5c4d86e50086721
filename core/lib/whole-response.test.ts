import { expect, test } from "vitest";
import { toWholeResponse, type WholeAnswer } from "./whole-response.ts";

const answer = (fields: Partial<WholeAnswer> = {}): WholeAnswer => ({
  url: "http://desk.example/a",
  status: 200,
  statusText: "OK",
  headers: { "content-type": "application/json", "set-cookie": ["a=1", "b=2"] },
  body: Buffer.from('{"größe":1}'),
  ...fields,
});
/** The same as the platform has it. */
function native({ status, statusText, headers, body }: WholeAnswer): Response {
  const own = new Headers();
  for (const [name, value] of Object.entries(headers))
    for (const one of [value ?? []].flat()) own.append(name, one);
  return new Response(body as Uint8Array<ArrayBuffer> | null, { status, statusText, headers: own });
}

const reads: Record<string, (response: Response) => Promise<unknown>> = {
  text: (response) => response.text(),
  json: (response) => response.json(),
  bytes: async (response) => [...(await response.bytes())],
  arrayBuffer: async (response) => Buffer.from(await response.arrayBuffer()).toString(),
  blob: async (response) => (await response.blob()).text(),
  stream: async (response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body ?? []) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  },
  "a clone's text": async (response) => response.clone().text(),
};
const bodies: Record<string, Buffer | null> = {
  JSON: Buffer.from('{"größe":1}'),
  "JSON after a byte order mark": Buffer.from('\ufeff{"a":1}'),
  "what is no JSON": Buffer.from("<html>"),
  "broken UTF-8": Buffer.from([0x22, 0xff, 0x22]),
  "an empty body": Buffer.alloc(0),
  "no body": null,
};
const settle = async (work: Promise<unknown>) =>
  work.then(
    (value) => ({ value }),
    (error: Error) => ({ error: error.name }),
  );

test.each(Object.keys(bodies))("%s reads as it does in the platform's own", async (name) => {
  const given = answer({ body: bodies[name] as Buffer | null });
  for (const [how, read] of Object.entries(reads))
    expect({ how, ...(await settle(read(toWholeResponse(given)))) }).toEqual({
      how,
      ...(await settle(read(native(given)))),
    });
});

test.each([200, 204, 301, 404, 500])(
  "an answer of %i says of itself what the platform's own says",
  (status) => {
    const given = answer({ status, body: null });
    const said = ({ ok, redirected, status, statusText, type, bodyUsed, body, headers }: Response) => {
      return { ok, redirected, status, statusText, type, bodyUsed, body, headers: [...headers] };
    };
    const response = toWholeResponse(given);
    expect(said(response)).toEqual(said(native(given)));
    expect(response.url).toBe(given.url);
    expect(response).toBeInstanceOf(Response);
  },
);

test.each(Object.keys(reads).filter((how) => how !== "a clone's text"))(
  "a body is read once: not again after its %s",
  async (how) => {
    const response = toWholeResponse(answer());
    await reads[how]?.(response);
    expect(response.bodyUsed).toBe(true);
    for (const read of [reads.text, reads.blob])
      expect(await settle((read as (typeof reads)[string])(response))).toEqual({ error: "TypeError" });
    expect(() => response.clone()).toThrow(TypeError);
  },
);
