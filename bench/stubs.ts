/** The LLM and the helpdesk of a benchmark, in a process of their own. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { StubOrder, StubReport } from "./stub-server.ts";

const program = fileURLToPath(new URL("stub-server.ts", import.meta.url));

export interface Stubs {
  /** Of the helpdesk; the LLM's API is at /v1. */
  readonly url: string;
  /** @param ms how long the LLM takes for an answer */
  setLatency(ms: number): Promise<void>;
  /** How many messages whose ids begin with the prefix have a note. */
  count(prefix: string): Promise<number>;
  /** What was asked about the messages whose ids begin with the prefix. */
  report(prefix: string): Promise<StubReport>;
  stop(): Promise<void>;
}

export async function startStubs(): Promise<Stubs> {
  const child = fork(program, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const [port] = (await once(child, "message")) as [number];
  // Answers come in the order of the orders, and one at a time is enough.
  let last: Promise<unknown> = Promise.resolve();
  const order = <T>(what: StubOrder): Promise<T> => {
    const answered = last.then(async () => {
      child.send(what);
      const [answer] = await once(child, "message");
      return answer as T;
    });
    last = answered;
    return answered;
  };
  return {
    url: `http://127.0.0.1:${port}`,
    setLatency: (latencyMs) => order({ latencyMs }),
    count: (count) => order({ count }),
    report: (report) => order({ report }),
    async stop() {
      const ended = once(child, "exit");
      child.disconnect();
      await ended;
    },
  };
}
