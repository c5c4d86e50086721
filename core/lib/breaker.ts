/** A circuit breaker: a system in trouble is not called, and calls come back to it little by little. */
import { createLine } from "./line.ts";
import { Unavailable } from "./unavailable.ts";

export type BreakerState = "closed" | "open" | "half-open";

/**
 * What a call's error says of the other side: nothing (`ignore`, such as our own stop), that it works (`works`: it
 * refused this one request), that it is in trouble, or that it wants to be left alone.
 */
export type Verdict = "ignore" | "works" | "trouble" | { aloneMs: number };

export interface BreakerOptions {
  /** Whom it guards, for errors, such as "the LLM". */
  what: string;
  /** Failures in a row that open it. */
  threshold: number;
  verdict(error: unknown): Verdict;
  /** Told of each change. @param openMs how long it stays open; 0 for other states */
  onChange?(state: BreakerState, openMs: number): void;
  /** Milliseconds. */
  now?(): number;
  random?(): number;
}

export interface Breaker {
  /**
   * Makes a call, at once or after a short wait for one that goes first.
   * @throws Unavailable, with when to ask again, where the call was not made; and where it was the one that looked whether
   *   the other side works again, since that it does not is no fault of this call
   */
  run<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Throws where `run` would refuse at once. */
  check(): void;
  readonly state: BreakerState;
}

/** How long it stays open, the first time and at most; each time is twice as long as the one before. In milliseconds. */
const openTimes = { firstMs: 1_000, maxMs: 30_000 };
/** Open times begin anew when it was closed for this long, in milliseconds. */
const calmMs = 60_000;
/** The longest that the other side may ask for, in milliseconds: somebody may have mended it meanwhile. */
const longestAloneMs = 300_000;
/** Milliseconds that a call waits for others before it is refused. */
const waitMs = 2_000;
/** Calls that may wait, at least. The rest is refused at once, so that nobody's places are held. */
const shortestLine = 16;
/** With fewer calls at once after it was open, one failure opens it again. */
const provenFrom = 4;
/** From here on the number of calls at once is left to the caller. */
const unlimitedFrom = 256;
/** Opens by the share of failures among about the last 20 results, where successes keep them from being in a row. */
const share = { weight: 1 / 20, most: 0.45 };

interface Call {
  isProbe: boolean;
  /** Calls that began before it last opened or closed say nothing any more. */
  spell: number;
}

export function createBreaker({
  what,
  threshold,
  verdict,
  onChange,
  now = () => performance.now(),
  random = Math.random,
}: BreakerOptions): Breaker {
  const line = createLine<Call>();
  let state: BreakerState = "closed";
  let spell = 0;
  let openUntil = 0;
  let closedAt = now();
  let openings = 0;
  let inFlight = 0;
  /** Calls at once; grows by one with each success after it was open, which doubles it from round to round. */
  let limit = Number.POSITIVE_INFINITY;
  let failuresInRow = 0;
  let failureShare = 0;
  /** The one call that goes out between a failure and the next success. */
  let doubted: Call | undefined;

  const become = (next: BreakerState, openMs = 0) => {
    state = next;
    spell++;
    inFlight = 0;
    failuresInRow = 0;
    failureShare = 0;
    doubted = undefined;
    onChange?.(next, openMs);
  };
  /** Spread out, so that those who were refused do not come back together. */
  const refusal = (cause?: unknown) => {
    const left = state === "open" ? Math.max(0, openUntil - now()) : 0;
    return new Unavailable(what, cause, Math.ceil(left + random() * Math.max(1_000, left / 2)));
  };
  const open = (aloneMs = 0) => {
    if (state === "closed" && now() - closedAt > calmMs) openings = 0;
    const full = Math.min(openTimes.maxMs, openTimes.firstMs * 2 ** Math.min(openings, 10));
    const openMs = Math.round(Math.max(full / 2 + (random() * full) / 2, Math.min(aloneMs, longestAloneMs)));
    openings++;
    openUntil = now() + openMs;
    become("open", openMs);
    line.refuse(refusal);
  };
  const look = (): BreakerState => {
    if (state === "open" && now() >= openUntil) {
      become("half-open");
      limit = 1;
    }
    return state;
  };
  const mayStart = () => look() !== "open" && inFlight < limit && (failuresInRow === 0 || !doubted);
  const start = (): Call => {
    const call = { isProbe: state === "half-open", spell };
    inFlight++;
    if (failuresInRow > 0) doubted = call;
    return call;
  };
  const works = () => {
    if (state === "half-open") {
      become("closed");
      closedAt = now();
    }
    failuresInRow = 0;
    failureShare *= 1 - share.weight;
    doubted = undefined;
    limit = limit + 1 >= unlimitedFrom ? Number.POSITIVE_INFINITY : limit + 1;
  };
  const fails = (aloneMs: number | null) => {
    failuresInRow++;
    failureShare = failureShare * (1 - share.weight) + share.weight;
    if (aloneMs !== null) open(aloneMs);
    else if (state === "half-open" || limit < provenFrom) open();
    else if (failuresInRow >= threshold || failureShare >= share.most) open();
    else if (Number.isFinite(limit)) limit = Math.ceil(limit / 2);
  };
  const end = (call: Call, found: Verdict) => {
    if (call.spell !== spell) return;
    inFlight--;
    if (doubted === call) doubted = undefined;
    if (found === "works") works();
    else if (found === "trouble") fails(null);
    else if (found !== "ignore") fails(found.aloneMs);
    while (line.length > 0 && mayStart()) line.next(start());
  };
  const check = () => {
    if (look() === "open") throw refusal();
  };
  const enter = (signal: AbortSignal | undefined): Call | Promise<Call> => {
    check();
    if (line.length === 0 && mayStart()) return start();
    if (line.length >= Math.max(shortestLine, Number.isFinite(limit) ? limit * 2 : 0)) throw refusal();
    return line.wait(waitMs, refusal, signal);
  };

  return {
    check,
    get state() {
      return look();
    },
    async run(work, signal) {
      const entered = enter(signal);
      const call = entered instanceof Promise ? await entered : entered;
      try {
        const result = await work();
        end(call, "works");
        return result;
      } catch (error) {
        const found = verdict(error);
        end(call, found);
        if (call.isProbe && found !== "ignore" && found !== "works") throw refusal(error);
        throw error;
      }
    },
  };
}
