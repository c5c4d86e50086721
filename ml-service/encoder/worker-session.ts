/** A model that runs in a thread of its own, seen from the hub's thread. */
import { Worker } from "node:worker_threads";
import { EncoderConfigError } from "./config-error.ts";
import type { RowBatch } from "./row-batch.ts";
import type { Session, SessionFacts, SessionOptions } from "./session.ts";
import type { FromWorker, ToWorker } from "./worker.ts";

/** Like `openSession`, and throws the same, but computes in a thread. A batch given to `run` must not be used any more. */
export async function openWorkerSession(options: SessionOptions): Promise<Session> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: options });
  const pending = new Map<number, PromiseWithResolvers<Float32Array<ArrayBuffer>>>();
  const opening = Promise.withResolvers<SessionFacts>();
  const ended = Promise.withResolvers<void>();
  let lost: Error | undefined;
  let lastId = 0;
  const lose = (cause?: unknown) => {
    lost ??= new Error("the encoder's thread has ended: restart the hub", { cause });
    opening.reject(lost);
    for (const { reject } of pending.values()) reject(lost);
    pending.clear();
  };
  worker.on("message", (message: FromWorker) => {
    if ("opened" in message) return opening.resolve(message.opened);
    if ("refused" in message) {
      const { refused, isConfig } = message;
      return opening.reject(isConfig ? new EncoderConfigError(refused) : new Error(refused));
    }
    const asked = pending.get(message.id);
    pending.delete(message.id);
    if ("vectors" in message) asked?.resolve(message.vectors);
    else asked?.reject(new Error(message.error));
  });
  worker.on("error", lose);
  worker.on("exit", () => {
    lose();
    ended.resolve();
  });
  const send = (message: ToWorker, transfer: ArrayBuffer[] = []) => worker.postMessage(message, transfer);
  const facts = await opening.promise;
  return {
    ...facts,
    async run(batch: RowBatch) {
      if (lost) throw lost;
      const id = ++lastId;
      const answer = Promise.withResolvers<Float32Array<ArrayBuffer>>();
      pending.set(id, answer);
      send({ id, batch }, [batch.ids.buffer, batch.lengths.buffer]);
      return answer.promise;
    },
    async close() {
      send("close");
      await ended.promise;
    },
  };
}
