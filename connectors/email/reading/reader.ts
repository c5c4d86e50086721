/** Reads raw mails in a worker that can be ended: a hostile mail costs its own time and memory, and nobody else's. */
import { Worker } from "node:worker_threads";
import { ConnectorError } from "../../../plugins/contract/errors.ts";
import type { ReadLimits, ReadResult } from "../mail.ts";
import type { ReadRequest, WorkerAnswer } from "./worker.ts";

/** Reads mails, one after the other. */
export interface MailReader {
  /**
   * What became of the raw bytes; never rejects because of the mail. Rejects with a `transient` ConnectorError where the
   * worker cannot be started or the reader is closed. The bytes are copied.
   */
  read(raw: Uint8Array): Promise<ReadResult>;
  /** Ends the worker; mails that wait are rejected. */
  close(): Promise<void>;
}

/** Starting costs about 0.2 s, far more on a busy machine. */
const startTimeoutMs = 30_000;

/** How the worker runs; changed by tests alone. */
export interface ReaderTuning {
  /** MB of JavaScript heap; the bytes of mail and files lie outside of it and are bounded by `maxBytes`. */
  readonly heapMb: number;
  /** Milliseconds without a mail after which the worker is ended. */
  readonly idleMs: number;
  readonly worker: URL;
}

const usual: ReaderTuning = { heapMb: 128, idleMs: 10_000, worker: new URL("./worker.ts", import.meta.url) };

interface Waiting {
  readonly raw: Uint8Array;
  readonly resolve: (result: ReadResult) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A reader of raw mails. Its worker is started for the first mail, ended when idle for ten seconds, and replaced when a
 * mail overstrains it. It keeps the process alive only while a mail is being read.
 */
export function createMailReader(limits: ReadLimits, tuning: Partial<ReaderTuning> = {}): MailReader {
  const { heapMb, idleMs, worker: workerFile } = { ...usual, ...tuning };
  const waiting: Waiting[] = [];
  let worker: Worker | null = null;
  let ready = false;
  let current: Waiting | null = null;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  function start(): Worker {
    const started = new Worker(workerFile, {
      // Young objects get room: with less, a text of 30 MB takes three times as long for collecting them.
      resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: 48, stackSizeMb: 4 },
      // Neither the flags of the process, which a worker may refuse, nor its secrets.
      execArgv: [],
      env: {},
    });
    let fault: Error | null = null;
    started.on("message", (answer: WorkerAnswer) => {
      if (worker !== started) return;
      if ("ready" in answer) ready = true;
      else finish(answer.result);
      next();
    });
    started.on("error", (error: Error) => {
      fault = error;
    });
    started.on("exit", () => {
      if (worker === started) lost(fault);
    });
    return started;
  }

  function next(): void {
    clearTimeout(timer);
    if (closed) return;
    if (!worker) {
      if (waiting.length === 0) return;
      worker = start();
      timer = setTimeout(() => failStart(new Error(`not ready after ${startTimeoutMs} ms`)), startTimeoutMs);
    } else if (ready && !current) {
      current = waiting.shift() ?? null;
      if (!current) {
        rest();
        return;
      }
      worker.ref();
      worker.postMessage({ raw: current.raw, maxFiles: limits.maxFiles } satisfies ReadRequest);
    }
    if (current)
      timer = setTimeout(
        () => giveUp(`It took longer to read than ${limits.timeoutMs} ms.`),
        limits.timeoutMs,
      );
  }

  /** Nothing to do: the worker stays a while, without holding the process. */
  function rest(): void {
    worker?.unref();
    timer = setTimeout(stop, idleMs);
    timer.unref();
  }

  function finish(result: ReadResult): void {
    current?.resolve(result);
    current = null;
  }

  /** Ends the worker together with the mail it reads; the next one gets a new worker. */
  function giveUp(reason: string): void {
    finish({ unreadable: reason });
    void stop();
    next();
  }

  function lost(fault: Error | null): void {
    worker = null;
    if (!ready) {
      failStart(fault ?? new Error("the worker ended at once"));
      return;
    }
    ready = false;
    const memory = fault !== null && "code" in fault && fault.code === "ERR_WORKER_OUT_OF_MEMORY";
    finish({
      unreadable: memory
        ? `It needs more memory to read than ${heapMb} MB.`
        : `It made the reader fail: ${fault?.message ?? "the worker ended"}`,
    });
    next();
  }

  function failStart(cause: Error): void {
    void stop();
    for (const mail of waiting.splice(0)) {
      mail.reject(
        new ConnectorError("transient", "The worker that reads mails could not be started", { cause }),
      );
    }
  }

  async function stop(): Promise<void> {
    clearTimeout(timer);
    const ended = worker;
    worker = null;
    ready = false;
    await ended?.terminate();
  }

  return {
    read(raw) {
      if (closed) return Promise.reject(closedError());
      if (raw.byteLength === 0) return Promise.resolve({ unreadable: "The mail is empty." });
      if (raw.byteLength > limits.maxBytes) return Promise.resolve({ unreadable: tooLarge(raw.byteLength) });
      return new Promise((resolve, reject) => {
        waiting.push({ raw, resolve, reject });
        if (!worker || (ready && !current)) next();
      });
    },
    async close() {
      closed = true;
      for (const mail of [...(current ? [current] : []), ...waiting.splice(0)]) mail.reject(closedError());
      current = null;
      await stop();
    },
  };

  function tooLarge(bytes: number): string {
    return `The mail has ${bytes} bytes; mails of at most ${limits.maxBytes} bytes are read (limit maxBytes).`;
  }
}

function closedError(): ConnectorError {
  return new ConnectorError("transient", "The mail reader was closed before the mail was read");
}
