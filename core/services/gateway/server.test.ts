import { Agent, request } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { type HttpServer, listen } from "./server.ts";

async function makeServer() {
  const waiting: Array<() => void> = [];
  let asked = 0;
  const server: HttpServer = await listen(
    (incoming, response) => {
      asked++;
      incoming.resume();
      waiting.push(() => response.end("done"));
    },
    { host: "127.0.0.1", port: 0, maxBodyBytes: 1_000 },
  );
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  /** Over one connection that is kept. @returns what the answer says of the connection */
  const ask = () =>
    new Promise<string | undefined>((resolve, reject) => {
      const sent = request({ port: server.address.port, agent }, (response) => {
        response.resume().once("end", () => resolve(response.headers.connection));
      });
      sent.once("error", reject).end();
    });
  const answer = async () => {
    await expect.poll(() => waiting.length, { timeout: 10_000, interval: 5 }).toBeGreaterThan(0);
    waiting.shift()?.();
  };
  return { server, ask, answer, asked: () => asked };
}

test("a server that closes answers what is under way, and keeps no connection after it", async () => {
  const { server, ask, answer, asked } = await makeServer();
  const first = ask();
  await answer();
  expect(await first).toBe("keep-alive");
  const second = ask();
  await expect.poll(asked, { timeout: 10_000, interval: 5 }).toBe(2);
  const began = performance.now();
  const closing = server.close();
  await answer();
  await second;
  await closing;
  // Not after the time for which an idle connection is kept otherwise.
  expect(performance.now() - began).toBeLessThan(3_000);
  await expect(ask()).rejects.toThrow();
});

test("a connection that is idle does not hold up the end", async () => {
  const { server, ask, answer, asked } = await makeServer();
  const only = ask();
  await answer();
  await only;
  expect(asked()).toBe(1);
  const began = performance.now();
  await server.close();
  expect(performance.now() - began).toBeLessThan(3_000);
});
