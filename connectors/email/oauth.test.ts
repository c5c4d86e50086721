import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createConnectorFetch } from "../../core/hosting/fetch.ts";
import { emailConfig } from "./config.ts";
import { refreshToken } from "./oauth.ts";

/** A token service that answers in turn, and keeps what it was asked. */
async function startService(answers: Array<[status: number, body: string]>) {
  const asked: URLSearchParams[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    asked.push(new URLSearchParams(body));
    const [status, text] = answers.shift() ?? [500, ""];
    response.writeHead(status, { "content-type": "application/json" }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { oauth } = emailConfig.parse({
    imap: { host: "imap.example.com" },
    user: "support@example.com",
    oauth: {
      tokenUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
      clientId: "client",
      clientSecret: "a client's secret",
      refreshToken: "first refresh",
      scope: "https://mail.google.com/",
    },
  });
  if (!oauth) throw new Error("no oauth in the config");
  const fetch = createConnectorFetch({ requests: 100, perMs: 1_000, concurrency: 4 });
  return {
    asked,
    ask: (last: Parameters<typeof refreshToken>[1] = null) => refreshToken(oauth, last, fetch),
  };
}

test("a token is asked for with the config's refresh token, then with the one that came last", async () => {
  const { asked, ask } = await startService([
    [200, JSON.stringify({ access_token: "a1", expires_in: 600, refresh_token: "second refresh" })],
    [200, JSON.stringify({ access_token: "a2" })],
  ]);
  const first = await ask();
  expect(first).toMatchObject({ accessToken: "a1", refreshToken: "second refresh" });
  expect(first.expiresAt.getTime() - Date.now()).toBeGreaterThan(590_000);
  expect(await ask(first)).toMatchObject({ accessToken: "a2" });
  expect(asked.map((form) => form.get("refresh_token"))).toEqual(["first refresh", "second refresh"]);
  expect(Object.fromEntries(asked[0] ?? [])).toMatchObject({
    grant_type: "refresh_token",
    client_id: "client",
    client_secret: "a client's secret",
    scope: "https://mail.google.com/",
  });
});

test("a refused refresh token needs a person, and the error says what to do and no secret", async () => {
  const { ask } = await startService([[400, JSON.stringify({ error: "invalid_grant" })]]);
  const error = await ask().catch((thrown) => thrown);
  expect(error).toMatchObject({ kind: "auth", message: expect.stringContaining("set oauth.refreshToken") });
  expect(JSON.stringify(error) + error.stack).not.toContain("first refresh");
});

test("a token service that is down, busy or talks nonsense is tried again later", async () => {
  const { asked, ask } = await startService([
    [503, ""],
    [429, ""],
    [200, "<html>"],
    [200, JSON.stringify({ expires_in: 5 })],
  ]);
  const kinds: unknown[] = [];
  for (let n = 0; n < 4; n++) kinds.push((await ask().catch((thrown) => thrown)).kind);
  expect(kinds).toEqual(["transient", "rate_limited", "transient", "transient"]);
  // Never by itself: a refresh token may be good for one use only.
  expect(asked).toHaveLength(4);
});
