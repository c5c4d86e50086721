/** The conformance suite against the `zammad` connector and a Zammad that objects to what it does not know. */
import { afterAll, expect, test } from "vitest";
import { describeConnector } from "../../plugins/kit/conformance.ts";
import { type CustomerMessage, rawRequest, type Side, type World } from "../../plugins/kit/world.ts";
import { htmlToPlain } from "../../plugins/toolkit/html-text.ts";
import { textToHtml } from "../../plugins/toolkit/note.ts";
import { zammad } from "./index.ts";
import { startFakeZammad } from "./testing/fake-zammad.ts";

const violations: string[] = [];
const numberOf = (key: string) => Number.parseInt(key.slice(1, 9), 16);

/** As a trigger sends it, with the fields that matter here. */
function payload({ key, thread, subject, text, from }: CustomerMessage): Uint8Array {
  const time = new Date().toISOString();
  const ticket = { id: numberOf(thread), title: subject, state: "new", updated_at: time };
  const about = {
    id: numberOf(key),
    ticket_id: ticket.id,
    sender: "Customer",
    type: "email",
    internal: false,
  };
  const words = { from: `${from.name} <${from.email}>`, body: textToHtml(text), content_type: "text/html" };
  return new TextEncoder().encode(
    JSON.stringify({ ticket, article: { ...about, ...words, created_at: time } }),
  );
}

async function start(): Promise<Side> {
  const desk = await startFakeZammad();
  const threads = new Map<string, number>();
  const ticketOf = ({ thread, subject }: CustomerMessage) => {
    const id = threads.get(thread) ?? desk.open(subject).id;
    threads.set(thread, id);
    return id;
  };
  return {
    config: { url: desk.url, token: desk.token, webhookSecret: desk.webhookSecret },
    async arrive(message) {
      const from = `${message.from.name} <${message.from.email}>`;
      desk.customerWrites(ticketOf(message), message.text, { from });
    },
    async arriveUnreadable() {
      desk.customerWrites(desk.open("A broken one").id, "", { body: { of: ["another", "shape"] } });
    },
    webhook: { body: payload, sign: (body) => rawRequest({ body, headers: desk.signed(body) }) },
    found: async () =>
      [...desk.drafts.values()].map(({ id, new_article: { body } }) => ({
        id: String(id),
        text: htmlToPlain(String(body)),
      })),
    async edit({ id }, text) {
      const draft = [...desk.drafts.values()].find((one) => String(one.id) === id);
      if (draft) desk.agentSavesDraft(draft.ticket_id, text);
    },
    answer: async (message, text) => void desk.agentWrites(ticketOf(message), text),
    snapshot: async () => JSON.stringify([[...desk.tickets], desk.articles]),
    async close() {
      violations.push(...desk.violations);
      await desk.close();
    },
  };
}

const world: World = {
  spec: zammad,
  start,
  badConfigs: [{ url: "ftp://help.example.com", token: "x" }, { url: "https://help.example.com" }],
  exempt: {
    "push: a webhook that is too old, or from the future, is refused":
      "Zammad's webhooks carry no time; an article that comes again has an id that is known",
  },
};

describeConnector(world, { test });

afterAll(() => expect(violations).toEqual([]));
