/** Looks from time to time at what waits in the server: finds work whose hint was lost, and counts what waits. */
import type { Log } from "../../plugins/contract/connector.ts";
import type { Incoming } from "./jetstream-incoming.ts";
import type { Lanes } from "./jetstream-lanes.ts";
import type { Link } from "./jetstream-link.ts";
import { listLanes, type StreamOptions } from "./jetstream-stream.ts";

export interface ScanParts {
  link: Link;
  lanes: Lanes;
  incoming: Incoming;
  log: Log;
  stream: StreamOptions;
  /** Milliseconds between two looks. */
  everyMs: number;
}

/** A look at very many companies takes its time: this many times as long passes until the next. */
const restFactor = 30;

export function createScan({ link, lanes, incoming, log, stream, everyMs }: ScanParts) {
  let timer: NodeJS.Timeout | undefined;
  let scanning = false;
  let again = false;
  let closed = false;

  const look = async () => {
    const state = await link.look();
    // An empty stream, as on an idle night, costs one small request.
    if (!state || !link.manager) return;
    if (state.items === 0) return lanes.empty();
    const infos = await listLanes(link.manager, stream.name, link.generation);
    if (!link.available || closed) return;
    for (const lane of lanes.update(infos)) await lanes.ensure(lane);
    const own = incoming.deliveries();
    for (const { step, company, waiting, working } of infos) {
      // More in work than this node has: others have it, or have died with it, or gave it back.
      if (waiting > 0 || working > (own.get(`${step} ${company}`) ?? 0)) incoming.wake(step, company);
    }
  };
  const scan = async () => {
    if (scanning) {
      again = true;
      return;
    }
    scanning = true;
    clearTimeout(timer);
    const started = performance.now();
    try {
      await look();
    } catch (error) {
      log.debug("the queue could not be looked at", { error: (error as Error).message });
    }
    scanning = false;
    if (closed) return;
    timer = setTimeout(scan, again ? 0 : Math.max(everyMs, restFactor * (performance.now() - started)));
    again = false;
  };
  return {
    /** Looks now. */
    now: () => void scan(),
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
