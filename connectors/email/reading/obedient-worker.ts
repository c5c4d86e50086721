/** A worker for tests that does what the mail tells it to: it shows that the reader bears any of it. */
import { parentPort } from "node:worker_threads";
import { parseMail } from "./parse-mail.ts";
import type { ReadRequest } from "./worker.ts";

const hoard: unknown[] = [];

parentPort?.on("message", async ({ raw, maxFiles }: ReadRequest) => {
  const mail = await parseMail(raw, maxFiles);
  if (mail.text === "hang") for (;;) hoard.length = 0;
  if (mail.text === "memory") for (;;) hoard.push({ kept: hoard.length });
  if (mail.text === "buffers") hoard.push(Buffer.alloc(300_000_000, 1));
  if (mail.text === "throw")
    setImmediate(() => {
      throw new Error("the worker was told to throw");
    });
  else if (mail.text === "exit") process.exit(1);
  else parentPort?.postMessage({ result: { mail } });
});
parentPort?.postMessage({ ready: true });
