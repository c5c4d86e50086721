/** The conformance suite against the chat window: visitors post with a session, and nothing outside is called. */
import { randomUUID } from "node:crypto";
import { test } from "vitest";
import { describeConnector } from "../../plugins/kit/conformance.ts";
import { kitAddress, rawRequest, type World } from "../../plugins/kit/world.ts";
import { widgetConfig } from "./config.ts";
import { widget } from "./index.ts";
import { signSession } from "./session.ts";

const raw = { origins: ["https://shop.example"], sessionKey: "a-session-key-0123456789" };
const owner = { ...kitAddress, config: widgetConfig.parse(raw) };

const world: World = {
  spec: widget,
  badConfigs: [
    { ...raw, origins: [] },
    { ...raw, sessionKey: "short" },
  ],
  async start() {
    const exp = Math.floor(Date.now() / 1_000) + 3_600;
    const token = signSession(owner, { thread: "v-of-the-kit", exp, name: "Ada Berg" });
    const ids = new Map<string, string>();
    return {
      config: raw,
      snapshot: async () => null,
      webhook: {
        body({ key, text, files }) {
          const id = ids.get(key) ?? randomUUID();
          ids.set(key, id);
          const attachments = files.map(({ name, mediaType, content }) => {
            return { name, mediaType, content: Buffer.from(content).toString("base64") };
          });
          return new TextEncoder().encode(JSON.stringify({ id, text, attachments }));
        },
        sign: (body) =>
          rawRequest({
            path: "/messages",
            body,
            headers: {
              "content-type": "application/json",
              origin: "https://hub.example",
              authorization: `Bearer ${token}`,
            },
          }),
      },
      close: async () => undefined,
    };
  },
  exempt: {
    "push: a webhook whose body was changed on its way is refused":
      "a session vouches for the visitor, no signature for a post",
    "push: a webhook that is too old, or from the future, is refused":
      "a session has an end; a post has no time, and its id makes repeats harmless",
    "check says what is wrong where the credentials are refused": "it calls no other system",
    deliver: "drafts wait in the hub until the frame reads them: nothing outside is written to",
  },
};

describeConnector(world, { test });
