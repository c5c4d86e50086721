/** Errors of connectors and of the core: the kind decides what the core does next. */

/** What the core does for each kind: see `docs/reference/errors.md`. */
export const errorKinds = {
  auth: "The credentials were refused. The connector is paused and an alert raised; messages wait.",
  config: "The configuration cannot work. The connector is not started until it is changed.",
  rate_limited: "The other side asks to slow down. Waits for `retryAfterMs`, then tries again.",
  transient: "It may work later (time-out, 5xx, connection lost). Tried again with back-off, up to a limit.",
  permanent: "It will never work for this item. The message becomes a dead letter with this error.",
} as const;

export type ErrorKind = keyof typeof errorKinds;

export interface FaultOptions {
  cause?: unknown;
  /** Milliseconds after which a retry makes sense (`rate_limited`, `transient`). */
  retryAfterMs?: number;
  /** The HTTP status of the answer that this error stands for. */
  status?: number;
}

/** The one error class of the contract. Throw it with a kind; anything else that is thrown counts as `transient`. */
export class ConnectorError extends Error {
  readonly kind: ErrorKind;
  readonly retryAfterMs: number | undefined;
  /** Set by `ctx.fetch` where the other side answered, so that a connector can tell 404 or 409 apart. */
  readonly status: number | undefined;
  constructor(kind: ErrorKind, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "ConnectorError";
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs;
    this.status = options.status;
  }
}

/**
 * Tells a ConnectorError from other errors by what it says of itself: a plugin that brings its own copy of the contract
 * has a class of its own.
 */
export function isConnectorError(error: unknown): error is ConnectorError {
  if (error instanceof ConnectorError) return true;
  if (!(error instanceof Error) || error.name !== "ConnectorError") return false;
  return Object.hasOwn(errorKinds, String((error as Partial<ConnectorError>).kind));
}

/** The kind of any thrown value; unknown ones are `transient`, so that nothing is given up because of a surprise. */
export function kindOf(error: unknown): ErrorKind {
  return isConnectorError(error) ? error.kind : "transient";
}

/** A message for people: the error's own and those of its causes, without stack traces. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  for (let e = error, depth = 0; e !== undefined && e !== null && depth < 5; depth++) {
    parts.push(e instanceof Error ? e.message : String(e));
    e = e instanceof Error ? e.cause : undefined;
  }
  return parts.filter((part, i) => part && part !== parts[i - 1]).join(": ");
}
