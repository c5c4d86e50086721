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
        const sign = (over: Uint8Array) =>
          createHmac("sha256", webhookSecret).update(`${id}.${time}.`).update(over).digest("hex");
        // The second one covers the headers alone, and vouches for no body.
        const signatures = { "x-signature": sign(body), "x-light-signature": sign(new Uint8Array()) };
        return rawRequest({ body, headers: { "x-id": id, "x-time": time, ...signatures } });
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

/** Nothing here waits for a time-out of its own, so that a failure need not be waited for as long as elsewhere. */
export function referenceWorld(spec: AnyConnector): World {
  return { spec, start, patience: { failMs: 5_000 } };
}
