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
  /**
   * The most calls that begin together, and in a millisecond from then on: where hundreds begin together and the other
   * side fails, all are wasted before the first one has told. Default: no bound.
   */
  pace?: { burst: number; perMs: number };
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

/** How long it stays open at most, the first time and later: each is twice the one before; half of it at least. Milliseconds. */
const openTimes = { firstMs: 2_000, maxMs: 30_000 };
/** Open times begin anew when it was closed for this long, in milliseconds, or after this many successes. */
const calm = { ms: 60_000, successes: 100 };
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
/** A failure is forgotten once so many of the calls that were under way already have gone well. */
const forgotten = 4;

interface Call {
  isProbe: boolean;
  /** Began after a failure, and before the next success of such a call. */
  isDoubted: boolean;
  /** Calls that began before it last opened or closed say nothing any more. */
  spell: number;
}

export function createBreaker({
  what,
  threshold,
  verdict,
  pace,
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
  /** Since it closed. */
  let successes = 0;
  let inFlight = 0;
  /** Calls at once; grows by one with each success after it was open, which doubles it from round to round. */
  let limit = Number.POSITIVE_INFINITY;
  let failureShare = 0;
  /** Failures since all was well, and successes since then of calls that had begun before. */
  let doubt = { failures: 0, successes: 0 };
  /** While in doubt, calls go out one by one. */
  let doubted: Call | undefined;
  /** Calls that may begin now, by the pace. */
  let tokens = pace?.burst ?? 0;
  let refilledAt = now();
  let timer: NodeJS.Timeout | undefined;

  const trust = () => {
    doubt = { failures: 0, successes: 0 };
    doubted = undefined;
  };
  const become = (next: BreakerState, openMs = 0) => {
    state = next;
    spell++;
    inFlight = 0;
    failureShare = 0;
    trust();
    onChange?.(next, openMs);
  };
  /** Spread out, so that those who were refused do not come back together. */
  const refusal = (cause?: unknown) => {
    const left = state === "open" ? Math.max(0, openUntil - now()) : 0;
    return new Unavailable(what, cause, Math.ceil(left + random() * Math.max(1_000, left / 2)));
  };
  const open = (aloneMs = 0) => {
    if (state === "closed" && (now() - closedAt > calm.ms || successes >= calm.successes)) openings = 0;
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
  const isInPace = () => {
    if (!pace) return true;
    const time = now();
    tokens = Math.min(pace.burst, tokens + (time - refilledAt) * pace.perMs);
    refilledAt = time;
    return tokens >= 1;
  };
  /** The end of a call lets the next one in; else only time does. */
  const isFull = () => inFlight >= limit || (doubt.failures > 0 && doubted !== undefined);
  const mayStart = () => look() !== "open" && !isFull() && isInPace();
  const pump = () => {
    clearTimeout(timer);
    timer = undefined;
    while (line.length > 0 && mayStart()) line.next(start());
    keepPace();
  };
  const keepPace = () => {
    if (!pace || timer !== undefined || line.length === 0 || isFull()) return;
    // Some at a time: a timer for each call would cost more than the call.
    timer = setTimeout(pump, Math.max(1, pace.burst / 4 / pace.perMs));
  };
  const start = (): Call => {
    const isDoubted = doubt.failures > 0;
    const call = { isProbe: state === "half-open", isDoubted, spell };
    inFlight++;
    tokens--;
    if (isDoubted) doubted = call;
    return call;
  };
  const works = (call: Call) => {
    if (state === "half-open") {
      become("closed");
      closedAt = now();
      successes = 0;
    }
    successes++;
    failureShare *= 1 - share.weight;
    doubt.successes++;
    if (call.isDoubted || doubt.successes >= forgotten * doubt.failures) trust();
    limit = limit + 1 >= unlimitedFrom ? Number.POSITIVE_INFINITY : limit + 1;
  };
  const fails = (aloneMs: number | null) => {
    doubt.failures++;
    failureShare = failureShare * (1 - share.weight) + share.weight;
    if (aloneMs !== null) open(aloneMs);
    else if (state === "half-open" || limit < provenFrom) open();
    else if (doubt.failures >= threshold && doubt.failures >= doubt.successes) open();
    else if (failureShare >= share.most) open();
    else if (Number.isFinite(limit)) limit = Math.ceil(limit / 2);
  };
  const end = (call: Call, found: Verdict) => {
    if (call.spell !== spell) return;
    inFlight--;
    if (doubted === call) doubted = undefined;
    if (found === "works") works(call);
    else if (found === "trouble") fails(null);
    else if (found !== "ignore") fails(found.aloneMs);
    pump();
  };
  const check = () => {
    if (look() === "open") throw refusal();
  };
  const enter = (signal: AbortSignal | undefined): Call | Promise<Call> => {
    check();
    if (line.length === 0 && mayStart()) return start();
    if (line.length >= Math.max(shortestLine, limit * 2)) throw refusal();
    const turn = line.wait(waitMs, refusal, signal);
    keepPace();
    return turn;
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
