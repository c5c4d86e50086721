/** Following changes: nothing is lost by equal times, late ones, wrong clocks or a list that moves, and little comes twice. */
import { expect, test, vi } from "vitest";
import { type ChangesCursor, changes, changesCursor } from "./changes.ts";

interface Thing {
  id: number;
  at: string;
}

const begin = new Date("2026-11-23T09:00:00.000Z");
const time = (seconds: number) => new Date(begin.getTime() + seconds * 1_000).toISOString();

/** A source of things that can be changed, and whose pages are asked for as a connector would. */
function createSource(pageSize = 3, unitMs?: number) {
  const things: Thing[] = [];
  const asked: Array<[since: string, page: number]> = [];
  let between: () => void = () => undefined;
  return {
    things,
    asked,
    /** Done once, after the next page was asked for. */
    meanwhile: (change: () => void) => {
      between = change;
    },
    async follow(from: ChangesCursor | Date) {
      const ids: number[] = [];
      let cursor: ChangesCursor | undefined;
      const load = async (since: Date, page: number) => {
        asked.push([since.toISOString(), page]);
        const found = things
          .filter(({ at }) => at >= since.toISOString())
          .sort((a, b) => a.at.localeCompare(b.at) || a.id - b.id)
          .slice((page - 1) * pageSize, page * pageSize);
        const answer = structuredClone(found);
        between();
        between = () => undefined;
        return answer;
      };
      const timeOf = ({ at }: Thing) => at;
      for await (const page of changes({ from, load, timeOf, pageSize, lookBackMs: 60_000, unitMs })) {
        ids.push(...page.items.map(({ id }) => id));
        cursor = changesCursor.parse(JSON.parse(JSON.stringify(page.cursor)));
      }
      return { ids, cursor };
    },
  };
}

async function started(source: ReturnType<typeof createSource>) {
  const { ids, cursor } = await source.follow(begin);
  if (!cursor) throw new Error("the first reading has no page");
  return { ids, cursor };
}

test("a first page comes from an empty source too, and then none without news", async () => {
  const source = createSource();
  const { ids, cursor } = await started(source);
  expect(ids).toEqual([]);
  expect(cursor).toEqual({ at: begin.toISOString(), seen: {} });
  expect(await source.follow(cursor)).toEqual({ ids: [], cursor: undefined });
});

test("all come in order, over many pages, and the next call goes on after them", async () => {
  const source = createSource();
  for (let id = 1; id <= 20; id++) source.things.push({ id, at: time(id * 30) });
  const { ids, cursor } = await started(source);
  expect(ids).toEqual(source.things.map(({ id }) => id));
  source.things.push({ id: 21, at: time(700) });
  source.asked.length = 0;
  expect((await source.follow(cursor)).ids).toEqual([21]);
  expect(source.asked[0]).toEqual([time(20 * 30 - 60), 1]);
});

test("many of one millisecond are counted through", async () => {
  const source = createSource();
  for (let id = 1; id <= 10; id++) source.things.push({ id, at: time(5) });
  source.things.push({ id: 11, at: time(6) });
  expect((await started(source)).ids).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

test("what changes while the pages are read moves to the end, and makes nothing fall out", async () => {
  const source = createSource();
  for (let id = 1; id <= 9; id++) source.things.push({ id, at: time(id * 100) });
  source.meanwhile(() => Object.assign(source.things[0] ?? {}, { at: time(2_000) }));
  expect((await started(source)).ids).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 1]);
});

test("a change that shows up late is found within the look back, and one that came before it is not brought again", async () => {
  const source = createSource();
  source.things.push({ id: 1, at: time(100) });
  const { cursor } = await started(source);
  source.things.push({ id: 2, at: time(45) }, { id: 3, at: time(20) });
  expect((await source.follow(cursor)).ids).toEqual([2]);
});

test("a thing comes again with each change, also with one that bears an earlier time", async () => {
  const source = createSource();
  const thing = { id: 1, at: time(100) };
  source.things.push(thing);
  let { cursor } = await started(source);
  for (const at of [time(130), time(110)]) {
    thing.at = at;
    const next = await source.follow(cursor);
    expect(next.ids).toEqual([1]);
    cursor = next.cursor ?? cursor;
  }
  expect((await source.follow(cursor)).ids).toEqual([]);
});

test("a time to come does not hide what comes until then", async () => {
  const source = createSource();
  source.things.push({ id: 1, at: "2099-01-01T00:00:00.000Z" });
  const { cursor } = await started(source);
  source.things.push({ id: 2, at: new Date().toISOString() });
  expect((await source.follow(cursor)).ids).toEqual([2]);
});

test("where times have whole seconds, a second change within one is handed over when that is over, and once", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: begin });
  try {
    const source = createSource(3, 1_000);
    source.things.push({ id: 1, at: time(0) }, { id: 2, at: time(-30) });
    const first = await started(source);
    let cursor = first.cursor;
    const after = async (seconds: number) => {
      vi.setSystemTime(begin.getTime() + seconds * 1_000);
      const next = await source.follow(cursor);
      cursor = next.cursor ?? cursor;
      return next.ids;
    };
    expect([first.ids, await after(0.9)]).toEqual([[2, 1], []]);
    // What changed again bears the same time, and can't be told from what did not.
    expect(await after(1)).toEqual([2, 1]);
    expect(await after(30)).toEqual([]);
    source.things.push({ id: 3, at: time(30) });
    expect([await after(30.5), await after(31), await after(32), await after(40)]).toEqual([
      [3],
      [],
      [3],
      [],
    ]);
    expect(Object.keys(cursor.seen)).toEqual(["1", "2", "3"]);
  } finally {
    vi.useRealTimers();
  }
});

test("the cursor holds what is within the look back, and no more", async () => {
  const source = createSource(100);
  for (let id = 1; id <= 50; id++) source.things.push({ id, at: time(id * 10) });
  const { cursor } = await started(source);
  expect(Object.keys(cursor.seen)).toEqual(["44", "45", "46", "47", "48", "49", "50"]);
  const flood = createSource(10_000);
  for (let id = 1; id <= 6_000; id++) flood.things.push({ id, at: time(1) });
  expect(Object.keys((await started(flood)).cursor.seen)).toHaveLength(5_000);
});

test("what fails to load throws, and yields no page", async () => {
  const failing = changes<Thing>({
    from: begin,
    pageSize: 3,
    timeOf: ({ at }) => at,
    load: async () => {
      throw new Error("away");
    },
  });
  await expect(failing.next()).rejects.toThrow("away");
});
