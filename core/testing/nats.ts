/** A real nats-server for tests, with JetStream: its own folder and port, and faults on demand. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { isAlive, textOrUndefined } from "../store/postgres-folder.ts";
import { findProgram } from "./system-packages.ts";
import { makeTempFolder } from "./temp-folder.ts";

export interface NatsOptions {
  /** Default 127.0.0.1. */
  host?: string;
  /** Default: one that is free. It stays the same over restarts. */
  port?: number;
  /** More arguments of nats-server, such as `--user` and `--pass`. */
  args?: readonly string[];
}

export interface TestNats {
  readonly host: string;
  readonly port: number;
  /** `nats://host:port`. */
  readonly url: string;
  /** Its folder, with `nats.log` and JetStream's files. */
  readonly dir: string;
  /** Undefined while it does not run. */
  readonly pid: number | undefined;
  /** As `kill -9`; resolves when it is gone. What lay in memory is lost. */
  kill(): Promise<void>;
  /** Stops it as an administrator would. */
  shutDown(): Promise<void>;
  /** Removes what JetStream has stored. Only while it does not run. */
  wipe(): Promise<void>;
  /** Starts it again on the same port; resolves when it answers. */
  start(): Promise<void>;
  /** Holds it still, as a machine without breath does: connections stay open, nothing answers. */
  freeze(): void;
  thaw(): void;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** Starts a nats-server. Call it inside `describeWith("nats", …)`, and `stop` in the end. */
export async function startNats(options: NatsOptions = {}): Promise<TestNats> {
  const program = findProgram("nats");
  if (program === undefined) throw new Error("nats-server is missing: apt-get install nats-server");
  const dir = await makeTempFolder("nats");
  const host = options.host ?? "127.0.0.1";
  const launch = (port: number) => spawnNats(program, { dir, host, port, args: options.args ?? [] });
  let running: NatsProcess | undefined = await launch(options.port ?? -1).catch(async (error: unknown) => {
    await rm(dir, { recursive: true, force: true });
    throw error;
  });
  const { port } = running;
  const end = async (signal: NodeJS.Signals) => {
    await running?.end(signal);
    running = undefined;
  };
  return {
    host,
    port,
    url: `nats://${host}:${port}`,
    dir,
    get pid() {
      return running?.pid;
    },
    kill: () => end("SIGKILL"),
    shutDown: () => end("SIGTERM"),
    async wipe() {
      if (running) throw new Error("nats-server runs still");
      await rm(join(dir, "jetstream"), { recursive: true, force: true });
    },
    async start() {
      running ??= await launch(port);
    },
    freeze: () => signal(running?.pid, "SIGSTOP"),
    thaw: () => signal(running?.pid, "SIGCONT"),
    async stop() {
      await end("SIGKILL");
      await rm(dir, { recursive: true, force: true });
    },
  };
}

interface NatsProcess {
  readonly pid: number;
  readonly port: number;
  end(signal: NodeJS.Signals): Promise<void>;
}

interface Launch {
  dir: string;
  host: string;
  /** -1 for one that is free. */
  port: number;
  args: readonly string[];
}

async function spawnNats(program: string, { dir, host, port, args }: Launch): Promise<NatsProcess> {
  await removePortsFiles(dir);
  const log = openSync(join(dir, "nats.log"), "a");
  const store = join(dir, "jetstream");
  const own = ["-a", host, "-p", String(port), "-js", "-sd", store, "-P", join(dir, pidFile)];
  // A process group of its own, so that Ctrl-C reaches the tests alone.
  const child = spawn(program, [...own, "--ports_file_dir", dir, ...args], {
    detached: true,
    stdio: ["ignore", log, log],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
  });
  closeSync(log);
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const onExit = () => signal(child.pid, "SIGKILL");
  process.once("exit", onExit);
  void ended.then(() => process.off("exit", onExit));
  return {
    port: await untilReady(child, dir, host),
    pid: child.pid as number,
    async end(name) {
      // A process that is held still takes no other signal.
      signal(child.pid, "SIGCONT");
      signal(child.pid, name);
      await Promise.race([ended, sleep(5_000, undefined, { ref: false })]);
      signal(child.pid, "SIGKILL");
      await ended;
    },
  };
}

/** @returns its port */
async function untilReady(child: ChildProcess, dir: string, host: string): Promise<number> {
  let failure: string | undefined;
  child.once("error", (error) => {
    failure = error.message;
  });
  for (const deadline = Date.now() + 20_000; ; await sleep(10)) {
    if (child.exitCode !== null || child.signalCode !== null) failure ??= "it ended";
    const port = failure === undefined ? await portOf(dir) : undefined;
    if (port !== undefined && (await answers(host, port))) return port;
    if (failure === undefined && Date.now() < deadline) continue;
    signal(child.pid, "SIGKILL");
    const log = (await textOrUndefined(join(dir, "nats.log"))) ?? "";
    throw new Error(`nats-server did not start: ${failure ?? "no answer within 20 s"}\n${log.slice(-2_000)}`);
  }
}

/** The port that the server has written down, or undefined where it has not yet. */
async function portOf(dir: string): Promise<number | undefined> {
  const name = (await readdir(dir)).find((file) => file.endsWith(".ports"));
  if (name === undefined) return undefined;
  try {
    const { nats } = JSON.parse(await readFile(join(dir, name), "utf8")) as { nats?: string[] };
    const port = Number(new URL(nats?.[0] ?? "").port);
    return port > 0 ? port : undefined;
  } catch {
    // It is being written.
    return undefined;
  }
}

/** Those of a server that was killed name a port too. */
async function removePortsFiles(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (name.endsWith(".ports")) await rm(join(dir, name), { force: true });
  }
}

/** Whether a greeting comes that says that JetStream is there. */
function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    let greeting = "";
    const done = (ready: boolean) => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(2_000, () => done(false));
    socket.on("data", (data) => {
      greeting += data.toString("latin1");
      if (greeting.includes("\r\n")) done(greeting.includes('"jetstream":true'));
    });
    socket.once("error", () => done(false));
    socket.once("close", () => resolve(false));
  });
}

function signal(pid: number | undefined, name: NodeJS.Signals): void {
  // Without a process there is nothing to signal, and 0 would be our own group.
  if (pid === undefined || pid <= 0) return;
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

const pidFile = "nats.pid";

/** Ends the nats-server that a killed test run has left running on the folder, if there is one. */
export async function stopAbandonedNats(dir: string): Promise<void> {
  const pid = Number.parseInt((await textOrUndefined(join(dir, pidFile))) ?? "", 10);
  if (!(pid > 0) || !isAlive(pid)) return;
  const { stdout } = await promisify(execFile)("ps", ["-o", "command=", "-p", String(pid)]);
  if (!stdout.includes(join(dir, pidFile))) return;
  signal(pid, "SIGKILL");
}
