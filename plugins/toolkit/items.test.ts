/** Items that cannot be read are kept, whatever they are. */
import { expect, test } from "vitest";
import { z } from "zod";
import { connectorEventSchema } from "../contract/events.ts";
import { historySkip, parseJson, rejected } from "./items.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const error = z.object({ text: z.string() }).safeParse({}).error as z.ZodError;
const idOf = (item: unknown, raw?: unknown) => rejected("item-", item, error, raw).externalId;

test("JSON is read from UTF-8, and anything else is refused for good", () => {
  expect(parseJson(bytesOf('{"a": "ü"}'))).toEqual({ a: "ü" });
  for (const bytes of [bytesOf(""), bytesOf("{"), Uint8Array.from([34, 255, 34])])
    expect(() => parseJson(bytes)).toThrow(expect.objectContaining({ kind: "permanent" }));
});

test("an item has its own id, or one by its content; its raw form is kept", () => {
  const event = rejected("item-", { id: 7, text: null }, error);
  expect(event).toMatchObject({
    kind: "rejected",
    externalId: "item-7",
    raw: bytesOf('{"id":7,"text":null}'),
  });
  expect(connectorEventSchema.safeParse(event).success).toBe(true);
  expect(idOf({ a: 1 })).toBe(idOf({ a: 1 }));
  expect(idOf({ a: 1 })).not.toBe(idOf({ a: 2 }));
  expect(rejected("item-", { id: "x" }, error, bytesOf("as it came"))).toMatchObject({
    externalId: "item-x",
    raw: bytesOf("as it came"),
  });
});

test("nothing is so broken that it could not be kept", () => {
  const deep = JSON.parse(`${"[".repeat(50_000)}${"]".repeat(50_000)}`) as unknown;
  for (const item of [
    null,
    undefined,
    7,
    "text",
    [],
    deep,
    { id: "a\u0000\ud800" },
    { id: "x".repeat(9_000) },
  ]) {
    const event = rejected("item-", item, error);
    expect(connectorEventSchema.safeParse(event).success).toBe(true);
  }
});

test("history is what was written before the hub's first look, clocks aside", () => {
  const since = new Date("2026-11-23T09:30:00Z");
  expect(historySkip(new Date("2026-11-23T09:00:00Z"), since)).toEqual({ skip: "history" });
  expect(historySkip(new Date("2026-11-23T09:28:30Z"), since)).toEqual({});
  expect(historySkip(new Date("2026-11-23T10:00:00Z"), since)).toEqual({});
});
