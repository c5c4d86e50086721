import { setImmediate as turn } from "node:timers/promises";
import { beforeEach, expect, test } from "vitest";
import { type BreakerState, createBreaker, type Verdict } from "./breaker.ts";
import { Unavailable } from "./unavailable.ts";

let time = 0;
let changes: BreakerState[];
let calls: Array<{ end(): void; fail(verdict?: Verdict): void }>;

class Failed extends Error {
  readonly verdict: Verdict;
  constructor(verdict: Verdict) {
    super("failed");
    this.verdict = verdict;
  }
}

const make = (threshold = 3) =>
  createBreaker({
    what: "the other side",
    threshold,
    verdict: (error) => (error as Failed).verdict,
    onChange: (state) => void changes.push(state),
    now: () => time,
    random: () => 1,
  });
let breaker: ReturnType<typeof make>;

/** Makes a call that lasts until it is told otherwise; resolves with its error. */
const call = (signal?: AbortSignal) =>
  breaker
    .run(
      () =>
        new Promise<void>((resolve, reject) => {
          calls.push({ end: resolve, fail: (verdict = "trouble") => reject(new Failed(verdict)) });
        }),
      signal,
    )
    .then(
      () => undefined,
      (error: unknown) => error,
    );
const last = () => calls.at(-1) as (typeof calls)[number];
async function failing(verdict?: Verdict) {
  const asked = call();
  await turn();
  last().fail(verdict);
  return asked;
}
async function succeeding() {
  const asked = call();
  await turn();
  last().end();
  return asked;
}

beforeEach(() => {
  time = 0;
  changes = [];
  calls = [];
  breaker = make();
});

test("it opens after so many failures in a row, and then makes no call", async () => {
  for (let i = 0; i < 3; i++) expect(await failing()).toBeInstanceOf(Failed);
  expect(breaker.state).toBe("open");
  const refused = await call();
  expect(refused).toBeInstanceOf(Unavailable);
  expect((refused as Unavailable).retryAfterMs).toBeGreaterThanOrEqual(2_000);
  expect(() => breaker.check()).toThrow(Unavailable);
  expect(calls).toHaveLength(3);
});

test("successes between failures keep it closed, until half of the calls fail", async () => {
  for (let i = 0; i < 20; i++)
    for (const fails of [true, false, false]) await (fails ? failing() : succeeding());
  expect(changes).toEqual([]);
  for (let i = 0; i < 60 && breaker.state === "closed"; i++) {
    await failing();
    if (breaker.state === "closed") await failing();
    if (breaker.state === "closed") await succeeding();
  }
  expect(breaker.state).toBe("open");
});

test("what refuses one request works, and our own stop says nothing", async () => {
  for (let i = 0; i < 10; i++) expect(await failing(i % 2 ? "works" : "ignore")).toBeInstanceOf(Failed);
  expect(breaker.state).toBe("closed");
  for (const verdict of ["trouble", "ignore", "trouble", "ignore", "trouble"] as const)
    await failing(verdict);
  expect(breaker.state).toBe("open");
});

test("who asks to be left alone is, for as long as it says", async () => {
  await failing({ aloneMs: 20_000 });
  time = 19_000;
  expect(await call()).toBeInstanceOf(Unavailable);
  time = 20_000;
  expect(await succeeding()).toBeUndefined();
  await failing({ aloneMs: 86_400_000 });
  time += 300_000;
  expect(breaker.state).toBe("half-open");
});

test("between a failure and the next success, calls go out one by one", async () => {
  const before = [call(), call(), call()];
  calls[0]?.fail();
  await turn();
  const after = [call(), call(), call()];
  await turn();
  expect(calls).toHaveLength(4);
  calls[1]?.end();
  await turn();
  expect(calls).toHaveLength(4);
  last().end();
  await turn();
  expect(calls).toHaveLength(6);
  for (const one of calls) one.end();
  await Promise.all([...before, ...after]);
  expect(breaker.state).toBe("closed");
});

test("a failure among many calls that go well holds nothing up", async () => {
  const before = Array.from({ length: 10 }, () => call());
  calls[0]?.fail();
  await turn();
  const after = [call(), call(), call()];
  for (const one of calls.slice(1, 5)) one.end();
  await turn();
  expect(calls).toHaveLength(13);
  for (const one of calls) one.end();
  await Promise.all([...before, ...after]);
});

test("of many calls under way, none follows those that fail", async () => {
  const many = Array.from({ length: 256 }, () => call());
  for (const one of calls.slice(0, 3)) one.fail();
  await turn();
  expect(await call()).toBeInstanceOf(Unavailable);
  for (const one of calls) one.fail();
  await Promise.all(many);
  expect(calls).toHaveLength(256);
  expect(changes).toEqual(["open"]);
});

test("once its time is over one call goes out, and its failure is that of nobody", async () => {
  for (let i = 0; i < 3; i++) await failing();
  time = 2_000;
  const probe = call();
  const next = call();
  await turn();
  expect(calls).toHaveLength(4);
  last().fail();
  for (const refused of [await probe, await next]) expect(refused).toBeInstanceOf(Unavailable);
  expect(((await probe) as Unavailable).cause).toBeInstanceOf(Failed);
  expect(changes).toEqual(["open", "half-open", "open"]);
});

test("it stays open longer each time, up to half a minute, and forgets that after a calm minute", async () => {
  for (let i = 0; i < 3; i++) await failing();
  for (const seconds of [2, 4, 8, 16, 30, 30]) {
    time += seconds * 1_000 - 1;
    expect(breaker.state).toBe("open");
    time += 1;
    expect(breaker.state).toBe("half-open");
    await failing();
  }
  time += 30_000;
  await succeeding();
  time += 60_001;
  for (let i = 0; i < 10; i++) await succeeding();
  for (let i = 0; i < 3; i++) await failing();
  time += 2_000;
  expect(breaker.state).toBe("half-open");
});

test("calls come back little by little, and the first failure among them ends that", async () => {
  for (let i = 0; i < 3; i++) await failing();
  time = 2_000;
  const all = Array.from({ length: 16 }, () => call());
  const rounds: number[] = [];
  for (let done = 3; calls.length > done; await turn()) {
    const round = calls.slice(done);
    done = calls.length;
    rounds.push(round.length);
    for (const one of round) one.end();
    await turn();
  }
  expect(rounds).toEqual([1, 2, 4, 8, 1]);
  await Promise.all(all);

  for (let i = 0; i < 3; i++) await failing();
  time += 10_000;
  await succeeding();
  const two = [call(), call()];
  await turn();
  last().fail();
  await turn();
  expect(breaker.state).toBe("open");
  calls.at(-2)?.end();
  await Promise.all(two);
  expect(breaker.state).toBe("open");
});

test("a probe that is broken off makes way for another one", async () => {
  for (let i = 0; i < 3; i++) await failing();
  time = 2_000;
  expect(await failing("ignore")).toBeInstanceOf(Failed);
  expect(await succeeding()).toBeUndefined();
  expect(breaker.state).toBe("closed");
});

test("few wait, each for a short time or until it is aborted; the rest is refused at once", async () => {
  for (let i = 0; i < 3; i++) await failing();
  time = 2_000;
  const probe = call();
  const abort = new AbortController();
  const aborted = call(abort.signal);
  const waiting = Array.from({ length: 15 }, () => call());
  expect(await call()).toBeInstanceOf(Unavailable);
  abort.abort(new Error("stop"));
  expect(await aborted).toEqual(new Error("stop"));
  for (const one of await Promise.all(waiting)) expect(one).toBeInstanceOf(Unavailable);
  last().end();
  await probe;
  expect(calls).toHaveLength(4);
});

test("so many calls begin together as its pace allows, and the rest soon after", async () => {
  let begun = 0;
  const paced = createBreaker({
    what: "the other side",
    threshold: 3,
    verdict: () => "trouble",
    pace: { burst: 4, perMs: 0.2 },
  });
  const started = performance.now();
  const all = Array.from({ length: 12 }, () => paced.run(async () => void begun++));
  expect(begun).toBe(4);
  await Promise.all(all);
  expect(begun).toBe(12);
  expect(performance.now() - started).toBeGreaterThan(30);
});
