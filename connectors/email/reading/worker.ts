/** The worker of `reader.ts`: reads one mail after the other and answers each with a mail or a reason. */
import { parentPort } from "node:worker_threads";
import type { ReadResult } from "../mail.ts";
import { parseMail } from "./parse-mail.ts";

/** One mail to read. */
export interface ReadRequest {
  readonly raw: Uint8Array;
  readonly maxFiles: number;
}

/** `ready` comes once, after the start. */
export type WorkerAnswer = { readonly ready: true } | { readonly result: ReadResult };

const port = parentPort;
if (!port) throw new Error("worker.ts is started by reader.ts, not by itself");

port.on("message", async ({ raw, maxFiles }: ReadRequest) => {
  const result = await read(raw, maxFiles);
  const contents = "mail" in result ? result.mail.files.map((file) => file.content.buffer) : [];
  port.postMessage({ result } satisfies WorkerAnswer, contents);
});
port.postMessage({ ready: true } satisfies WorkerAnswer);

async function read(raw: Uint8Array, maxFiles: number): Promise<ReadResult> {
  try {
    return { mail: await parseMail(raw, maxFiles) };
  } catch (error) {
    return {
      unreadable: `The mail could not be read: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}
