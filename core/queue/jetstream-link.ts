/** Whether the queue's server can be relied on, and what was lost when it could not. */
import { Events, type JetStreamManager, type NatsConnection } from "nats";
import type { Log } from "../../plugins/contract/connector.ts";
import { sleep } from "../lib/abort.ts";
import { backoff } from "../lib/backoff.ts";
import {
  ensureStream,
  readStream,
  removeUnreachable,
  type StreamOptions,
  type StreamState,
} from "./jetstream-stream.ts";

export interface LinkParts {
  connection: NatsConnection | Promise<NatsConnection>;
  log: Log;
  stream: StreamOptions;
  /** Milliseconds within which the server has to answer. */
  timeoutMs: number;
  /** Called once, before all else. */
  onConnection(connection: NatsConnection): void;
  /** The stream is there. @param fresh it is not the one that was known */
  onOpen(fresh: boolean): void;
  /** From now on nothing is expected to arrive. */
  onAway(): void;
}

export interface Link {
  readonly available: boolean;
  readonly generation: string;
  readonly manager: JetStreamManager | undefined;
  /** Something may be lost: listeners are told as soon as the server can be relied on. */
  lost(): void;
  /** The server does not answer as it should. */
  trouble(reason: string): void;
  /** Looks at the stream; undefined where it is not what it was: then all is opened anew. */
  look(): Promise<StreamState | undefined>;
  onGap(listener: () => void): () => void;
  close(): void;
}

const patience = { firstMs: 100, maxMs: 5_000 };
/** Attempts, 10 to 20 s in all, after which a stream that does not answer is removed, to be made on another server. */
const hopelessAfter = 5;
/** A server without trouble for so long is as good as new. */
const calmMs = 30_000;

export function createLink(parts: LinkParts): Link {
  const { log, stream, timeoutMs } = parts;
  const closing = new AbortController();
  const listeners = new Set<() => void>();
  let manager: JetStreamManager | undefined;
  let known: StreamState | undefined;
  let connection: NatsConnection | undefined;
  let connected = false;
  let available = false;
  let opening = false;
  let awaySince = performance.now();
  let troubles = 0;
  let troubledAt = Number.NEGATIVE_INFINITY;
  /** What the last process was about to queue went with it. */
  let gap = true;

  const tell = () => {
    if (!available || !gap || listeners.size === 0) return;
    gap = false;
    for (const listener of [...listeners]) listener();
  };
  const setAway = () => {
    if (!available) return;
    available = false;
    awaySince = performance.now();
    parts.onAway();
  };
  const open = async () => {
    if (opening || closing.signal.aborted) return;
    opening = true;
    try {
      for (let failed = troubles; connected && !closing.signal.aborted; failed++) {
        if (failed > 0) await sleep(backoff(failed, patience), closing.signal);
        if (await tryToOpen(failed === troubles)) return;
        const attempts = failed - troubles + 1;
        if (attempts % hopelessAfter === 0) await removeHopeless();
      }
    } catch (error) {
      if (!closing.signal.aborted) throw error;
    } finally {
      opening = false;
    }
  };
  const removeHopeless = async () => {
    if (!manager || !connected) return;
    try {
      if (await removeUnreachable(manager, stream))
        log.warn("the stream does not answer; it is made on another server");
    } catch (error) {
      log.debug("no server of the queue answers", { error: (error as Error).message });
    }
  };
  const tryToOpen = async (first: boolean): Promise<boolean> => {
    try {
      manager ??= await connection?.jetstreamManager({ checkAPI: false, timeout: timeoutMs });
      if (!manager) return false;
      const state = await ensureStream(manager, stream);
      if (!connected || closing.signal.aborted) return true;
      const fresh = !sameAsKnown(state);
      // Whatever was to be done meanwhile may have gone elsewhere, or nowhere.
      if (fresh || performance.now() - awaySince > stream.ackWaitMs) gap = true;
      known = state;
      available = true;
      parts.onOpen(fresh);
      tell();
      return true;
    } catch (error) {
      if (first) log.warn("the queue's server is not ready", { error: (error as Error).message });
      return false;
    }
  };
  /** A stream whose server has lost its memory counts from the beginning. */
  const sameAsKnown = (state: StreamState) =>
    known?.generation === state.generation && state.lastSequence >= known.lastSequence;
  const trouble = (reason: string) => {
    if (!available) return;
    if (performance.now() - troubledAt > calmMs) troubles = 0;
    troubles++;
    troubledAt = performance.now();
    log.warn("the queue's server is in trouble", { reason });
    setAway();
    void open();
  };
  const watch = async (opened: NatsConnection) => {
    connection = opened;
    if (closing.signal.aborted) return;
    parts.onConnection(opened);
    connected = !opened.isClosed();
    void open();
    for await (const { type } of opened.status()) {
      if (type === Events.Disconnect) {
        connected = false;
        setAway();
      } else if (type === Events.Reconnect) {
        connected = true;
        void open();
      }
    }
    connected = false;
    setAway();
  };
  void Promise.resolve(parts.connection).then(watch, (error: Error) =>
    log.error("the queue stays away", { error: error.message }),
  );
  return {
    get available() {
      return available;
    },
    get generation() {
      return known?.generation ?? "";
    },
    get manager() {
      return manager;
    },
    lost() {
      gap = true;
    },
    trouble,
    async look() {
      if (!available || !manager) return undefined;
      try {
        const state = await readStream(manager, stream.name);
        if (!available) return undefined;
        if (!state || !sameAsKnown(state)) {
          trouble("the stream was lost");
          return undefined;
        }
        known = state;
        return state;
      } catch (error) {
        trouble((error as Error).message);
        return undefined;
      }
    },
    onGap(listener) {
      listeners.add(listener);
      tell();
      return () => listeners.delete(listener);
    },
    close() {
      closing.abort(new Error("the queue is closed"));
      listeners.clear();
      setAway();
    },
  };
}
