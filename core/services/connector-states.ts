/** How connectors are on all nodes together. */
import { isRead, type PullStatus } from "../hosting/pull.ts";
import type { NodeStatus } from "./node.service.ts";

export interface ConnectorState {
  company: string;
  instance: string;
  /** The worst of all nodes. */
  state: "closed" | "open" | "paused";
  detail: string | null;
  source: { read: boolean; lastReadAt: Date | null; failures: number; detail: string | null } | null;
}

/** The worst last. */
const states = ["closed", "open", "paused"] as const;
const waiting = "the system behind it does not take drafts at present: they wait";

/** The last that is known of a source: when a page came, or a reader began. Between nodes a date travels as text. */
const lastSign = ({ lastReadAt, startedAt }: PullStatus) => new Date(lastReadAt ?? startedAt).getTime();

/** Of a source that several nodes stand by for, the one that reads it knows how it goes. */
function tellingOf(sources: PullStatus[]): PullStatus | undefined {
  return [...sources].sort(
    (a, b) => Number(a.standby) - Number(b.standby) || a.failures - b.failures || lastSign(b) - lastSign(a),
  )[0];
}

/** @param statuses of the nodes that have answered */
export function mergeStates(statuses: readonly NodeStatus[]): ConnectorState[] {
  const merged = new Map<string, ConnectorState>();
  const sources = new Map<string, PullStatus[]>();
  for (const status of statuses) {
    for (const { company, instance, state, detail, leftAlone } of status.connectors) {
      const key = `${company}/${instance}`;
      const known = merged.get(key) ?? { company, instance, state: "closed", detail: null, source: null };
      if (states.indexOf(state) > states.indexOf(known.state)) known.state = state;
      known.detail = detail ?? known.detail ?? (leftAlone ? waiting : null);
      merged.set(key, known);
    }
    for (const source of status.sources) {
      const key = `${source.company}/${source.instance}`;
      sources.set(key, [...(sources.get(key) ?? []), source]);
    }
  }
  for (const [key, known] of merged) {
    const source = tellingOf(sources.get(key) ?? []);
    if (!source) continue;
    const { lastReadAt, failures, detail } = source;
    const last = lastReadAt === null ? null : new Date(lastReadAt);
    known.source = { read: isRead(source), lastReadAt: last, failures, detail };
  }
  return [...merged.values()];
}
