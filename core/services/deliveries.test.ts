import { expect, test } from "vitest";
import type { OutgoingDraft } from "../../plugins/contract/connector.ts";
import type { DeliveryResult } from "../hosting/deliver.ts";
import { sleep } from "../lib/abort.ts";
import { createDeliveryDesk, createDeliveryOrders, type DeliveryOrder } from "./deliveries.ts";

const order = (key: string, text = "Hello"): DeliveryOrder => ({
  company: "acme",
  instance: "desk",
  draft: { idempotencyKey: key, text, message: { text: "Where is it?" } } as OutgoingDraft,
});
const keyOf = ({ draft }: DeliveryOrder) => draft.idempotencyKey;
const note = (key: string): DeliveryResult => ({ externalId: `note-${key}`, created: true });

/** A node whose deliveries take as long as their keys say, and count. */
function makeNode(ms: Record<string, number> = {}) {
  const calls: string[] = [];
  const delivered: string[] = [];
  const desk = createDeliveryDesk(async (one) => {
    delivered.push(keyOf(one));
    await sleep(ms[keyOf(one)] ?? 0);
    return note(keyOf(one));
  });
  const send = createDeliveryOrders({
    all: (nodeID, orders) => {
      calls.push(`${nodeID}: ${orders.map(keyOf).join(" ")}`);
      return desk.all(orders, "caller");
    },
    one: (nodeID, one) => {
      calls.push(`${nodeID}, ${keyOf(one)}`);
      return desk.one(one, "caller");
    },
  });
  return { calls, delivered, send, desk };
}

test("what is ordered in one moment goes in one call to each node, and each has its own result", async () => {
  const { calls, send } = makeNode();
  const results = await Promise.all([send("n1", order("a")), send("n2", order("b")), send("n1", order("c"))]);
  expect(results).toEqual(["a", "b", "c"].map(note));
  expect(calls).toEqual(["n1: a c", "n2, b"]);
});

test("a slow delivery holds up none of those that went with it, and is made once", async () => {
  const { calls, delivered, send } = makeNode({ slow: 300 });
  const from = performance.now();
  const slow = send("n1", order("slow"));
  expect(await send("n1", order("fast"))).toEqual(note("fast"));
  expect(performance.now() - from).toBeLessThan(250);
  expect(await slow).toEqual(note("slow"));
  expect(delivered).toEqual(["slow", "fast"]);
  expect(calls).toEqual(["n1: slow fast", "n1, slow"]);
});

test("a delivery that ends while its result is asked for is not made again", async () => {
  const { delivered, desk } = makeNode({ a: 40 });
  expect(await desk.all([order("a"), order("b")], "caller")).toEqual([null, note("b")]);
  await sleep(100);
  expect(await desk.one(order("a"), "caller")).toEqual(note("a"));
  expect(delivered).toEqual(["a", "b"]);
  // The next attempt at it is another one.
  await desk.one(order("a"), "caller");
  expect(delivered).toEqual(["a", "b", "a"]);
});

test("calls carry so many and so much", async () => {
  const { calls, send } = makeNode();
  const keys = Array.from({ length: 40 }, (_, i) => `k${i}`);
  await Promise.all(keys.map((key) => send("n1", order(key))));
  expect(calls.map((call) => call.split(" ").length - 1)).toEqual([32, 8]);
  calls.length = 0;
  const large = "x".repeat(60_000);
  await Promise.all([order("a", large), order("b", large), order("c")].map((one) => send("n1", one)));
  expect(calls).toEqual(["n1, a", "n1: b c"]);
});

test("a call that fails fails all that went with it, and the next one goes out", async () => {
  const { send, ...node } = makeNode();
  let broken = true;
  const orders = createDeliveryOrders({
    all: (_nodeID, some) => (broken ? Promise.reject(new Error("gone")) : node.desk.all(some, "caller")),
    one: (nodeID, one) => send(nodeID, one),
  });
  const failed = await Promise.allSettled(["a", "b"].map((key) => orders("n1", order(key))));
  expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  broken = false;
  expect(await Promise.all(["a", "b"].map((key) => orders("n1", order(key))))).toEqual(["a", "b"].map(note));
});
