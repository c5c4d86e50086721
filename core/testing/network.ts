/** Networks for tests: hosts in namespaces of their own on a bridge, whose cables can be pulled. Linux, as root. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { isAlive } from "../store/postgres-folder.ts";

const run = promisify(execFile);
const ip = async (...args: string[]) => (await run("ip", args)).stdout;

/** The beginning of all names of a process: those of one that was killed are found by its id. */
const prefix = (pid: number) => `dw${pid}`;

export interface Network {
  /** This machine's address in it: what listens there is reached from all hosts. */
  readonly host: string;
  addressOf(name: string): string;
  /** What stands before a command that is to run on that host. */
  within(name: string): string[];
  /** Pulls the cable of a host: nothing comes through in either direction, and nobody is told. */
  cut(name: string): Promise<void>;
  rejoin(name: string): Promise<void>;
  remove(): Promise<void>;
}

/** Removes what test runs have left that were killed. */
async function removeAbandoned(): Promise<void> {
  const names = (await ip("netns", "list")).split("\n").map((line) => line.split(" ")[0] ?? "");
  const links = [...(await ip("-o", "link")).matchAll(/: (dw\d+)[:@]/g)].map(([, name = ""]) => name);
  const isAbandoned = (name: string) => {
    const pid = Number(/^dw(\d+)/.exec(name)?.[1]);
    return pid > 0 && !isAlive(pid);
  };
  for (const name of names.filter(isAbandoned)) await ip("netns", "del", name);
  for (const name of links.filter(isAbandoned)) await ip("link", "del", name);
}

/** @param names of hosts */
export async function makeNetwork(names: readonly string[]): Promise<Network> {
  await removeAbandoned();
  const bridge = prefix(process.pid);
  // Another test run on this machine has another process id, and so most likely other addresses.
  const subnet = `10.${100 + (process.pid % 100)}.${(process.pid >> 7) % 250}`;
  const namespace = (name: string) => `${bridge}-${name}`;
  const cable = (name: string) => `${bridge}v${names.indexOf(name)}`;
  const addressOf = (name: string) => `${subnet}.${10 + names.indexOf(name)}`;
  const network: Network = {
    host: `${subnet}.1`,
    addressOf,
    within: (name) => ["ip", "netns", "exec", namespace(name)],
    cut: async (name) => void (await ip("link", "set", cable(name), "down")),
    rejoin: async (name) => void (await ip("link", "set", cable(name), "up")),
    async remove() {
      const existing = await ip("netns", "list");
      for (const name of names)
        if (existing.includes(namespace(name))) await ip("netns", "del", namespace(name));
      if ((await ip("-o", "link")).includes(`: ${bridge}:`)) await ip("link", "del", bridge);
    },
  };
  try {
    await ip("link", "add", bridge, "type", "bridge");
    await ip("addr", "add", `${network.host}/24`, "dev", bridge);
    await ip("link", "set", bridge, "up");
    for (const name of names) {
      const own = namespace(name);
      await ip("netns", "add", own);
      await ip("link", "add", cable(name), "type", "veth", "peer", "name", "eth0", "netns", own);
      await ip("link", "set", cable(name), "master", bridge, "up");
      await ip("-n", own, "addr", "add", `${addressOf(name)}/24`, "dev", "eth0");
      await ip("-n", own, "link", "set", "eth0", "up");
      await ip("-n", own, "link", "set", "lo", "up");
    }
  } catch (error) {
    await network.remove();
    throw error;
  }
  return network;
}
