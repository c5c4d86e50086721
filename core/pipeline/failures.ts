/** What happens to a message after a failed attempt, by the error's kind. */
import { ConnectorError, describeError, kindOf } from "../../plugins/contract/errors.ts";
import { backoff } from "../lib/backoff.ts";
import type { Step } from "../queue/queue.ts";
import type { Failure } from "../store/progress.ts";

/** A part of our own is away (no ml node, say): that says nothing of the message, so the attempt does not count. */
export class Unavailable extends Error {
  constructor(what: string, cause?: unknown) {
    super(`${what} is not available`, { cause });
    this.name = "Unavailable";
  }
}

export interface RetryPolicy {
  /** Attempts at one stage before a message is dead. */
  attempts: number;
  /** Milliseconds before the second attempt. */
  firstRetryMs: number;
}

/** The longest pause between two attempts, in milliseconds. */
const maxRetryMs = 15 * 60_000;
/** How long a message waits for credentials, configuration or a slow other side before it is dead, in milliseconds. */
const patienceMs = 3 * 24 * 3_600_000;
/** The pause while a person has to act, in milliseconds. */
const blockedRetryMs = 60_000;

/** The state that a decision is made from. */
export interface Attempted {
  id: string;
  /** Failed attempts before this one. */
  attempts: number;
  /** Milliseconds since the message was received. */
  ageMs: number;
}

/**
 * `permanent` ends at once. `transient` is tried again with back-off up to the policy's attempts. `auth`, `config` and
 * `rate_limited`, and parts of our own that are away, do not count as attempts: they end only by age.
 */
export function decide(step: Step, message: Attempted, error: unknown, policy: RetryPolicy): Failure {
  const kind = kindOf(error);
  const stored = { id: message.id, error: { kind, message: describeError(error).slice(0, 2_000), step } };
  const asked = error instanceof ConnectorError ? error.retryAfterMs : undefined;
  if (kind === "permanent") return { ...stored, retryInMs: null, counts: true };
  const next = backoff(message.attempts + 1, { firstMs: policy.firstRetryMs, maxMs: maxRetryMs });
  if (kind === "transient" && !(error instanceof Unavailable)) {
    const last = message.attempts + 1 >= policy.attempts;
    return { ...stored, retryInMs: last ? null : Math.max(next, asked ?? 0), counts: true };
  }
  if (message.ageMs > patienceMs) return { ...stored, retryInMs: null, counts: false };
  const pause = kind === "auth" || kind === "config" ? blockedRetryMs : next;
  return { ...stored, retryInMs: Math.max(pause, asked ?? 0), counts: false };
}
