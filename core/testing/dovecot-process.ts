/** Dovecot's process: how it is started, told when it is ready, stopped and killed, and what a killed test run left of it. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { isAlive, textOrUndefined } from "../store/postgres-folder.ts";

/** The name of its configuration, by which a process is known as ours. */
const configFile = "dovecot.conf";

export interface DovecotProcess {
  /** Ends it and waits for the end. */
  stop(): Promise<void>;
  /** Ends it and all processes of its own at once, as `kill -9` does. */
  kill(): Promise<void>;
}

/** Starts `dovecot -F` on the configuration in `dir`; resolves when `port` answers. An error shows the log's end. */
export async function spawnDovecot(program: string, dir: string, port: number): Promise<DovecotProcess> {
  // After a kill the sockets lie there still, and Dovecot takes them for those of one that runs.
  await rm(join(dir, "run"), { recursive: true, force: true });
  const log = openSync(join(dir, "dovecot.log"), "a");
  // A process group of its own: its children end with it, and Ctrl-C reaches the tests alone.
  const child = spawn(program, ["-F", "-c", join(dir, configFile)], {
    detached: true,
    stdio: ["ignore", log, log],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
  });
  closeSync(log);
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const onExit = () => signalGroup(child.pid, "SIGKILL");
  process.once("exit", onExit);
  void ended.then(() => process.off("exit", onExit));
  await untilReady(child, dir, port);
  const end = async (signal: NodeJS.Signals) => {
    if (signal === "SIGTERM") child.kill(signal);
    else signalGroup(child.pid, signal);
    await Promise.race([ended, sleep(5_000, undefined, { ref: false })]);
    signalGroup(child.pid, "SIGKILL");
    await ended;
    // Its children hold the port a moment longer.
    for (const deadline = Date.now() + 5_000; Date.now() < deadline && (await connects(port)); )
      await sleep(5);
  };
  return { stop: () => end("SIGTERM"), kill: () => end("SIGKILL") };
}

async function untilReady(child: ChildProcess, dir: string, port: number): Promise<void> {
  let failure: string | undefined;
  child.once("error", (error) => {
    failure = error.message;
  });
  for (const deadline = Date.now() + 10_000; ; await sleep(20)) {
    if (child.exitCode !== null || child.signalCode !== null) failure ??= "it ended";
    if (failure === undefined && (await answers(port))) return;
    if (failure === undefined && Date.now() < deadline) continue;
    signalGroup(child.pid, "SIGKILL");
    const log = (await textOrUndefined(join(dir, "dovecot.log"))) ?? "";
    throw new Error(`Dovecot did not start: ${failure ?? "no answer within 10 s"}\n${log.slice(-2_000)}`);
  }
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** Whether the greeting of an IMAP server comes. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const done = (ready: boolean) => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(2_000, () => done(false));
    socket.once("data", () => done(true)).once("error", () => done(false));
    socket.once("close", () => resolve(false));
  });
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  // Without a process there is nothing to end, and 0 would be our own group.
  if (pid === undefined || pid <= 0) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Ends the Dovecot that a killed test run has left running on the configuration in `dir`, if there is one. */
export async function stopAbandonedDovecot(dir: string): Promise<void> {
  const pid = Number.parseInt((await textOrUndefined(join(dir, "run/master.pid"))) ?? "", 10);
  if (!(pid > 0) || !isAlive(pid)) return;
  const { stdout } = await promisify(execFile)("ps", ["-o", "command=", "-p", String(pid)]);
  if (!stdout.includes(join(dir, configFile))) return;
  signalGroup(pid, "SIGKILL");
}
