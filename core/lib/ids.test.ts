import { expect, test } from "vitest";
import { createHistoricIds, firstIdAt, isId, newId, ticketCode } from "./ids.ts";

test("ids are different, and sort as they were made", () => {
  const ids = Array.from({ length: 10_000 }, newId);
  expect(new Set(ids).size).toBe(ids.length);
  expect([...ids].sort()).toEqual(ids);
});

test("ids of what is old sort by when it was written, then in the order of the calls, and before what comes in now", () => {
  const historicId = createHistoricIds();
  const at = (day: number) => new Date(Date.UTC(2026, 0, day));
  const late = historicId(at(2));
  const early = Array.from({ length: 1_000 }, () => historicId(at(1)));
  const future = historicId(new Date(Date.now() + 86_400_000));
  const now = newId();
  const sorted = [...early, late, now];
  expect([...sorted].sort()).toEqual(sorted);
  expect(future.slice(0, 8) <= now.slice(0, 8)).toBe(true);
  expect(new Set(early.map(ticketCode)).size).toBe(1_000);
  expect(early.every(isId)).toBe(true);
});

test("an id is told from other texts", () => {
  expect(isId(newId())).toBe(true);
  for (const text of ["", "1", "not-an-id", `${newId()}0`, `${newId()}\n`]) expect(isId(text)).toBe(false);
});

test("the first id of a moment parts what was made before it from the rest", () => {
  const [before, after] = [firstIdAt(new Date(Date.now() - 1)), firstIdAt(new Date(Date.now() + 60_000))];
  const now = newId();
  expect(before < now && now < after).toBe(true);
  expect(isId(before)).toBe(true);
});
