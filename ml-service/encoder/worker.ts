/** The thread in which the encoder computes: onnxruntime blocks whatever thread it runs in. */
import { parentPort, workerData } from "node:worker_threads";
import { EncoderConfigError } from "./config-error.ts";
import type { RowBatch } from "./row-batch.ts";
import { openSession, type SessionFacts, type SessionOptions } from "./session.ts";

/** Sent by the hub's thread: a batch, or the order to end. */
export type ToWorker = { readonly id: number; readonly batch: RowBatch } | "close";

/** Sent back: first whether the model opened, then an answer to each batch. */
export type FromWorker =
  | { readonly opened: SessionFacts }
  | { readonly refused: string; readonly isConfig: boolean }
  | { readonly id: number; readonly vectors: Float32Array<ArrayBuffer> }
  | { readonly id: number; readonly error: string };

const port = parentPort;
if (port) {
  const send = (message: FromWorker, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  try {
    const { run, close, ...facts } = await openSession(workerData as SessionOptions);
    port.on("message", async (message: ToWorker) => {
      if (message === "close") {
        await close();
        port.close();
        return;
      }
      const { id, batch } = message;
      try {
        const vectors = await run(batch);
        send({ id, vectors }, [vectors.buffer]);
      } catch (error) {
        send({ id, error: messageOf(error) });
      }
    });
    send({ opened: facts });
  } catch (error) {
    send({ refused: messageOf(error), isConfig: error instanceof EncoderConfigError });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
