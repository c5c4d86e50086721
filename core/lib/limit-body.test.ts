import { expect, test } from "vitest";
import { BodyTooLarge, limitBody } from "./limit-body.ts";

/** A body that never ends, and how much of it was asked for. */
function endless() {
  let sent = 0;
  const body = new ReadableStream({
    pull(controller) {
      sent += 1_000;
      controller.enqueue(new Uint8Array(1_000));
    },
  });
  return { body, sent: () => sent };
}

test("an answer within the limit comes through whole, of a known size or not", async () => {
  expect(await limitBody(new Response("hello"), 5).text()).toBe("hello");
  const sized = new Response("hello", { headers: { "content-length": "5" } });
  expect(limitBody(sized, 5)).toBe(sized);
  expect(limitBody(new Response(null, { status: 204 }), 5).status).toBe(204);
});

test("an answer that never ends is broken off at the limit, and no more of it is asked for", async () => {
  const { body, sent } = endless();
  await expect(limitBody(new Response(body), 10_000).text()).rejects.toThrow(BodyTooLarge);
  expect(sent()).toBeLessThan(50_000);
});

test("an encoded answer is counted, whatever size it announces", async () => {
  const { body } = endless();
  const headers = { "content-length": "10", "content-encoding": "gzip" };
  await expect(limitBody(new Response(body, { headers }), 10_000).text()).rejects.toThrow(BodyTooLarge);
});
