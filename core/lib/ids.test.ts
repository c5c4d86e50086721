import { expect, test } from "vitest";
import { isId, newId } from "./ids.ts";

test("ids are different, and sort as they were made", () => {
  const ids = Array.from({ length: 10_000 }, newId);
  expect(new Set(ids).size).toBe(ids.length);
  expect([...ids].sort()).toEqual(ids);
});

test("an id is told from other texts", () => {
  expect(isId(newId())).toBe(true);
  for (const text of ["", "1", "not-an-id", `${newId()}0`, `${newId()}\n`]) expect(isId(text)).toBe(false);
});
