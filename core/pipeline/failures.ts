/** What happens to a message after a failed attempt, by the error's kind. */
import { describeError, isConnectorError, kindOf } from "../../plugins/contract/errors.ts";
import { backoff } from "../lib/backoff.ts";
import { storable } from "../lib/text.ts";
import { Unavailable } from "../lib/unavailable.ts";
import type { Step } from "../queue/queue.ts";
import type { Failure } from "../store/progress.ts";

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

/** The longest pause while a part of our own or the other side is away for long, in milliseconds. */
const awayRetryMs = 15_000;
/** The longest pause that the other side may ask for, in milliseconds. */
const maxAskedMs = 3_600_000;

/** The state that a decision is made from. */
export interface Attempted {
  id: string;
  /** Failed attempts before this one. */
  attempts: number;
  /** Milliseconds since the message was received. */
  ageMs: number;
}

/** What the other side asked for, within reason: a plugin may hand over any number. */
function askedMs(error: unknown): number {
  const asked = isConnectorError(error) || error instanceof Unavailable ? (error.retryAfterMs ?? 0) : 0;
  return asked > 0 ? Math.min(asked, maxAskedMs) : 0;
}

/**
 * `permanent` ends at once. `transient` is tried again with back-off up to the policy's attempts. `auth`, `config` and
 * `rate_limited`, and parts of our own that are away, do not count as attempts: they end only by age, and are tried the
 * less often the longer they have waited.
 */
export function decide(step: Step, message: Attempted, error: unknown, policy: RetryPolicy): Failure {
  const kind = kindOf(error);
  const stored = { id: message.id, error: { kind, message: storable(describeError(error), 2_000), step } };
  if (kind === "permanent") return { ...stored, retryInMs: null, counts: true };
  const asked = askedMs(error);
  const next = backoff(message.attempts + 1, { firstMs: policy.firstRetryMs, maxMs: maxRetryMs });
  if (kind === "transient" && !(error instanceof Unavailable)) {
    const last = message.attempts + 1 >= policy.attempts;
    return { ...stored, retryInMs: last ? null : Math.max(next, asked), counts: true };
  }
  if (message.ageMs > patienceMs) return { ...stored, retryInMs: null, counts: false };
  const blocked = kind === "auth" || kind === "config";
  const away = backoff(1, { firstMs: message.ageMs / 4, maxMs: awayRetryMs });
  return { ...stored, retryInMs: Math.max(blocked ? blockedRetryMs : away, next, asked), counts: false };
}
