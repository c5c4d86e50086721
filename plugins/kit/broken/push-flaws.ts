/** Connectors that take in wrongly what is pushed, or serve wrongly. */
import { timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { AnyConnector } from "../../contract/connector.ts";
import { type Flaw, withPush } from "./flaw.ts";
import {
  type Client,
  isGenuine,
  readBody,
  reference,
  replayOf,
  type Signed,
  signatureOf,
  toEvents,
} from "./reference.ts";

const good = reference as AnyConnector;
const forged = { ok: false as const, reason: "the signature is wrong" };
const verdict = (genuine: boolean, signed: Signed) =>
  genuine ? { ok: true as const, replay: replayOf(signed) } : forged;

/** Remembers what it has parsed, before anything is committed. */
function rememberingTooEarly(): AnyConnector {
  const seen = new Set<string | undefined>();
  return withPush({
    async parse(_client: Client, request) {
      const id = request.headers["x-id"];
      if (seen.has(id)) return [];
      seen.add(id);
      return toEvents(readBody(request));
    },
  });
}

export const pushFlaws: Flaw[] = [
  {
    flaw: "only the first line of a pushed text",
    caughtBy: "push: a genuine webhook is taken in, with its text",
    spec: withPush({
      parse: async (_client, request) =>
        toEvents(readBody(request)).map((event) =>
          event.kind === "message" ? { ...event, text: event.text.split("\n")[0] ?? "" } : event,
        ),
    }),
  },
  {
    flaw: "a signature that has only to be there",
    caughtBy: "push: a webhook signed with another secret is refused",
    also: { "push: a webhook whose body was changed on its way is refused": "any signature will do" },
    spec: withPush({
      verify(request, config) {
        const signed = signatureOf(request, config);
        return verdict(signed.given.length === signed.expected.length, signed);
      },
    }),
  },
  {
    flaw: "a signature over the headers alone",
    caughtBy: "push: a webhook whose body was changed on its way is refused",
    spec: withPush({
      verify(request, config) {
        const signed = signatureOf(request, config, new Uint8Array());
        const given = Buffer.from(request.headers["x-light-signature"] ?? "", "hex");
        return verdict(isGenuine({ ...signed, given }), signed);
      },
    }),
  },
  {
    flaw: "a webhook without a signature let through",
    caughtBy: "push: a webhook without a signature is refused",
    spec: withPush({
      verify(request, config) {
        if (request.headers["x-signature"] === undefined) return { ok: true };
        const signed = signatureOf(request, config);
        return verdict(isGenuine(signed), signed);
      },
    }),
  },
  {
    flaw: "a time that makes it throw",
    caughtBy: "push: strange headers are refused or passed over, never thrown at",
    spec: withPush({
      verify(request, config) {
        const at = new Date(Number(BigInt(request.headers["x-time"] ?? 0)) * 1_000);
        const signed = signatureOf(request, config);
        return isGenuine(signed) ? { ok: true, replay: { id: signed.id, at } } : forged;
      },
    }),
  },
  {
    flaw: "a signature that is compared without a look at its length",
    caughtBy: "push: strange headers are refused or passed over, never thrown at",
    also: { "push: a webhook without a signature is refused": "it throws, and the sender tries again" },
    spec: withPush({
      verify(request, config) {
        const signed = signatureOf(request, config);
        return verdict(timingSafeEqual(signed.given, signed.expected), signed);
      },
    }),
  },
  {
    flaw: "no look at a webhook's age",
    caughtBy: "push: a webhook that is too old, or from the future, is refused",
    spec: withPush({
      verify: (request, config) => (isGenuine(signatureOf(request, config)) ? { ok: true } : forged),
    }),
  },
  {
    flaw: "an externalId from the sending, not from the message",
    caughtBy: "push: the same webhook twice is stored once",
    spec: withPush({
      parse: async (_client, request) =>
        toEvents(readBody(request)).map((event) => ({ ...event, externalId: request.headers["x-id"] ?? "" })),
    }),
  },
  {
    flaw: "a webhook that counts as done before it is committed",
    caughtBy: "push: a webhook whose commit failed is taken when it comes again",
    spec: rememberingTooEarly(),
  },
  {
    flaw: "a body that is parsed without care",
    caughtBy: "push: a body that cannot be read is refused as such, and at once",
    spec: withPush({
      parse: async (_client, request) => toEvents(JSON.parse(new TextDecoder().decode(request.body))),
    }),
  },
  {
    flaw: "half a letter in a webhook that makes it throw",
    caughtBy: "push: hostile text ends as a message, or is refused as such",
    spec: withPush({
      async parse(_client, request) {
        const { body } = z.object({ body: z.string() }).parse(readBody(request));
        encodeURIComponent(body);
        return toEvents(readBody(request));
      },
    }),
  },
];

export const serveFlaws: Flaw[] = [
  {
    flaw: "a path that is decoded without care",
    caughtBy: "serve: strange requests are answered or passed on, never thrown at",
    spec: {
      ...good,
      serve: {
        handle: async (_client, { path }) => (decodeURIComponent(path) === "/x" ? { status: 200 } : null),
      },
    },
  },
  {
    flaw: "a page that tells the config",
    caughtBy: "serve: no answer shows a secret, or a file of the machine",
    spec: {
      ...good,
      serve: {
        handle: async ({ config }: Client, { method, path }) =>
          method === "GET" && path === "/config" ? { status: 200, body: config.token.reveal() } : null,
      },
    },
  },
];
