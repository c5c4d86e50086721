import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";

const echo = createServer((socket) => socket.on("error", () => undefined).pipe(socket));
let proxy: FaultProxy;
beforeAll(async () => {
  await once(echo.listen(0, "127.0.0.1"), "listening");
  proxy = await startFaultProxy({ port: (echo.address() as { port: number }).port });
});
afterAll(async () => {
  await proxy.stop();
  echo.close();
});

async function open(): Promise<Socket> {
  const socket = connect(proxy.port, proxy.host);
  await once(socket, "connect");
  return socket;
}

async function ask(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const answer = once(socket, "data").then(([bytes]) => String(bytes));
  return Promise.race([
    answer,
    new Promise<string>((resolve) => setTimeout(() => resolve("(silence)"), 200)),
  ]);
}

test("forwards in both directions", async () => {
  const socket = await open();
  expect(await ask(socket, "hello")).toBe("hello");
  expect(proxy.connections()).toBe(1);
  socket.destroy();
});

test("cuts connections with a reset, and takes new ones", async () => {
  const socket = await open();
  expect(await ask(socket, "hello")).toBe("hello");
  proxy.cut();
  const [error] = await once(socket, "error");
  expect(error).toMatchObject({ code: "ECONNRESET" });
  const next = await open();
  expect(await ask(next, "again")).toBe("again");
  next.destroy();
});

test("refuses new connections and keeps open ones, until released", async () => {
  const socket = await open();
  await proxy.refuse();
  await expect(open()).rejects.toMatchObject({ code: "ECONNREFUSED" });
  expect(await ask(socket, "still")).toBe("still");
  await proxy.release();
  const next = await open();
  expect(await ask(next, "again")).toBe("again");
  socket.destroy();
  next.destroy();
});

test("holds connections: takes them and swallows every byte", async () => {
  const before = await open();
  expect(await ask(before, "hello")).toBe("hello");
  proxy.hold();
  const during = await open();
  expect(await Promise.all([ask(before, "a"), ask(during, "b")])).toEqual(["(silence)", "(silence)"]);
  const broken = [once(before, "error"), once(during, "error")];
  await proxy.release();
  await Promise.all(broken);
  const after = await open();
  expect(await ask(after, "c")).toBe("c");
  after.destroy();
});

test("breaks connections off in the middle of an answer, until released", async () => {
  proxy.breakOff(7);
  const socket = await open();
  expect(await ask(socket, "hello")).toBe("hello");
  const broken = once(socket, "error");
  expect(await ask(socket, "again")).toBe("ag");
  await broken;
  await proxy.release();
  const next = await open();
  expect(await ask(next, "hello again")).toBe("hello again");
  next.destroy();
});

test("loses the answer to a request that has arrived", async () => {
  let arrived = "";
  echo.once("connection", (socket) => socket.on("data", (bytes) => (arrived += bytes)));
  proxy.loseAnswers(/WRITE/, /^GO/);
  const socket = await open();
  expect(await ask(socket, "READ;")).toBe("READ;");
  const broken = once(socket, "error");
  socket.write("WRITE");
  expect((await broken)[0]).toMatchObject({ code: "ECONNRESET" });
  expect(arrived).toBe("READ;WRITE");
  await proxy.release();
});
