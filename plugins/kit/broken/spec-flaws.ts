/** Connectors whose spec, life or log is wrong. */
import { z } from "zod";
import type { AnyConnector } from "../../contract/connector.ts";
import { Secret, secret } from "../../contract/secret.ts";
import { type Flaw, goodPut, treatingErrors, withDeliver } from "./flaw.ts";
import { type Client, call, reference, referenceConfig } from "./reference.ts";

const good = reference as AnyConnector;
const { url, token, webhookSecret } = referenceConfig.shape;

/** Timers that a broken connector leaves behind; the test clears them. */
export const leftTimers: NodeJS.Timeout[] = [];

function openedWith(change: (client: Client) => Client): AnyConnector {
  return { ...good, open: async (context: Client) => change(context) };
}

/** Counts deliveries under way, and forgets about those that fail. */
function neverAtRest(): AnyConnector {
  const busy = new WeakMap<Client, number>();
  const count = (client: Client, by: number) => busy.set(client, (busy.get(client) ?? 0) + by);
  return {
    ...withDeliver({
      async put(client, draft, signal) {
        count(client, 1);
        const delivered = await goodPut(client, draft, signal);
        count(client, -1);
        return delivered;
      },
    }),
    async close(client: Client) {
      if (busy.get(client)) await new Promise(() => undefined);
    },
  };
}

export const specFlaws: Flaw[] = [
  {
    flaw: "limits for no time at all",
    caughtBy: "the spec has the shape that the contract asks for",
    spec: { ...good, limits: { ...good.limits, perMs: 0 } },
  },
  {
    flaw: "a config that makes a string of anything",
    caughtBy: "the config refuses what is no config, and says why",
    spec: { ...good, config: z.strictObject({ url: z.coerce.string(), token, webhookSecret }) },
  },
  {
    flaw: "a config that passes over unknown fields",
    caughtBy: "a field that the config does not know is refused, so that a slip of the pen is seen",
    spec: { ...good, config: z.object({ url, token, webhookSecret }) },
  },
  {
    flaw: "a token as a plain string",
    caughtBy: "secrets of the config do not show when it is printed",
    spec: {
      ...openedWith((context) => ({
        ...context,
        config: { ...context.config, token: new Secret(String(context.config.token)) },
      })),
      config: z.strictObject({ url, token: z.string().min(8), webhookSecret: secret(8) }),
    },
  },
];

export const lifeFlaws: Flaw[] = [
  {
    flaw: "a close that throws",
    caughtBy: "it opens, says that all is well, and closes",
    spec: { ...good, close: () => Promise.reject(new Error("it was closed already")) },
  },
  {
    flaw: "a check that writes a note to see whether it may",
    caughtBy: "check looks, and changes nothing",
    spec: {
      ...good,
      async check(client: Client, signal: AbortSignal) {
        const body = { key: "check", text: "Deskwire was here." };
        await call(client, "/cases/check/notes", { method: "POST", body, signal });
        return { ok: true };
      },
    },
  },
  {
    flaw: "a check that is content with anything",
    caughtBy: "check says what is wrong where the credentials are refused",
    spec: {
      ...good,
      check: (client: Client, signal: AbortSignal) =>
        call(client, "/me", { signal }).then(
          () => ({ ok: true }),
          () => ({ ok: true, detail: "some requests are refused" }),
        ),
    },
  },
  {
    flaw: "a close that hangs where a delivery was broken off",
    caughtBy: "a stop while busy ends at once, and it opens again",
    spec: neverAtRest(),
  },
  {
    flaw: "a timer that goes on after close",
    caughtBy: "nothing keeps running once it is closed",
    spec: openedWith((context) => {
      leftTimers.push(setInterval(() => undefined, 60_000));
      return context;
    }),
  },
  {
    flaw: "a token in a log line",
    caughtBy: "no secret stands in a log line, an error or a reason",
    spec: openedWith((context) => {
      context.log.debug("opened", { authorization: `Bearer ${context.config.token.reveal()}` });
      return context;
    }),
  },
  {
    flaw: "a token in an error",
    caughtBy: "no secret stands in a log line, an error or a reason",
    spec: treatingErrors((error, { config }) => {
      if (error instanceof Error) error.message += ` (with ${config.token.reveal()})`;
      throw error;
    }),
  },
];
