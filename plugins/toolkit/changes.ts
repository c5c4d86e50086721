/** Following a source that tells what has changed since a time, so that nothing is lost although times are no order. */
import { z } from "zod";

interface WithId {
  readonly id: string | number;
}

/** Use it as the connector's `cursor`, or within it. `seen` holds what was handed over lately, with its time. */
export const changesCursor = z.object({
  at: z.iso.datetime({ offset: true }),
  seen: z.record(z.string(), z.string()),
});

export type ChangesCursor = z.output<typeof changesCursor>;

export interface ChangesOptions<T extends WithId> {
  /** The cursor of the last page, or the time to begin at. */
  readonly from: ChangesCursor | Date;
  /**
   * Asks for what has changed at this time or later, oldest change first.
   * @param page from 1 on: more than one only where a page is full of changes of one millisecond
   */
  load(since: Date, page: number): Promise<readonly T[]>;
  /** The time of an item's last change, in ISO 8601, as the source gives it. */
  timeOf(item: T): string;
  /** How many a full page has: a shorter one is the last. */
  readonly pageSize: number;
  /** Milliseconds by which a change may show up later than the time that it bears. Default: 120,000. */
  readonly lookBackMs?: number;
  /** The unit of the source's times in milliseconds: 1,000 where they have whole seconds. Default: 1. */
  readonly unitMs?: number;
}

/** More than that within the time of the look back are handed over again, rather than carried along in each cursor. */
const maxSeen = 5_000;

const msOf = (time: string) => new Date(time).getTime();

/** An entry of `seen` is the time of the change, and after a space until when another change may bear the same one. */
const timeIn = (entry = "") => entry.split(" ")[0] ?? "";
const isOver = (entry = "", now: number) => now >= Number(entry.split(" ")[1] ?? 0);

/** What was handed over at `since` or later, as far as there is room. */
function remember(
  seen: Readonly<Record<string, string>>,
  news: ReadonlyArray<[string, string]>,
  since: number,
) {
  const all = new Map(Object.entries(seen));
  for (const [id, time] of news) {
    all.delete(id);
    all.set(id, time);
  }
  return Object.fromEntries([...all].filter(([, entry]) => msOf(timeIn(entry)) >= since).slice(-maxSeen));
}

/**
 * Yields what has changed and the cursor after it, up to now; a first page comes even where nothing has changed.
 *
 * A change may become visible after later ones, since it bears the time at which it was begun: so each call begins
 * `lookBackMs` before the newest change that is known, and leaves out what it has handed over with this very time. A page
 * begins at the last time of the one before instead of counting on: what changes meanwhile moves to the end, and numbers
 * would shift.
 */
export async function* changes<T extends WithId>({
  from,
  load,
  timeOf,
  pageSize,
  lookBackMs = 120_000,
  unitMs = 1,
}: ChangesOptions<T>): AsyncGenerator<{ items: T[]; cursor: ChangesCursor }> {
  let isFirst = from instanceof Date;
  let { at, seen }: ChangesCursor = from instanceof Date ? { at: from.toISOString(), seen: {} } : from;
  let since = msOf(at) - lookBackMs;
  for (let page = 1; ; ) {
    const now = Date.now();
    const found = await load(new Date(since), page);
    const read = Date.now();
    const isKnown = (entry: string | undefined, time: string) =>
      entry === time || (timeIn(entry) === time && !isOver(entry, now));
    const items = found.filter((item) => !isKnown(seen[String(item.id)], timeOf(item)));
    const newest = found.at(-1);
    const last = newest && timeOf(newest);
    // A time to come, by a clock that is wrong, must not hide what comes until then.
    if (last !== undefined && msOf(last) > msOf(at))
      at = new Date(Math.min(msOf(last), Date.now())).toISOString();
    if (items.length > 0 || isFirst) {
      const news = items.map((item): [string, string] => {
        const [id, time] = [String(item.id), timeOf(item)];
        // Read within its own unit of time: handed over once more when this is over, by our clock alone.
        const isFresh = unitMs > 1 && timeIn(seen[id]) !== time && msOf(time) > now - lookBackMs - unitMs;
        return [id, isFresh ? `${time} ${read + unitMs}` : time];
      });
      seen = remember(seen, news, msOf(at) - lookBackMs);
      yield { items, cursor: { at, seen } };
    }
    isFirst = false;
    if (last === undefined || found.length < pageSize) return;
    page = msOf(last) > since ? 1 : page + 1;
    since = Math.max(since, msOf(last));
  }
}
