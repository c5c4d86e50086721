/** The limits of a connector's account, kept on all nodes together: each request is taken from them before it is made. */
import type { Quota, QuotaNews } from "../../plugins/contract/connector.ts";
import { ConnectorError, isConnectorError } from "../../plugins/contract/errors.ts";
import { sleep } from "../lib/abort.ts";
import { createGate } from "../lib/gate.ts";
import type { Database } from "../store/database.ts";
import { ensureQuotas, heldFor, saveQuotaNews, takeFromQuotas } from "../store/quotas.ts";

/** A longer wait is left to whoever asked, in milliseconds. */
const patienceMs = 10_000;
const usualShare = 0.8;
/** Where less than this part of a limit is left, those with whom the account is shared are let go first. */
const reserve = 0.1;

export interface QuotaKeeper {
  /**
   * Waits until a request may be made, ten seconds at most.
   * @throws ConnectorError of kind `rate_limited` where that is not enough
   */
  enter(request: { method: string; url: string }, signal: AbortSignal | undefined): Promise<void>;
  /** Heeds what an answer tells, and what it asks for where it is a refusal. */
  heed(request: { method: string; url: string }, headers: Headers, error?: unknown): Promise<void>;
}

/** How long nobody is to ask, as an answer has it; null where there is room. */
function holdOf(quota: Quota, { name, requests, remaining, resetMs }: QuotaNews): number | null {
  const limit = quota.limits[name];
  const most = requests ?? limit?.requests;
  if (remaining === undefined || most === undefined || limit === undefined) return null;
  // An account that few requests are left of at any time, such as one with five a second, is paced by its rate alone.
  if (remaining > Math.floor(most * reserve)) return null;
  return Math.min(resetMs ?? limit.perMs / 4, limit.perMs);
}

/** Keeps the limits within this process alone, as they were known at first: for a look without the hub's database. */
export function createLocalQuotaKeeper({ limits, of, share = usualShare }: Quota): QuotaKeeper {
  const gates = new Map(
    Object.entries(limits).map(([name, { requests, perMs }]) => [
      name,
      createGate({ requests: requests * share, perMs, concurrency: Number.POSITIVE_INFINITY }),
    ]),
  );
  return {
    async enter({ method, url }, signal) {
      if (!URL.canParse(url)) return;
      for (const name of of({ method, url: new URL(url) }))
        await gates.get(name)?.(async () => undefined, signal);
    },
    heed: async () => undefined,
  };
}

export function createQuotaKeeper(db: Database, quota: Quota): QuotaKeeper {
  const { account, limits, share = usualShare } = quota;
  let ready: Promise<void> | undefined;
  const known = new Map<string, number>();
  const ensure = () => {
    const rows = Object.entries(limits).map(([name, limit]) => ({ name, ...limit }));
    ready ??= ensureQuotas(db, account, rows).catch((error) => {
      ready = undefined;
      throw error;
    });
    return ready;
  };
  /** An address that is none is for the request itself to fail over. */
  const namesOf = ({ method, url }: { method: string; url: string }) =>
    URL.canParse(url)
      ? quota.of({ method, url: new URL(url) }).filter((name) => limits[name] !== undefined)
      : [];

  const learn = async (news: QuotaNews) => {
    const { name, requests } = news;
    const isNew = requests !== undefined && requests > 0 && known.get(name) !== requests;
    const holdMs = holdOf(quota, news);
    if (!isNew && holdMs === null) return;
    await saveQuotaNews(db, account, { name, requests: isNew ? Math.floor(requests) : null, holdMs });
    if (isNew) known.set(name, requests);
  };

  return {
    async enter(request, signal) {
      const names = namesOf(request);
      if (names.length === 0) return;
      await ensure();
      const until = performance.now() + patienceMs;
      do {
        const patience = Math.max(0, until - performance.now());
        const wait = await takeFromQuotas(db, account, names, share, patience);
        if (wait > patience) {
          throw new ConnectorError("rate_limited", `the limit of ${account} is used up`, {
            retryAfterMs: Math.ceil(wait),
          });
        }
        if (wait === 0) return;
        await sleep(Math.ceil(wait), signal);
        // A refusal of another's request in the meantime holds for this one too.
      } while ((await heldFor(db, account, names)) > 0);
    },
    async heed(request, headers, error) {
      const names = namesOf(request);
      for (const news of quota.read?.(headers, names) ?? []) if (limits[news.name]) await learn(news);
      if (!isConnectorError(error) || error.kind !== "rate_limited") return;
      const periods = names.map((name) => limits[name]?.perMs ?? 0);
      // Which of the limits it was, and for how long, a refusal need not tell: then the shortest one counts.
      const asked = error.retryAfterMs ?? Math.min(...periods) / 4;
      for (const [i, name] of names.entries()) {
        // No longer than a period: what asks for more may be a limit of that one ticket's own.
        const holdMs = Math.min(asked, periods[i] ?? 0);
        await saveQuotaNews(db, account, { name, requests: null, holdMs });
      }
    },
  };
}
