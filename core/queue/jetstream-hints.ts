/** Tells the other nodes at once which companies have work: only a hint, what is lost is found by looking. */
import { randomBytes } from "node:crypto";
import type { NatsConnection } from "nats";
import { type Step, steps } from "./queue.ts";

export interface HintParts {
  connection: NatsConnection;
  subject: string;
  /** Of the stream as this node knows it. */
  generation(): string;
  /** A company has work. */
  onHint(step: Step, company: string): void;
  /** Another node knows another stream. */
  onOtherGeneration(): void;
}

interface Hint {
  from: string;
  generation: string;
  work: Partial<Record<Step, string[]>>;
}

export type Hints = ReturnType<typeof createHints>;

/** Milliseconds between two hints: those between are sent as one. */
const everyMs = 2;

export function createHints({ connection, subject, generation, onHint, onOtherGeneration }: HintParts) {
  const from = randomBytes(6).toString("hex");
  let pending: Partial<Record<Step, Set<string>>> = {};
  let planned: { cancel(): void } | undefined;
  let sentAt = 0;
  const subscription = connection.subscribe(subject, {
    callback: (error, message) => {
      if (error) return;
      const hint = message.json<Hint>();
      if (hint.from === from) return;
      if (hint.generation !== generation()) return onOtherGeneration();
      for (const step of steps) for (const company of hint.work[step] ?? []) onHint(step, company);
    },
  });
  const send = () => {
    planned = undefined;
    sentAt = performance.now();
    const work: Hint["work"] = {};
    for (const step of steps) {
      const companies = pending[step];
      if (!companies) continue;
      work[step] = [...companies];
      // This node's own consumer needs no message.
      for (const company of companies) onHint(step, company);
    }
    pending = {};
    if (connection.isClosed()) return;
    connection.publish(subject, JSON.stringify({ from, generation: generation(), work } satisfies Hint));
  };
  const plan = () => {
    if (performance.now() - sentAt >= everyMs) {
      const immediate = setImmediate(send);
      return { cancel: () => clearImmediate(immediate) };
    }
    const timer = setTimeout(send, everyMs);
    return { cancel: () => clearTimeout(timer) };
  };
  return {
    add(step: Step, company: string) {
      pending[step] ??= new Set();
      pending[step].add(company);
      planned ??= plan();
    },
    close() {
      planned?.cancel();
      if (!connection.isClosed()) subscription.unsubscribe();
    },
  };
}
