/** The world of the reference connector, and of all the broken ones. */
import { createHmac, randomUUID } from "node:crypto";
import type { AnyConnector } from "../../contract/connector.ts";
import { rawRequest, type Side, type World } from "../world.ts";
import { startVendor } from "./vendor.ts";

const webhookSecret = "a-secret-of-the-webhooks";

async function start(): Promise<Side> {
  const vendor = await startVendor();
  const { comments, notes } = vendor;
  return {
    config: { url: vendor.url, token: vendor.token, webhookSecret },
    async arrive({ thread, subject, text, from }) {
      vendor.comment({ case: thread, title: subject, body: text, ...from });
    },
    async arriveUnreadable() {
      vendor.comment({ body: { of: ["another", "shape"] } });
    },
    webhook: {
      body({ key, thread, subject, text, from }) {
        const id = Number.parseInt(key.slice(1, 9), 16);
        const comment = { id, case: thread, title: subject, body: text, by: "customer", ...from };
        return new TextEncoder().encode(JSON.stringify({ ...comment, created: new Date().toISOString() }));
      },
      sign(body, at) {
        const [id, time] = [randomUUID(), String(Math.floor(at.getTime() / 1_000))];
        const hmac = createHmac("sha256", webhookSecret).update(`${id}.${time}.`).update(body).digest("hex");
        return rawRequest({ body, headers: { "x-id": id, "x-time": time, "x-signature": hmac } });
      },
    },
    found: async () => notes.map(({ id, text }) => ({ id: String(id), text })),
    async edit({ id }, text) {
      const note = notes.find((one) => String(one.id) === id);
      if (note) Object.assign(note, { text, edited: true });
    },
    async answer({ thread }, text) {
      vendor.comment({ case: thread, body: text, by: "staff", name: "Kim" });
    },
    sent: async () => vendor.replies.map(({ text }) => ({ text })),
    snapshot: async () => comments.length,
    close: () => vendor.close(),
  };
}

/** @param patience shorter than the default, since the other side is on the same machine */
export function referenceWorld(spec: AnyConnector): World {
  return { spec, start, patience: { arriveMs: 600, failMs: 600, promptMs: 400 } };
}
