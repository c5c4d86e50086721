import { expect, test } from "vitest";
import { ConnectorError, type ErrorKind } from "../../plugins/contract/errors.ts";
import { textFault } from "../../plugins/contract/events.ts";
import { Unavailable } from "../lib/unavailable.ts";
import { decide } from "./failures.ts";

const policy = { attempts: 3, firstRetryMs: 100 };
const day = 24 * 3_600_000;
const fresh = { id: "a", attempts: 0, ageMs: 10 };
const of = (kind: ErrorKind, retryAfterMs?: number) =>
  new ConnectorError(kind, "no", retryAfterMs === undefined ? {} : { retryAfterMs });

test("a permanent error ends at once", () => {
  expect(decide("draft", fresh, of("permanent"), policy)).toEqual({
    id: "a",
    error: { kind: "permanent", message: "no", step: "draft" },
    retryInMs: null,
    counts: true,
  });
});

test("a transient error, or anything unknown, is tried again until the attempts are used up", () => {
  for (const error of [of("transient"), new TypeError("surprise"), "a text", undefined]) {
    for (const attempts of [0, 1]) {
      const { retryInMs, counts } = decide("draft", { ...fresh, attempts }, error, policy);
      expect(retryInMs).toBeGreaterThanOrEqual(50 * 2 ** attempts);
      expect(counts).toBe(true);
    }
    expect(decide("draft", { ...fresh, attempts: 2 }, error, policy).retryInMs).toBeNull();
  }
});

test("what a person must mend, a slow other side and parts that are away do not count, and end by age", () => {
  for (const error of [of("auth"), of("config"), of("rate_limited"), new Unavailable("classifier")]) {
    const used = { id: "a", attempts: 50, ageMs: day };
    expect(decide("deliver", used, error, policy)).toMatchObject({ counts: false });
    expect(decide("deliver", used, error, policy).retryInMs).not.toBeNull();
    expect(decide("deliver", { ...used, ageMs: 4 * day }, error, policy).retryInMs).toBeNull();
  }
  expect(decide("deliver", fresh, of("config"), policy).retryInMs).toBe(60_000);
});

test("what is left alone for a while is asked again when that is over", () => {
  const refused = new Unavailable("the LLM", undefined, 20_000);
  expect(decide("draft", fresh, refused, policy)).toMatchObject({ counts: false, retryInMs: 20_000 });
});

test("the longer a part is away, the less often it is asked, but never less than every 15 seconds", () => {
  const waitAt = (ageMs: number) =>
    decide("classify", { ...fresh, ageMs }, new Unavailable("classifier"), policy).retryInMs ?? 0;
  expect(waitAt(100)).toBeLessThanOrEqual(100);
  expect(waitAt(20_000)).toBeGreaterThanOrEqual(2_500);
  expect(waitAt(day)).toBeGreaterThanOrEqual(7_500);
  expect(waitAt(day)).toBeLessThanOrEqual(15_000);
});

test("a wait that the other side asks for is kept to, within reason", () => {
  const wait = (asked: number) => decide("deliver", fresh, of("rate_limited", asked), policy).retryInMs;
  expect(wait(30_000)).toBe(30_000);
  expect(wait(1e15)).toBe(3_600_000);
  expect(wait(Number.POSITIVE_INFINITY)).toBe(3_600_000);
  for (const nonsense of [Number.NaN, -5]) expect(wait(nonsense)).toBeLessThanOrEqual(100);
});

test("an error's message can be stored, whatever it holds", () => {
  const message = `${"x".repeat(1_999)}👋\u0000`;
  const { error } = decide("draft", fresh, new Error(message), policy);
  expect(error.message).toHaveLength(2_000);
  expect(textFault(error.message)).toBeUndefined();
});
