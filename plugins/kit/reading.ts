/** The reader of a source: page by page, again and again, as the core does it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { AnyConnector } from "../contract/connector.ts";
import { ConnectorError } from "../contract/errors.ts";
import type { Memory } from "./memory.ts";
import { endsWithin, untilAborted } from "./waiting.ts";

/** Milliseconds between two rounds: the core waits for two seconds. */
const pauseMs = 10;

export interface Reading {
  /** What `pages`, the opening before it, or a commit threw. */
  readonly errors: readonly unknown[];
  /** Pages that were committed. */
  readonly pages: number;
  /** How often `pages` came to its end by itself. */
  readonly rounds: number;
  /** Aborts. @returns whether what `pages` was doing came to its end within `ms` milliseconds */
  stop(ms: number): Promise<boolean>;
}

export interface Source {
  spec: AnyConnector;
  memory: Memory;
  client: unknown;
  /** Aborts when the connector is closed. */
  signal: AbortSignal;
}

/** @param failed is told of each error, before reading goes on */
export function startReading(
  source: () => Promise<Source>,
  failed: (error: unknown) => Promise<void>,
): Reading {
  const abort = new AbortController();
  const counts = { pages: 0, rounds: 0 };
  const errors: unknown[] = [];
  let settled: Promise<unknown> = Promise.resolve();

  const round = async () => {
    const { spec, memory, client, signal: open } = await untilAborted(source(), abort.signal);
    const signal = AbortSignal.any([abort.signal, open]);
    const from = memory.cursor === null ? null : readCursor(spec, memory.cursor);
    const iterator = spec.pull?.pages(client, from, signal)[Symbol.asyncIterator]();
    if (!iterator) throw new ConnectorError("config", "the connector does not pull");
    let pending: Promise<unknown> = Promise.resolve();
    try {
      for (;;) {
        const next = iterator.next();
        pending = next;
        const { done, value } = await untilAborted(next, signal);
        if (done) return;
        memory.commitPage(value);
        counts.pages++;
      }
    } finally {
      // As in the core, not awaited: a generator that hangs in a call comes to its end only after that.
      settled = Promise.allSettled([pending, iterator.return?.()]);
    }
  };

  const loop = async () => {
    while (!abort.signal.aborted) {
      try {
        await round();
        counts.rounds++;
      } catch (error) {
        if (abort.signal.aborted) return;
        errors.push(error);
        await failed(error);
      }
      await sleep(pauseMs);
    }
  };
  const ended = loop();
  return {
    errors,
    get pages() {
      return counts.pages;
    },
    get rounds() {
      return counts.rounds;
    },
    stop(ms) {
      abort.abort(new ConnectorError("transient", "the source is no longer read"));
      return endsWithin(
        ended.then(() => settled),
        ms,
      );
    },
  };
}

function readCursor(spec: AnyConnector, saved: unknown): unknown {
  if (!spec.cursor) return saved;
  const parsed = spec.cursor.safeParse(saved);
  if (parsed.success) return parsed.data;
  throw new ConnectorError("config", "the saved cursor does not fit this version of the connector");
}
