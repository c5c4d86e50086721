/** Publishes to JetStream, many at once, in bounded time and memory. */
import { createInbox, type Msg, type NatsConnection } from "nats";

/** What became of an item. `lost`: nobody knows. */
export type Published = "stored" | "waits already" | "no room" | "lost";

export interface Publisher {
  /** Never rejects. Resolves with `lost` within the time limit where the server does not answer. */
  publish(subject: string, settled: (outcome: Published) => void): Promise<void>;
  /** All that is under way is lost, and so is at once what comes until `resume`. */
  drop(): void;
  resume(): void;
  close(): void;
}

/** Publishes under way at once. */
const window = 256;
/** "maximum messages exceeded" and "maximum messages per subject exceeded" share it. */
const storeFailed = 10_077;

interface Request {
  startedAt: number;
  settled: (outcome: Published) => void;
}

/** @param timeoutMs milliseconds within which the server has to answer */
export function createPublisher(connection: NatsConnection, timeoutMs: number): Publisher {
  const inbox = createInbox();
  const requests = new Map<number, Request>();
  let slots: Array<() => void> = [];
  let count = 0;
  let open = true;
  const settle = (id: number, outcome: Published) => {
    const request = requests.get(id);
    if (!request) return;
    requests.delete(id);
    slots.shift()?.();
    request.settled(outcome);
  };
  const subscription = connection.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      if (!error) settle(Number(message.subject.slice(inbox.length + 1)), read(message));
    },
  });
  const dropOlderThan = (startedAt: number) => {
    for (const [id, request] of requests) {
      if (request.startedAt > startedAt) break;
      settle(id, "lost");
    }
  };
  const timer = setInterval(() => dropOlderThan(performance.now() - timeoutMs), timeoutMs / 4);
  return {
    async publish(subject, settled) {
      while (open && requests.size >= window) await new Promise<void>((resolve) => slots.push(resolve));
      if (!open) return settled("lost");
      const id = ++count;
      requests.set(id, { startedAt: performance.now(), settled });
      try {
        connection.publish(subject, undefined, { reply: `${inbox}.${id}` });
      } catch {
        settle(id, "lost");
      }
    },
    resume() {
      open = true;
    },
    drop() {
      open = false;
      const waiting = slots;
      slots = [];
      dropOlderThan(Number.POSITIVE_INFINITY);
      for (const go of waiting) go();
    },
    close() {
      clearInterval(timer);
      this.drop();
      if (!connection.isClosed()) subscription.unsubscribe();
    },
  };
}

function read(message: Msg): Published {
  // No stream listens to the subject.
  if (message.headers?.code === 503) return "lost";
  const text = message.string();
  if (!text.includes('"error"')) return "stored";
  const { error } = JSON.parse(text) as { error?: { err_code?: number; description?: string } };
  if (error?.err_code !== storeFailed) return "lost";
  return error.description?.includes("per subject") ? "waits already" : "no room";
}
