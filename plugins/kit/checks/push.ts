/** Rules of `push`: what is taken in, what is refused, and how. */
import type { RawRequest } from "../../contract/connector.ts";
import type { Received } from "../host.ts";
import { secretsOf } from "../journal.ts";
import { ensure, type Rule } from "../rule.ts";
import { includesText, NotCovered, need, type Stage } from "../stage.ts";
import { endsWithin } from "../waiting.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const said = (received: Received) =>
  `${received.status}${"error" in received ? `: ${String(received.error)}` : ""}`;

function ensureTaken(stage: Stage, received: Received, what: string): void {
  ensure(received.status === 202, `${what} is answered with ${said(received)}, expected 202`);
  ensure(stage.host.memory.events.length > 0, `${what} is accepted, and nothing is stored`);
}

function ensureRefused(stage: Stage, received: Received, what: string): void {
  ensure(received.status === 401, `${what} is answered with ${said(received)}, expected 401`);
  ensure(stage.host.memory.events.length === 0, `${what} is stored`);
}

/** The next letter or digit of its kind, so that a value keeps its form and is another one. */
function otherSecret(value: string): string {
  return value.replace(/[0-9a-zA-Z]/g, (sign) => {
    const last = { "9": "0", z: "a", Z: "A" }[sign];
    return last ?? String.fromCharCode(sign.charCodeAt(0) + 1);
  });
}

function withOtherSecrets(raw: unknown, secrets: readonly string[]): unknown {
  if (typeof raw === "string") return secrets.includes(raw) ? otherSecret(raw) : raw;
  if (Array.isArray(raw)) return raw.map((value) => withOtherSecrets(value, secrets));
  if (typeof raw !== "object" || raw === null) return raw;
  return Object.fromEntries(
    Object.entries(raw).map(([key, value]) => [key, withOtherSecrets(value, secrets)]),
  );
}

/** Bodies that no honest system sends. */
const hostileBodies: Record<string, () => Uint8Array> = {
  "an empty body": () => new Uint8Array(),
  "half of a JSON object": () => encode('{"text": "a'),
  "JSON null": () => encode("null"),
  "a JSON list": () => encode("[]"),
  "a JSON number": () => encode("7"),
  "an empty object": () => encode("{}"),
  "bytes that are no text": () => Uint8Array.from({ length: 4_096 }, (_, i) => (i * 151) % 256),
  "two megabytes of nothing": () => new Uint8Array(2_000_000),
  "JSON nested very deep": () => encode(`${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}`),
  "a list nested very deep": () => encode("[".repeat(100_000)),
  "a body that reaches for the prototype": () =>
    encode('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}'),
};

const hostileTexts = [
  (key: string) => `${key} a NUL \u0000`,
  (key: string) => `${key} half a letter \ud83d`,
  (key: string) => `${key} ${"long ".repeat(60_000)}`,
];

/** A request without anything that could vouch for it. */
function unsigned({ headers, apiKey: _, query: __, ...request }: RawRequest): RawRequest {
  const type = headers["content-type"];
  return {
    ...request,
    query: new URLSearchParams(),
    headers: type === undefined ? {} : { "content-type": type },
  };
}

async function ensureReadable(stage: Stage, request: RawRequest, what: string): Promise<void> {
  const { promptMs } = stage.patience;
  const receiving = stage.receive(request);
  ensure(await endsWithin(receiving, promptMs), `${what} takes longer than ${promptMs} ms`);
  const received = await receiving;
  ensure(
    received.status !== 500,
    `${what} is answered with ${said(received)}: throw a ZodError or a permanent ConnectorError, or it is sent again for ever`,
  );
}

export const pushRules: Rule[] = [
  {
    name: "push: a genuine webhook is taken in, with its text",
    covers: "push",
    async run(stage) {
      const made = stage.message();
      const message = { ...made, text: `Hello ${made.key},\n\nпривет, 请 😀 <b> &amp; "x"` };
      ensureTaken(stage, await stage.receive(stage.webhook(message)), "a genuine webhook");
      const [event] = stage.host.memory.events;
      const text = event?.kind === "message" ? event.text : "";
      ensure(includesText(text, message.text), `expected the whole text, got ${JSON.stringify(text)}`);
    },
  },
  {
    name: "push: a webhook signed with another secret is refused",
    covers: "push",
    async run(stage) {
      const { host, side, world } = stage;
      const other = withOtherSecrets(side.config, secretsOf(host.config));
      const parsed = world.spec.config.safeParse(other);
      if (!parsed.success) throw new NotCovered("secrets that could be other ones: its schema refuses them");
      ensureRefused(stage, await host.receive(stage.webhook(stage.message()), parsed.data), "it");
    },
  },
  {
    name: "push: a webhook whose body was changed on its way is refused",
    covers: "push",
    async run(stage) {
      const genuine = stage.webhook(stage.message());
      const body = need(stage.side.webhook, "webhook").body(stage.message());
      ensureRefused(stage, await stage.receive({ ...genuine, body }), "it");
    },
  },
  {
    name: "push: a webhook without a signature is refused",
    covers: "push",
    async run(stage) {
      const genuine = stage.webhook(stage.message());
      ensureRefused(stage, await stage.receive(unsigned(genuine)), "it");
    },
  },
  {
    name: "push: strange headers are refused or passed over, never thrown at",
    covers: "push",
    async run(stage) {
      const genuine = stage.webhook(stage.message());
      for (const name of Object.keys(genuine.headers)) {
        for (const value of ["", "\u0000", "ü,=;", "9".repeat(400), "v1,", "x".repeat(20_000), undefined]) {
          const request = { ...genuine, headers: { ...genuine.headers, [name]: value } };
          const received = await stage.receive(request);
          ensure(
            received.status !== 500,
            `${name}: ${JSON.stringify(value)?.slice(0, 50)} makes it throw: ${said(received)}`,
          );
        }
      }
    },
  },
  {
    name: "push: a webhook that is too old, or from the future, is refused",
    covers: "push",
    async run(stage) {
      for (const [what, byMs] of [
        ["an hour old", -3_600_000],
        ["an hour ahead", 3_600_000],
      ] as const) {
        const request = stage.webhook(stage.message(), new Date(Date.now() + byMs));
        ensureRefused(stage, await stage.receive(request), `a webhook that is ${what}`);
      }
    },
  },
  {
    name: "push: the same webhook twice is stored once",
    covers: "push",
    async run(stage) {
      const message = stage.message();
      const body = need(stage.side.webhook, "webhook").body(message);
      const genuine = stage.webhook(message);
      ensureTaken(stage, await stage.receive(genuine), "a genuine webhook");
      const again = await stage.receive(genuine);
      ensure(again.status === 202, `sent again it is answered with ${said(again)}, expected 202`);
      // A system that did not get the answer may sign it anew.
      await stage.receive(need(stage.side.webhook, "webhook").sign(body, new Date()));
      const { length } = stage.host.memory.events;
      ensure(length === 1, `it is stored ${length} times: its externalId changes`);
    },
  },
  {
    name: "push: a webhook whose commit failed is taken when it comes again",
    covers: "push",
    async run(stage) {
      const genuine = stage.webhook(stage.message());
      stage.host.memory.failCommits = 1;
      const first = await stage.receive(genuine);
      ensure(first.status === 500, `without a commit it is answered with ${said(first)}`);
      ensureTaken(stage, await stage.receive(genuine), "the same webhook once more");
    },
  },
  {
    name: "push: a body that cannot be read is refused as such, and at once",
    covers: "push",
    async run(stage) {
      const { sign } = need(stage.side.webhook, "webhook");
      for (const [what, body] of Object.entries(hostileBodies)) {
        await ensureReadable(stage, sign(body(), new Date()), what);
      }
      const polluted = ({} as Record<string, unknown>).polluted;
      ensure(polluted === undefined, "a body has changed the prototype of all objects");
      ensureTaken(stage, await stage.receive(stage.webhook(stage.message())), "a genuine webhook after them");
    },
  },
  {
    name: "push: hostile text ends as a message, or is refused as such",
    covers: "push",
    async run(stage) {
      for (const text of hostileTexts) {
        const made = stage.message();
        const request = stage.webhook({ ...made, text: text(made.key) });
        await ensureReadable(stage, request, JSON.stringify(text("text").slice(0, 20)));
      }
    },
  },
];
