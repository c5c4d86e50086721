/** Runs long work in a thread of its own, so that those who wait for labels do not wait for it. */
import { Worker } from "node:worker_threads";

/**
 * Starts a thread for one job. It ends with what it does: work that is given up leaves nothing behind.
 * @param file the thread's module: it gets the job as `workerData`, and answers with one message
 * @throws what the thread throws, the signal's reason, or an Error where it ends without an answer
 */
export function runInThread<Result>(file: URL, job: unknown, signal?: AbortSignal): Promise<Result> {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const worker = new Worker(file, { workerData: job });
    const stop = () => {
      void worker.terminate();
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", stop, { once: true });
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", (code) => {
      signal?.removeEventListener("abort", stop);
      // After a message or an error this changes nothing.
      reject(new Error(`the thread that learns ended with ${code} and no result`));
    });
  });
}
