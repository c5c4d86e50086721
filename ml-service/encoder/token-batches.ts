/** Puts texts of concurrent callers together into batches of like length, by a budget of tokens and a bound on waiting. */
import { type Line, pickBatch } from "./pick-batch.ts";

export interface BatchLimits {
  /** Tokens in one batch, padding counted: rows × the longest of them. A longer row goes alone. */
  readonly tokens: number;
  /** Milliseconds that a text waits for others at most, while nothing is running. */
  readonly waitMs: number;
  /** Texts that wait in line; callers with further ones wait in turn until there is room. */
  readonly queue: number;
}

export interface BatchStats {
  /** Texts computed since the start. */
  readonly texts: number;
  /** Batches run, those that failed left out. */
  readonly batches: number;
  /** Texts that failed by themselves. */
  readonly failed: number;
  /** Mean share (0 to 1) of the token budget that a batch used, padding counted. */
  readonly fill: number;
  /** Share (0 to 1) of padding among all tokens that were computed. */
  readonly padding: number;
  /** Texts in line. */
  readonly waiting: number;
  /** Texts of callers who wait for room in the line. */
  readonly held: number;
}

export interface TokenBatches {
  /**
   * @returns a vector for each row, in order
   * Rejects as a whole where one of the rows fails by itself, where the signal aborts, and after `close`.
   */
  encode(rows: readonly Int32Array[], signal?: AbortSignal): Promise<Float32Array[]>;
  stats(): BatchStats;
  /** Takes nothing new, and resolves when all that was taken is done. */
  close(): Promise<void>;
}

interface Call {
  readonly rows: readonly Int32Array[];
  readonly answer: Promise<Float32Array[]>;
  /** Rows that have been in line. */
  lined: number;
  readonly settled: boolean;
  deliver(index: number, vector: Float32Array): void;
  fail(error: unknown): void;
}

interface Entry extends Line {
  readonly call: Call;
  readonly index: number;
  readonly row: Int32Array;
  readonly since: number;
}

/** One runs, and the next is handed over already, so that the encoder never waits for us. */
const mostRunning = 2;

/** @param run computes a vector for each row; where it rejects, the batch is tried again in halves, so that one bad row fails alone */
export function createTokenBatches(
  run: (rows: Int32Array[]) => Promise<Float32Array[]>,
  limits: BatchLimits,
): TokenBatches {
  let line: Entry[] = [];
  let held: Call[] = [];
  let running = 0;
  let timer: NodeJS.Timeout | undefined;
  let closing: PromiseWithResolvers<void> | undefined;
  const tally = createTally(limits.tokens);

  const admit = () => {
    for (let call = held[0]; call && line.length < limits.queue; call = held[0]) {
      const index = call.lined;
      const row = call.rows[index] as Int32Array;
      line.push({ call, index, row, tokens: row.length, since: performance.now() });
      call.lined += 1;
      if (call.lined === call.rows.length) held.shift();
    }
  };
  const pump = () => {
    clearTimeout(timer);
    admit();
    while (line.length > 0 && running < mostRunning) {
      const { batch, full } = pickBatch(line, limits.tokens);
      const waitMs = limits.waitMs - (performance.now() - (line[0] as Entry).since);
      // A batch that is not full can still grow while another one runs.
      const due = running === 0 && (closing !== undefined || waitMs <= 0);
      if (!full && !due && held.length === 0) {
        if (running === 0) timer = setTimeout(pump, Math.max(1, waitMs));
        break;
      }
      start(batch);
      admit();
    }
    if (line.length === 0 && running === 0) closing?.resolve();
  };
  const start = (batch: readonly Entry[]) => {
    const taken = new Set(batch);
    line = line.filter((entry) => !taken.has(entry));
    running += 1;
    void attempt(batch).then(() => {
      running -= 1;
      pump();
    });
  };
  /** Never rejects: whatever fails is told to its caller. */
  const attempt = async (batch: readonly Entry[]): Promise<void> => {
    const wanted = batch.filter(({ call }) => !call.settled);
    const [first] = wanted;
    if (first === undefined) return;
    try {
      const rows = wanted.map(({ row }) => row);
      const vectors = await run(rows);
      tally.batch(rows);
      for (const [at, { call, index }] of wanted.entries()) call.deliver(index, vectors[at] as Float32Array);
    } catch (cause) {
      if (wanted.length > 1) {
        const half = Math.ceil(wanted.length / 2);
        await attempt(wanted.slice(0, half));
        await attempt(wanted.slice(half));
        return;
      }
      tally.failed();
      const { call, index } = first;
      call.fail(new Error(`text ${index + 1} of ${call.rows.length} cannot be encoded`, { cause }));
    }
  };
  const forget = (gone: Call) => {
    line = line.filter(({ call }) => call !== gone);
    held = held.filter((call) => call !== gone);
    pump();
  };
  return {
    async encode(rows, signal) {
      signal?.throwIfAborted();
      if (closing) throw new Error("the encoder is closed");
      if (rows.length === 0) return [];
      const call = openCall(rows, signal, forget);
      held.push(call);
      pump();
      return call.answer;
    },
    stats() {
      const notInLine = held.reduce((sum, call) => sum + call.rows.length - call.lined, 0);
      return { ...tally.stats(), waiting: line.length, held: notInLine };
    },
    close() {
      closing ??= Promise.withResolvers<void>();
      pump();
      return closing.promise;
    },
  };
}

/** @param onFailure called once where the call fails or is given up */
function openCall(
  rows: readonly Int32Array[],
  signal: AbortSignal | undefined,
  onFailure: (call: Call) => void,
): Call {
  const { promise, resolve, reject } = Promise.withResolvers<Float32Array[]>();
  const vectors: Float32Array[] = [];
  let missing = rows.length;
  let settled = false;
  const settle = () => {
    settled = true;
    signal?.removeEventListener("abort", abort);
  };
  const call: Call = {
    rows,
    answer: promise,
    lined: 0,
    get settled() {
      return settled;
    },
    deliver(index, vector) {
      vectors[index] = vector;
      missing -= 1;
      if (missing > 0) return;
      settle();
      resolve(vectors);
    },
    fail(error) {
      if (settled) return;
      settle();
      reject(error);
      onFailure(call);
    },
  };
  const abort = () => call.fail(signal?.reason);
  signal?.addEventListener("abort", abort);
  return call;
}

/** Counts what `stats` tells of the past. */
function createTally(budget: number) {
  let texts = 0;
  let batches = 0;
  let failed = 0;
  let tokens = 0;
  let padded = 0;
  return {
    batch(rows: readonly Int32Array[]) {
      batches += 1;
      texts += rows.length;
      tokens += rows.reduce((sum, row) => sum + row.length, 0);
      padded += rows.length * Math.max(...rows.map((row) => row.length));
    },
    failed() {
      failed += 1;
    },
    stats: () => ({
      texts,
      batches,
      failed,
      fill: batches === 0 ? 0 : padded / (batches * budget),
      padding: padded === 0 ? 0 : 1 - tokens / padded,
    }),
  };
}
