import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { createGate } from "./gate.ts";

const many = { requests: 1_000, perMs: 1_000 };

test("no more than the limit are at work at once", async () => {
  const gate = createGate({ ...many, concurrency: 3 });
  let running = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 20 }, () =>
      gate(async () => {
        most = Math.max(most, ++running);
        await sleep(2);
        running--;
      }),
    ),
  );
  expect(most).toBe(3);
});

test("work goes in the order in which it came", async () => {
  const gate = createGate({ ...many, concurrency: 1 });
  const order: number[] = [];
  await Promise.all(Array.from({ length: 20 }, (_, i) => gate(async () => void order.push(i))));
  expect(order).toEqual(Array.from({ length: 20 }, (_, i) => i));
});

test("however a period is laid, no more than the limit start within it", async () => {
  const gate = createGate({ requests: 5, perMs: 100, concurrency: 100 });
  const starts: number[] = [];
  await sleep(60);
  await Promise.all(Array.from({ length: 17 }, () => gate(async () => void starts.push(performance.now()))));
  for (let i = 5; i < starts.length; i++) {
    expect((starts[i] as number) - (starts[i - 5] as number)).toBeGreaterThanOrEqual(99);
  }
  expect((starts.at(-1) as number) - (starts[0] as number)).toBeLessThan(1_000);
});

test("less than one request a period is one in a longer period", async () => {
  const gate = createGate({ requests: 0.5, perMs: 50, concurrency: 10 });
  const starts: number[] = [];
  await Promise.all([1, 2].map(() => gate(async () => void starts.push(performance.now()))));
  expect((starts[1] as number) - (starts[0] as number)).toBeGreaterThanOrEqual(99);
});

test("work whose signal aborts leaves the line, and those behind it move up", async () => {
  const gate = createGate({ ...many, concurrency: 1 });
  let open: () => void = () => undefined;
  const first = gate(() => new Promise<void>((resolve) => (open = resolve)));
  const abort = new AbortController();
  const ran: string[] = [];
  const second = gate(async () => void ran.push("second"), abort.signal);
  const third = gate(async () => void ran.push("third"));
  abort.abort(new Error("no longer wanted"));
  await expect(second).rejects.toThrow("no longer wanted");
  open();
  await Promise.all([first, third]);
  expect(ran).toEqual(["third"]);
});

test("work whose signal has aborted before does not start", async () => {
  const gate = createGate({ ...many, concurrency: 1 });
  await expect(gate(async () => 1, AbortSignal.abort(new Error("over")))).rejects.toThrow("over");
  await expect(gate(async () => 2)).resolves.toBe(2);
});

test("a place is free again after work that failed", async () => {
  const gate = createGate({ ...many, concurrency: 1 });
  await expect(gate(() => Promise.reject(new Error("failed")))).rejects.toThrow("failed");
  await expect(
    gate(() => {
      throw new Error("failed at once");
    }),
  ).rejects.toThrow("failed at once");
  await expect(gate(async () => "next")).resolves.toBe("next");
});
