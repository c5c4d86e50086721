/** Rules of `serve`: pages, scripts and reads under the connector's own address. */
import { validateHeaderName, validateHeaderValue } from "node:http";
import { describeError } from "../../contract/errors.ts";
import { secretsOf } from "../journal.ts";
import { ensure, type Rule } from "../rule.ts";
import { endsWithin, thrownBy } from "../waiting.ts";
import { rawRequest } from "../world.ts";

const paths = [
  "/",
  "//",
  "/..",
  "/../../../../etc/passwd",
  "/%2e%2e/%2e%2e/etc/passwd",
  "/%00",
  "/\u0000",
  "/%E0%A4%A",
  "/__proto__",
  "/constructor",
  "/toString",
  `/${"a".repeat(20_000)}`,
  "/<script>alert(1)</script>",
  "/a\r\nset-cookie: b=c",
];
const methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND", ""];
const headers = {
  authorization: "Bearer \u0000..",
  origin: "null",
  "if-none-match": "*",
  range: "bytes=9-1",
  cookie: ";;=",
};

export const serveRules: Rule[] = [
  {
    name: "serve: strange requests are answered or passed on, never thrown at",
    covers: "serve",
    async run({ world, host, patience }) {
      const client = await host.client();
      for (const path of paths) {
        for (const method of methods) {
          const body = new TextEncoder().encode("{");
          const query = new URLSearchParams([
            ["after", "\u0000"],
            ["after", "x".repeat(5_000)],
            ["__proto__", "1"],
          ]);
          const request = rawRequest({
            method,
            path,
            headers,
            body,
            query,
            url: "https://hub.example/connect/acme/desk/",
          });
          const what = `${method || "no method"} ${JSON.stringify(path.slice(0, 40))}`;
          const handling = (async () => world.spec.serve?.handle(client, request))();
          ensure(
            await endsWithin(handling, patience.promptMs),
            `${what} takes longer than ${patience.promptMs} ms`,
          );
          const error = await thrownBy(() => handling);
          ensure(error === undefined, `${what} makes it throw: ${describeError(error)}`);
          const reply = await handling;
          if (!reply) continue;
          ensure(
            reply.status >= 200 && reply.status <= 599,
            `${what} is answered with the status ${reply.status}`,
          );
          for (const [name, value] of Object.entries(reply.headers ?? {})) {
            validateHeaderName(name);
            validateHeaderValue(name, value);
          }
        }
      }
    },
  },
  {
    name: "serve: no answer shows a secret, or a file of the machine",
    covers: "serve",
    async run({ world, host }) {
      const client = await host.client();
      const secrets = secretsOf(host.config);
      for (const path of [...paths, "/config", "/config.json", "/.env", "/index.ts", "/index.html"]) {
        const handling = (async () =>
          world.spec.serve?.handle(client, rawRequest({ method: "GET", path })))();
        // That it throws is another rule's affair.
        if (await thrownBy(() => handling)) continue;
        const reply = await handling;
        const text = `${JSON.stringify(reply?.headers)}${Buffer.from(reply?.body ?? "").toString("utf8")}`;
        ensure(!secrets.some((secret) => text.includes(secret)), `${path} shows a secret`);
        ensure(!/^root:.*:0:0:/m.test(text), `${path} shows a file of the machine`);
      }
    },
  },
];
