/** A line of callers that wait for their turn, each for a time. */

export interface Line<Turn> {
  readonly length: number;
  /**
   * @param waitMs milliseconds after which it leaves the line
   * @param late makes the error that it leaves with
   * @throws the signal's reason where that aborts first
   */
  wait(waitMs: number, late: () => Error, signal?: AbortSignal): Promise<Turn>;
  /** Gives the first one its turn. */
  next(turn: Turn): void;
  /** Sends all away. */
  refuse(why: () => Error): void;
}

interface Waiter<Turn> {
  resolve(turn: Turn): void;
  reject(error: unknown): void;
}

export function createLine<Turn>(): Line<Turn> {
  const waiters = new Set<Waiter<Turn>>();
  const first = (): Waiter<Turn> | undefined => waiters.values().next().value;
  return {
    get length() {
      return waiters.size;
    },
    wait(waitMs, late, signal) {
      return new Promise<Turn>((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const leave = () => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", abort);
          waiters.delete(waiter);
        };
        const waiter: Waiter<Turn> = {
          resolve: (turn) => {
            leave();
            resolve(turn);
          },
          reject: (error) => {
            leave();
            reject(error);
          },
        };
        const abort = () => waiter.reject(signal?.reason);
        const timer = setTimeout(() => waiter.reject(late()), waitMs);
        signal?.addEventListener("abort", abort, { once: true });
        waiters.add(waiter);
      });
    },
    next: (turn) => first()?.resolve(turn),
    refuse(why) {
      for (const waiter of [...waiters]) waiter.reject(why());
    },
  };
}
