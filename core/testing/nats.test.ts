import { readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "nats";
import { expect, onTestFinished, test } from "vitest";
import { startNats, stopAbandonedNats } from "./nats.ts";
import { describeWith } from "./system-packages.ts";

async function makeNats() {
  const server = await startNats();
  onTestFinished(() => server.stop());
  return server;
}

const streamsOf = async (url: string): Promise<string[]> => {
  const connection = await connect({ servers: url });
  try {
    const manager = await connection.jetstreamManager();
    return (await manager.streams.list().next()).map(({ config }) => config.name);
  } finally {
    await connection.close();
  }
};

async function addStream(url: string, name: string): Promise<void> {
  const connection = await connect({ servers: url });
  const manager = await connection.jetstreamManager();
  await manager.streams.add({ name, subjects: [`${name}.*`] });
  await connection.close();
}

describeWith("nats", "the NATS server for tests", () => {
  test("keeps its port and its files over a kill, and forgets when it is wiped", async () => {
    const server = await makeNats();
    await addStream(server.url, "kept");
    await server.kill();
    await expect(connect({ servers: server.url, reconnect: false })).rejects.toThrow();
    await server.start();
    expect(await streamsOf(server.url)).toEqual(["kept"]);
    await server.shutDown();
    await server.wipe();
    await server.start();
    expect(await streamsOf(server.url)).toEqual([]);
  });

  test("answers nothing while it is frozen", async () => {
    const server = await makeNats();
    const connection = await connect({ servers: server.url });
    onTestFinished(() => connection.close());
    server.freeze();
    expect(await Promise.race([connection.rtt(), sleep(300, "nothing")])).toBe("nothing");
    server.thaw();
    await connection.rtt();
  });

  test("what a killed run has left is found by its folder, and nothing else is touched", async () => {
    const server = await makeNats();
    const other = await makeNats();
    await rename(join(other.dir, "nats.pid"), join(server.dir, "other.pid"));
    await stopAbandonedNats(other.dir);
    expect(await streamsOf(other.url)).toEqual([]);
    expect(await readdir(server.dir)).toContain("nats.pid");
    await stopAbandonedNats(server.dir);
    await expect
      .poll(() => connect({ servers: server.url, reconnect: false }).catch(() => "gone"))
      .toBe("gone");
  });
});
