/** A connector for tests of commands: its whole source stands in its config, or in a file of the same form. */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { type Context, defineConnector } from "../../plugins/contract/connector.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";

const item = z.object({
  id: z.string(),
  by: z.enum(["customer", "agent", "nobody"]),
  thread: z.string(),
  at: z.iso.datetime(),
  text: z.string(),
});
type Item = z.output<typeof item>;

const config = z.strictObject({
  /** From the oldest on; one of nobody's cannot be read. */
  items: z.array(item).default([]),
  /** Reads what is nobody's as a customer's. */
  mended: z.boolean().default(false),
  /** Milliseconds before each page of two. */
  pauseMs: z.int().default(0),
  check: z.enum(["ok", "poor", "fails", "hangs", "token"]).default("ok"),
});
type Client = Context<z.output<typeof config>>;

function toEvent(one: Item, mended: boolean): ConnectorEventInput {
  const { id: externalId, by, thread: threadId, at, text } = one;
  const common = { externalId, threadId, text, sentAt: new Date(at) };
  if (by === "agent") return { kind: "agent-reply", ...common };
  if (by === "customer" || mended) return { kind: "message", ...common };
  const raw = new TextEncoder().encode(JSON.stringify(one));
  return { kind: "rejected", externalId, reason: "nobody wrote it", raw };
}

export default defineConnector({
  name: "archive",
  core: "^1",
  config,
  cursor: z.object({}),
  limits: { requests: 1_000, perMs: 1_000, concurrency: 10 },
  open: async (context: Client) => context,
  async check({ config, tokens }, signal) {
    if (config.check === "fails") throw new ConnectorError("auth", "the password is wrong");
    if (config.check === "hangs") await sleep(60_000, undefined, { signal });
    const refresh = async () => ({ accessToken: "access", expiresAt: new Date(Date.now() + 3_600_000) });
    if (config.check === "token")
      return { ok: true, detail: await tokens.accessToken({ seed: "s", refresh }) };
    return config.check === "poor"
      ? { ok: false, detail: "no Drafts folder" }
      : { ok: true, detail: "2 folders" };
  },
  close: async () => undefined,
  pull: {
    async *pages() {
      // What is there at the start is not read: that is what backfill is for.
    },
    async *backfill({ config }, { since, path }, signal) {
      const items = path ? z.array(item).parse(JSON.parse(await readFile(path, "utf8"))) : config.items;
      const wanted = items.filter(({ at }) => since === null || new Date(at) >= since);
      for (let i = 0; i < wanted.length; i += 2) {
        await sleep(config.pauseMs, undefined, { signal });
        yield { events: wanted.slice(i, i + 2).map((one) => toEvent(one, config.mended)) };
      }
    },
    async *list({ config }, { since, until }) {
      for (const { id: externalId, at } of config.items) {
        const time = new Date(at);
        if (time >= since && time <= until) yield [{ externalId, at: time }];
      }
    },
    async reread({ config }, raw) {
      return [toEvent(item.parse(JSON.parse(new TextDecoder().decode(raw))), config.mended)];
    },
  },
  deliver: { as: "draft", put: async (_, { id }) => ({ externalId: `draft-${id}`, created: true }) },
});
